// pure: what a participant says of itself by multicast DNS, and which words of others are believed.
import {
  type Address,
  fail,
  fromBase64Url,
  makeAddress,
  type NodeId,
  nodeIdFromBytes,
  ok,
  type Result,
  sha256,
  toBase64Url,
  toHex,
  utf8Bytes,
} from '@batchain/shared';

/** DNS-SD service type: `_batchain._udp`. */
export const LAN_SERVICE_NAME = 'batchain';
const LAN_TEXT_VERSION = '1';

/** What is published: the names of a DNS-SD service. */
export interface LanAdvert {
  /** Instance name: one DNS label. */
  readonly name: string;
  /** Name of the machine in the answers: not the real one, which is nobody's business. */
  readonly host: string;
  /** The kad port. */
  readonly port: number;
  /** The TXT record. */
  readonly text: Readonly<Record<'v' | 'id' | 'net', string>>;
}

/** What was heard, as the library gives it: nothing of it is proved or of a known shape. */
export interface LanWords {
  /** Where the packet came from: the only address that is believed. An answer that names others is no reason to send them anything (T8). */
  readonly source: string;
  readonly port: unknown;
  readonly text: unknown;
}

export interface LanParticipant {
  /** Claimed; the first exchange with its KadNode proves it. */
  readonly nodeId: NodeId;
  readonly networkTag: string;
  readonly kadAddress: Address;
}

export function makeLanAdvert(nodeId: NodeId, networkTag: string, kadPort: number): LanAdvert {
  const name = `${LAN_SERVICE_NAME}-${toHex(nodeId.subarray(0, 8))}`;
  return { name, host: `${name}.local`, port: kadPort, text: { v: LAN_TEXT_VERSION, id: toBase64Url(nodeId), net: networkTag } };
}

/** Reads an announcement. Keys that we do not know are ignored, so that later versions may add some. */
export function readLanWords({ source, port, text }: LanWords): Result<LanParticipant, 'malformed' | 'unsupported-version'> {
  if (typeof text !== 'object' || text === null) return fail('malformed', 'no TXT record');
  const { v, id, net } = text as Readonly<Record<string, unknown>>;
  if (v !== LAN_TEXT_VERSION) return fail('unsupported-version');
  const idBytes = typeof id === 'string' ? fromBase64Url(id) : undefined;
  const nodeId = idBytes === undefined ? undefined : nodeIdFromBytes(idBytes);
  const kadAddress = typeof port === 'number' ? makeAddress(source, port) : undefined;
  if (nodeId === undefined || typeof net !== 'string' || kadAddress === undefined || kadAddress.port === 0) return fail('malformed');
  return ok({ nodeId, networkTag: net, kadAddress });
}

/** Tells networks apart on a LAN: 16 hex digits from which neither the network's key nor its secret follows. */
export function lanNetworkTag(networkKey: Uint8Array): string {
  return toHex(sha256(utf8Bytes('batchain/lan-tag/1'), networkKey).subarray(0, 8));
}
