// pure: requests and answers of NAT-PMP (RFC 6886 section 3).
import { concatBytes, fail, ok, type Result, uintBytes } from '@batchain/shared';
import type { MappedProtocol } from './mapping-method.ts';

const VERSION = 0;
const ADDRESS_OPCODE = 0;
const MAP_OPCODES: Readonly<Record<MappedProtocol, number>> = { udp: 1, tcp: 2 };
const ANSWER_BIT = 0x80;
/** RFC 6886 section 3.5. */
const RESULTS: readonly string[] = [
  'success',
  'unsupported version',
  'not authorized',
  'network failure',
  'out of resources',
  'unsupported opcode',
];
const UNSUPPORTED: readonly number[] = [1, 5];

export interface NatPmpMapRequest {
  readonly protocol: MappedProtocol;
  readonly internalPort: number;
  readonly externalPort: number;
  /** 0 takes the mapping back. */
  readonly lifetimeS: number;
}

export interface NatPmpMapping {
  readonly externalPort: number;
  readonly lifetimeS: number;
}

type NatPmpAnswer<T> = Result<T, 'unsupported' | 'refused'> | undefined;

export const NAT_PMP_ADDRESS_REQUEST: Uint8Array = Uint8Array.of(VERSION, ADDRESS_OPCODE);

export function encodeNatPmpMap({ protocol, internalPort, externalPort, lifetimeS }: NatPmpMapRequest): Uint8Array {
  // A mapping is taken back with the outer port 0 (section 3.4).
  const outside = lifetimeS === 0 ? 0 : externalPort;
  return concatBytes(
    Uint8Array.of(VERSION, MAP_OPCODES[protocol], 0, 0),
    uintBytes(internalPort, 2),
    uintBytes(outside, 2),
    uintBytes(lifetimeS, 4),
  );
}

/** The body of an answer to this opcode, behind the 8 bytes of header; undefined when the packet is none. */
function openAnswer(bytes: Uint8Array, opcode: number, length: number): NatPmpAnswer<DataView> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || view.getUint8(0) !== VERSION) return undefined;
  const result = view.getUint16(2);
  // Some routers name the opcode that they do not know, others none.
  if (UNSUPPORTED.includes(result)) return fail('unsupported', RESULTS[result]);
  if (view.getUint8(1) !== (ANSWER_BIT | opcode)) return undefined;
  if (result !== 0) return fail('refused', RESULTS[result] ?? `result ${result}`);
  return bytes.length < length ? undefined : ok(view);
}

/** The router's address outside. */
export function decodeNatPmpAddress(bytes: Uint8Array): NatPmpAnswer<string> {
  const opened = openAnswer(bytes, ADDRESS_OPCODE, 12);
  return opened?.ok === true ? ok(bytes.subarray(8, 12).join('.')) : opened;
}

/** What the router says to the request; undefined when the packet is no answer to it. */
export function decodeNatPmpMap(bytes: Uint8Array, request: NatPmpMapRequest): NatPmpAnswer<NatPmpMapping> {
  const opened = openAnswer(bytes, MAP_OPCODES[request.protocol], 16);
  if (opened?.ok !== true) return opened;
  const view = opened.value;
  if (view.getUint16(8) !== request.internalPort) return undefined;
  return ok({ externalPort: view.getUint16(10), lifetimeS: view.getUint32(12) });
}
