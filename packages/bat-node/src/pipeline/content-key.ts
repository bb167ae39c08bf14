// pure: the keys of one segment, from the file key and the segment's salt, by HKDF-SHA-256 (RFC 5869).
import { hkdfSync } from 'node:crypto';
import { assert, utf8Bytes } from '@batchain/shared';
import type { SegmentKeys } from './types.ts';

export const FILE_KEY_BYTES = 32;
export const SALT_BYTES = 32;
const KEY_BYTES = 32;
const SEGMENT_INFO: Uint8Array = utf8Bytes('batchain/segment/1');
const PAD_INFO: Uint8Array = utf8Bytes('pad');
const NO_SALT = new Uint8Array(0);

/** The salt is drawn from entropy for each segment and never used for a second plaintext. */
export function deriveSegmentKeys(fileKey: Uint8Array, salt: Uint8Array): SegmentKeys {
  assert(fileKey.length === FILE_KEY_BYTES, 'a file key has 32 bytes');
  assert(salt.length === SALT_BYTES, 'a salt has 32 bytes');
  const sealing = new Uint8Array(hkdfSync('sha256', fileKey, salt, SEGMENT_INFO, KEY_BYTES));
  return { sealing, padding: new Uint8Array(hkdfSync('sha256', sealing, NO_SALT, PAD_INFO, KEY_BYTES)) };
}
