// pure: the datagram inside a session: header, optional proof, message, keyed hash.
import { DATAGRAM_BYTES_MAX, plainBytes, SIGNATURE_BYTES, toHex } from '@batchain/shared';
import { DATAGRAM_KINDS, DATAGRAM_MAGIC, SESSION_ID_BYTES, TRANSACTION_ID_BYTES } from './envelope.ts';
import { endInKeyedHash, endsInKeyedHash, MAC_BYTES } from './transcript.ts';

export const COUNTER_MAX = 0xffff_ffff;

const COUNTER_AT = 2 + SESSION_ID_BYTES;
const FLAGS_AT = COUNTER_AT + 4;
const TRANSACTION_AT = FLAGS_AT + 1;
const HEADER_BYTES: number = TRANSACTION_AT + TRANSACTION_ID_BYTES;

/** The longest answer. */
export const RESPONSE_BYTES_MAX: number = DATAGRAM_BYTES_MAX - HEADER_BYTES - MAC_BYTES;
/** The longest request: room for the asker's proof is always kept. */
export const REQUEST_BYTES_MAX: number = RESPONSE_BYTES_MAX - SIGNATURE_BYTES;

const ROLE_MASK = 0b0011;
const HAS_PROOF = 0b0100;
const ACCEPTS_PROOF = 0b1000;
const IS_CLIENT = 0b1_0000;
const ROLES = ['request', 'response', 'introduction'] as const;

/** An introduction carries a proof and no message, and is not answered. */
export type SessionRole = (typeof ROLES)[number];

export interface SessionDatagram {
  /** The receiver's id of the session. */
  readonly sessionId: Uint8Array;
  readonly counter: number;
  readonly role: SessionRole;
  readonly transactionId: Uint8Array;
  /** The asker's signature over the transcript, until the answerer has said that it has it. */
  readonly proof: Uint8Array | undefined;
  /** In responses: the sender has checked the receiver's proof. */
  readonly acceptsProof: boolean;
  /** The sender is not reached from where the receiver is: it is not to be entered in tables. */
  readonly isClient: boolean;
  readonly message: Uint8Array;
}

/** Header fields, then [proof], message, keyed hash. The caller keeps the message within its limit. */
export function sealSessionDatagram(key: Uint8Array, datagram: SessionDatagram): Uint8Array {
  const { proof, message } = datagram;
  const messageAt = HEADER_BYTES + (proof === undefined ? 0 : SIGNATURE_BYTES);
  // Out of a pool, and written over wholly: memory of its own would cost as much as the keyed hash.
  const bytes = plainBytes(Buffer.allocUnsafe(messageAt + message.length + MAC_BYTES));
  bytes[0] = DATAGRAM_MAGIC;
  bytes[1] = DATAGRAM_KINDS.session;
  bytes.set(datagram.sessionId, 2);
  for (let i = 0; i < 4; i++) bytes[COUNTER_AT + i] = datagram.counter >>> (24 - i * 8);
  bytes[FLAGS_AT] =
    ROLES.indexOf(datagram.role) |
    (proof === undefined ? 0 : HAS_PROOF) |
    (datagram.acceptsProof ? ACCEPTS_PROOF : 0) |
    (datagram.isClient ? IS_CLIENT : 0);
  bytes.set(datagram.transactionId, TRANSACTION_AT);
  if (proof !== undefined) bytes.set(proof, HEADER_BYTES);
  bytes.set(message, messageAt);
  endInKeyedHash(key, bytes);
  return bytes;
}

/** The receiver's session id in hex, read before anything else is known; undefined when the datagram is too short or long. */
export function sessionIdOfDatagram(bytes: Uint8Array): string | undefined {
  if (bytes.length < HEADER_BYTES + MAC_BYTES || bytes.length > DATAGRAM_BYTES_MAX) return undefined;
  return toHex(bytes.subarray(2, COUNTER_AT));
}

export function counterOfDatagram(bytes: Uint8Array): number {
  let counter = 0;
  for (let i = 0; i < 4; i++) counter = counter * 256 + (bytes[COUNTER_AT + i] as number);
  return counter;
}

/** Checks the keyed hash first; undefined when it or the header is wrong. Only for datagrams that have a session id. */
export function openSessionDatagram(key: Uint8Array, bytes: Uint8Array): SessionDatagram | undefined {
  if (!endsInKeyedHash(key, bytes)) return undefined;
  const flags = bytes[FLAGS_AT] as number;
  const role = ROLES[flags & ROLE_MASK];
  if (role === undefined || flags > (ROLE_MASK | HAS_PROOF | ACCEPTS_PROOF | IS_CLIENT)) return undefined;
  const hasProof = (flags & HAS_PROOF) !== 0;
  const messageAt = HEADER_BYTES + (hasProof ? SIGNATURE_BYTES : 0);
  const endAt = bytes.length - MAC_BYTES;
  if (messageAt > endAt) return undefined;
  return {
    sessionId: bytes.subarray(2, COUNTER_AT),
    counter: counterOfDatagram(bytes),
    role,
    transactionId: bytes.subarray(TRANSACTION_AT, HEADER_BYTES),
    proof: hasProof ? bytes.subarray(HEADER_BYTES, messageAt) : undefined,
    acceptsProof: (flags & ACCEPTS_PROOF) !== 0,
    isClient: (flags & IS_CLIENT) !== 0,
    message: bytes.subarray(messageAt, endAt),
  };
}
