// pure: the real cryptography for hundreds of nodes in one process, which check the same signatures: each is computed once.
import { createHash } from 'node:crypto';
import { BoundedMap } from '@batchain/kad-node';
import type { Crypto } from '@batchain/shared';
import { SIGNATURES_REMEMBERED_MAX } from '../limits.ts';

/** A node's contact record is checked by everybody who hears of it. Whether a signature is right depends on nothing else. */
export function shareCrypto(crypto: Crypto): Crypto {
  const known = new BoundedMap<string, boolean>(SIGNATURES_REMEMBERED_MAX);
  const verify = (publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean => {
    const lengths = `${publicKey.length} ${signature.length} `;
    const name = createHash('sha256').update(lengths).update(publicKey).update(signature).update(bytes).digest('base64');
    const isRight = known.get(name) ?? crypto.verifier.verify(publicKey, bytes, signature);
    known.set(name, isRight);
    return isRight;
  };
  return { ...crypto, verifier: { verify } };
}
