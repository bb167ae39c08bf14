// pure: FIND_NODE and its plain answer, coded in one pass: nearly all Kad traffic. The same bytes as message-codecs makes.
import { addressLength, type NodeId, plainBytes, putAddress, readAddress } from '@batchain/shared';
import { CONTACTS_PER_REPLY_MAX } from '../limits.ts';
import type { CompactContact, KadRequest, KadResponse } from './messages.ts';

type FindNode = Extract<KadRequest, { readonly type: 'find-node' }>;
type Nodes = Extract<KadResponse, { readonly type: 'nodes' }>;

const KEY_BYTES = 32;
/** Heads of CBOR items (RFC 8949 section 3). Numbers below 24 are their own head. */
const ARRAY = 0x80;
const MAP_OF_NONE = 0xa0;
const FALSE = 0xf4;
const TRUE = 0xf5;
/** Byte strings and numbers whose length or value is in the next byte. */
const BYTES_8 = 0x58;
const NUMBER_8 = 0x18;
const ONE_BYTE_NUMBERS = 24;

const FIND_NODE_VERB = 2;
const NODES_VERB = 66;
const FIELDS_5: number = ARRAY + 5;

const TARGET_AT = 4;
const WANTS_HOSTS_AT: number = TARGET_AT + KEY_BYTES;
const FIND_NODE_BYTES: number = WANTS_HOSTS_AT + 3;

/** `[2, target, wants hosts, page, {}]`; undefined where message-codecs has to do it. */
export function encodeFindNode({ target, wantsHosts, page }: FindNode): Uint8Array | undefined {
  if (target.length !== KEY_BYTES || !(page >= 0 && page < ONE_BYTE_NUMBERS)) return undefined;
  const bytes = new Uint8Array(FIND_NODE_BYTES);
  bytes[0] = FIELDS_5;
  bytes[1] = FIND_NODE_VERB;
  bytes[2] = BYTES_8;
  bytes[3] = KEY_BYTES;
  bytes.set(target, TARGET_AT);
  bytes[WANTS_HOSTS_AT] = wantsHosts ? TRUE : FALSE;
  bytes[WANTS_HOSTS_AT + 1] = page;
  bytes[WANTS_HOSTS_AT + 2] = MAP_OF_NONE;
  return bytes;
}

/** Undefined for anything but what encodeFindNode makes. The target points into the bytes. */
export function decodeFindNode(bytes: Uint8Array): FindNode | undefined {
  if (bytes.length !== FIND_NODE_BYTES || bytes[0] !== FIELDS_5 || bytes[1] !== FIND_NODE_VERB) return undefined;
  const flag = bytes[WANTS_HOSTS_AT];
  const page = bytes[WANTS_HOSTS_AT + 1] as number;
  const isPlain = bytes[2] === BYTES_8 && bytes[3] === KEY_BYTES && (flag === TRUE || flag === FALSE);
  if (!isPlain || page >= ONE_BYTE_NUMBERS || bytes[WANTS_HOSTS_AT + 2] !== MAP_OF_NONE) return undefined;
  return { type: 'find-node', target: bytes.subarray(TARGET_AT, WANTS_HOSTS_AT), wantsHosts: flag === TRUE, page };
}

const CONTACTS_AT = 4;
/** No records, one byte of pages, no extensions. */
const AFTER_CONTACTS_BYTES = 3;

/** `[66, contacts, [], pages, {}]`; undefined where message-codecs has to do it. May lie in a larger pool. */
export function encodeNodes({ contacts, records, pages }: Nodes): Uint8Array | undefined {
  if (records.length > 0 || contacts.length > CONTACTS_PER_REPLY_MAX || !(pages >= 0 && pages < ONE_BYTE_NUMBERS)) return undefined;
  let length = CONTACTS_AT + AFTER_CONTACTS_BYTES;
  for (const { nodeId, address } of contacts) {
    if (nodeId.length !== KEY_BYTES) return undefined;
    length += 2 + KEY_BYTES + addressLength(address);
  }
  const bytes = plainBytes(Buffer.allocUnsafe(length));
  bytes[0] = FIELDS_5;
  bytes[1] = NUMBER_8;
  bytes[2] = NODES_VERB;
  bytes[3] = ARRAY + contacts.length;
  let at = CONTACTS_AT;
  for (const { nodeId, address } of contacts) {
    bytes[at] = BYTES_8;
    bytes.set(nodeId, at + 2);
    const addressBytes = putAddress(address, bytes, at + 2 + KEY_BYTES);
    bytes[at + 1] = KEY_BYTES + addressBytes;
    at += 2 + KEY_BYTES + addressBytes;
  }
  bytes[at] = ARRAY;
  bytes[at + 1] = pages;
  bytes[at + 2] = MAP_OF_NONE;
  return bytes;
}

/** Undefined for anything but what encodeNodes makes. The ids point into the bytes. */
export function decodeNodes(bytes: Uint8Array): Nodes | undefined {
  if (bytes[0] !== FIELDS_5 || bytes[1] !== NUMBER_8 || bytes[2] !== NODES_VERB) return undefined;
  const count = (bytes[3] ?? 0) - ARRAY;
  if (count < 0 || count > CONTACTS_PER_REPLY_MAX) return undefined;
  const contacts: CompactContact[] = [];
  let at = CONTACTS_AT;
  for (let i = 0; i < count; i++) {
    const length = bytes[at + 1] ?? 0;
    const idAt = at + 2;
    const addressAt = idAt + KEY_BYTES;
    if (bytes[at] !== BYTES_8 || length <= KEY_BYTES || idAt + length > bytes.length) return undefined;
    const address = readAddress(bytes, addressAt, length - KEY_BYTES);
    if (address === undefined) return undefined;
    contacts.push({ nodeId: bytes.subarray(idAt, addressAt) as NodeId, address });
    at = idAt + length;
  }
  const pages = bytes[at + 1] ?? ONE_BYTE_NUMBERS;
  if (bytes.length !== at + AFTER_CONTACTS_BYTES || bytes[at] !== ARRAY || bytes[at + 2] !== MAP_OF_NONE) return undefined;
  return pages < ONE_BYTE_NUMBERS ? { type: 'nodes', contacts, records: [], pages } : undefined;
}
