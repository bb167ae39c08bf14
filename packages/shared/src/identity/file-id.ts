// pure: the id of a stored file: bound to its owner, key of its provider records.
import { utf8Bytes } from '../core/bytes.ts';
import { sha256 } from './node-id.ts';

export const FILE_NONCE_BYTES = 32;
const FILE_ID_TAG: Uint8Array = utf8Bytes('batchain/file/1\0');

/** SHA-256(tag, owner's public key, 32 random bytes); in the same key space as node ids. */
export function deriveFileId(ownerPublicKey: Uint8Array, fileNonce: Uint8Array): Uint8Array {
  return sha256(FILE_ID_TAG, ownerPublicKey, fileNonce);
}
