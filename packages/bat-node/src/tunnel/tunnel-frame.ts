// pure: one Kad datagram and its address as a control frame: docs/spec/bat-wire.md section 10.
// pure: one Kad datagram and its address as a control frame: docs/spec/bat-wire.md, Kad without UDP.
import { type Address, addressBytes, concatBytes, DATAGRAM_BYTES_MAX, readAddress } from '@batchain/shared';

/** Byte 0 of every Kad datagram (docs/spec/kad-wire.md); nothing else goes through a tunnel, STUN above all (T6). */
export const KAD_DATAGRAM_MAGIC = 0xbc;

export interface TunnelledDatagram {
  /** Where it is to go, or where it came from. */
  readonly address: Address;
  readonly bytes: Uint8Array;
}

/** True for what a tunnel carries: 1 to 1,200 bytes that begin as Kad datagrams do. */
export function isTunnelled(bytes: Uint8Array): boolean {
  return bytes[0] === KAD_DATAGRAM_MAGIC && bytes.length <= DATAGRAM_BYTES_MAX;
}

export function encodeTunnelled({ address, bytes }: TunnelledDatagram): Uint8Array {
  const place = addressBytes(address);
  return concatBytes(Uint8Array.of(place.length), place, bytes);
}

/** Undefined when the frame is malformed; the datagram may still be one that no tunnel carries. */
export function decodeTunnelled(frame: Uint8Array): TunnelledDatagram | undefined {
  const length = frame[0];
  if (length === undefined || frame.length < 1 + length) return undefined;
  const address = readAddress(frame, 1, length);
  return address === undefined ? undefined : { address, bytes: frame.subarray(1 + length) };
}
