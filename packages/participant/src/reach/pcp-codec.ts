// pure: MAP requests and answers of the Port Control Protocol, version 2 (RFC 6887 sections 7 and 11).
import { type Address, addressFromBytes, concatBytes, equalBytes, fail, ipBytes, ok, type Result, uintBytes } from '@batchain/shared';
import { PCP_PACKET_BYTES_MAX } from '../limits.ts';
import type { MappedProtocol } from './mapping-method.ts';

const VERSION = 2;
const MAP_OPCODE = 1;
const ANSWER_BIT = 0x80;
const HEADER_BYTES = 24;
const MAP_BYTES = HEADER_BYTES + 36;
export const PCP_NONCE_BYTES = 12;
/** Numbers of IANA. */
const PROTOCOLS: Readonly<Record<MappedProtocol, number>> = { tcp: 6, udp: 17 };
const V4_PREFIX: Uint8Array = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** RFC 6887 section 7.4. */
const RESULTS: readonly string[] = [
  'success',
  'unsupported version',
  'not authorized',
  'malformed request',
  'unsupported opcode',
  'unsupported option',
  'malformed option',
  'network failure',
  'no resources',
  'unsupported protocol',
  'quota exceeded',
  'cannot provide that external address',
  'another NAT stands between',
  'excessive remote peers',
];
const UNSUPPORTED: readonly number[] = [1, 4, 9];

export interface PcpMapRequest {
  /** Our address as the router sees it; another one is refused, which is how a NAT in between shows. */
  readonly ownHost: string;
  /** The same in renewals and when the mapping is taken back: nobody else can change it. */
  readonly nonce: Uint8Array;
  readonly protocol: MappedProtocol;
  readonly internalPort: number;
  readonly externalPort: number;
  /** 0 takes the mapping back. */
  readonly lifetimeS: number;
}

export interface PcpMapping {
  readonly external: Address;
  readonly lifetimeS: number;
}

function paddedIp(host: string): Uint8Array {
  const bytes = ipBytes(host) ?? new Uint8Array(4);
  return bytes.length === 4 ? concatBytes(V4_PREFIX, bytes) : bytes;
}

export function encodePcpMap(request: PcpMapRequest): Uint8Array {
  const { ownHost, nonce, protocol, internalPort, externalPort, lifetimeS } = request;
  return concatBytes(
    Uint8Array.of(VERSION, MAP_OPCODE, 0, 0),
    uintBytes(lifetimeS, 4),
    paddedIp(ownHost),
    nonce,
    Uint8Array.of(PROTOCOLS[protocol], 0, 0, 0),
    uintBytes(internalPort, 2),
    uintBytes(externalPort, 2),
    paddedIp('0.0.0.0'),
  );
}

/**
 * What the router says to the request; undefined when the packet is no answer to it. A router that knows NAT-PMP alone answers in that
 * protocol that it does not know our version (RFC 6887 appendix A).
 */
export function decodePcpAnswer(bytes: Uint8Array, request: PcpMapRequest): Result<PcpMapping, 'unsupported' | 'refused'> | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || bytes.length > PCP_PACKET_BYTES_MAX || (view.getUint8(1) & ANSWER_BIT) === 0) return undefined;
  if (view.getUint8(0) !== VERSION) return fail('unsupported', `it answers in version ${view.getUint8(0)}`);
  if (view.getUint8(1) !== (ANSWER_BIT | MAP_OPCODE)) return undefined;
  const result = view.getUint8(3);
  if (UNSUPPORTED.includes(result)) return fail('unsupported', RESULTS[result]);
  if (bytes.length < MAP_BYTES || !equalBytes(bytes.subarray(24, 36), request.nonce)) return undefined;
  if (view.getUint8(36) !== PROTOCOLS[request.protocol] || view.getUint16(40) !== request.internalPort) return undefined;
  if (result !== 0) return fail('refused', RESULTS[result] ?? `result ${result}`);
  const ip = bytes.subarray(44, 60);
  const isV4 = equalBytes(ip.subarray(0, 12), V4_PREFIX);
  const external = addressFromBytes(concatBytes(isV4 ? ip.subarray(12) : ip, bytes.subarray(42, 44)));
  return external === undefined ? undefined : ok({ external, lifetimeS: view.getUint32(4) });
}
