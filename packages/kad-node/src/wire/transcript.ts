// pure: what both ends of a first exchange sign, and the session keys that follow from it.
import { hash, hkdfSync, timingSafeEqual } from 'node:crypto';
import { DATAGRAM_BYTES_MAX, sha256, uintBytes, utf8Bytes } from '@batchain/shared';

export const MAC_BYTES = 16;
export const SESSION_KEY_BYTES = 32;

const TRANSCRIPT_TAG = utf8Bytes('batchain/1/kad-transcript\0');
const KEYS_TAG = utf8Bytes('batchain/1/kad-session-keys');

/** One key per direction. */
export interface SessionKeys {
  readonly askerToAnswerer: Uint8Array;
  readonly answererToAsker: Uint8Array;
}

/**
 * SHA-256 over the network key, the whole HELLO and the WELCOME without its signature. Both keys, both ephemeral keys,
 * both session ids, both addresses, the first request and its answer are in it.
 */
export function transcriptOf(networkKey: Uint8Array, hello: Uint8Array, unsignedWelcome: Uint8Array): Uint8Array {
  return sha256(TRANSCRIPT_TAG, networkKey, uintBytes(hello.length, 2), hello, unsignedWelcome);
}

/** HKDF-SHA256 (RFC 5869) of the X25519 secret, salted with the transcript. */
export function deriveSessionKeys(sharedSecret: Uint8Array, transcript: Uint8Array): SessionKeys {
  const keys = new Uint8Array(hkdfSync('sha256', sharedSecret, transcript, KEYS_TAG, 2 * SESSION_KEY_BYTES));
  return { askerToAnswerer: keys.subarray(0, SESSION_KEY_BYTES), answererToAsker: keys.subarray(SESSION_KEY_BYTES) };
}

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** What HMAC hashes, inside and outside: written anew for each datagram and never handed out. */
const inner: Buffer = Buffer.alloc(BLOCK_BYTES + DATAGRAM_BYTES_MAX);
const outer: Buffer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
const mac: Buffer = Buffer.alloc(DIGEST_BYTES);

/**
 * HMAC-SHA256 (RFC 2104) over the first `length` bytes of a datagram, into `mac`. Two hashes in one call each: an Hmac object
 * costs twice as much, and then again when it is collected. The digest comes as a string, since a Buffer would be one more
 * object outside the heap.
 */
function hashDatagram(key: Uint8Array, datagram: Uint8Array, length: number): void {
  if (key.length > BLOCK_BYTES || datagram.length > DATAGRAM_BYTES_MAX) throw new RangeError('a session key and a datagram');
  inner.fill(INNER_PAD, 0, BLOCK_BYTES);
  outer.fill(OUTER_PAD, 0, BLOCK_BYTES);
  for (let i = 0; i < key.length; i++) {
    const byte = key[i] as number;
    inner[i] = byte ^ INNER_PAD;
    outer[i] = byte ^ OUTER_PAD;
  }
  // What stands behind `length` comes along and is not hashed: a view of the part would be one more object.
  inner.set(datagram, BLOCK_BYTES);
  outer.write(hash('sha256', inner.subarray(0, BLOCK_BYTES + length), 'binary'), BLOCK_BYTES, 'latin1');
  mac.write(hash('sha256', outer, 'binary'), 'latin1');
}

/** Writes the first 16 bytes of HMAC-SHA256 over all that stands before them into the last 16 of a datagram. */
export function endInKeyedHash(key: Uint8Array, datagram: Uint8Array): void {
  const at = datagram.length - MAC_BYTES;
  hashDatagram(key, datagram, at);
  for (let i = 0; i < MAC_BYTES; i++) datagram[at + i] = mac[i] as number;
}

/** Checks the keyed hash that ends a datagram, in constant time. */
export function endsInKeyedHash(key: Uint8Array, datagram: Uint8Array): boolean {
  if (datagram.length < MAC_BYTES || datagram.length > DATAGRAM_BYTES_MAX) return false;
  const at = datagram.length - MAC_BYTES;
  hashDatagram(key, datagram, at);
  return timingSafeEqual(mac.subarray(0, MAC_BYTES), datagram.subarray(at));
}
