// pure: what both ends of a first exchange sign, and the session keys that follow from it.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { sha256, uintBytes, utf8Bytes } from '@batchain/shared';

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

/** The first 16 bytes of HMAC-SHA256 (RFC 2104). */
export function keyedHash(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const digest = createHmac('sha256', key).update(bytes).digest();
  return new Uint8Array(digest.buffer, digest.byteOffset, MAC_BYTES);
}

/** Checks the keyed hash that ends a datagram, in constant time. */
export function endsInKeyedHash(key: Uint8Array, datagram: Uint8Array): boolean {
  if (datagram.length < MAC_BYTES) return false;
  const at = datagram.length - MAC_BYTES;
  return timingSafeEqual(keyedHash(key, datagram.subarray(0, at)), datagram.subarray(at));
}
