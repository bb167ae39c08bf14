// pure: the packets of a hand punch: 24 bytes, authenticated under a key that only the two ends share (docs/spec/punch.md).
import { createHmac, timingSafeEqual } from 'node:crypto';
import { concatBytes, utf8Bytes } from '@batchain/shared';

/**
 * `knock`: I am here. `heard`: a packet of yours came in on this path. `take`: the caller has chosen this path. `taken`: so has the
 * called one.
 */
export type PunchPacketKind = 'knock' | 'heard' | 'take' | 'taken';
export type PunchRole = 'caller' | 'called';

/** Neither STUN (0 to 3), nor DTLS (20 to 63), nor a Kad datagram (0xbc): what comes late disturbs nobody on that port. */
const FIRST_BYTE = 0xbd;
const VERSION = 1;
const KINDS: readonly PunchPacketKind[] = ['knock', 'heard', 'take', 'taken'];
const ROLES: readonly PunchRole[] = ['caller', 'called'];
const HEAD_BYTES = 4;
const MAC_BYTES = 20;
export const PUNCH_PACKET_BYTES: number = HEAD_BYTES + MAC_BYTES;
export const PUNCH_KEY_BYTES = 32;
const TAG = utf8Bytes('batchain/1/hand-punch\0');

const macOf = (key: Uint8Array, head: Uint8Array): Uint8Array =>
  new Uint8Array(createHmac('sha256', key).update(TAG).update(head).digest()).subarray(0, MAC_BYTES);

/** `role` is the sender's: a packet that is thrown back is not taken for the peer's. */
export function encodePunchPacket(key: Uint8Array, role: PunchRole, kind: PunchPacketKind): Uint8Array {
  const head = Uint8Array.of(FIRST_BYTE, VERSION, ROLES.indexOf(role), KINDS.indexOf(kind));
  return concatBytes(head, macOf(key, head));
}

/** The kind of a packet that the other end, in its role, made with this key; undefined for anything else. */
export function openPunchPacket(key: Uint8Array, sender: PunchRole, bytes: Uint8Array): PunchPacketKind | undefined {
  if (bytes.length !== PUNCH_PACKET_BYTES || bytes[0] !== FIRST_BYTE || bytes[1] !== VERSION) return undefined;
  const kind = KINDS[bytes[3] as number];
  if (kind === undefined || bytes[2] !== ROLES.indexOf(sender)) return undefined;
  return timingSafeEqual(macOf(key, bytes.subarray(0, HEAD_BYTES)), bytes.subarray(HEAD_BYTES)) ? kind : undefined;
}
