// pure: a keyed-hash Signer, Verifier and KeyAgreement for very large simulations, in which real signatures cost too much.
import { createHash } from 'node:crypto';
import { compareBytes, equalBytes, utf8Bytes } from '../core/bytes.ts';
import { nodeIdFromPublicKey } from '../identity/node-id.ts';
import type { Crypto, KeyAgreement, Signer, Verifier } from '../identity/signer.ts';
import type { Random } from '../runtime/random.ts';

const KEY_BYTES = 32;
const SECRET_BYTES = 32;

/** Everything of one simulation; what is signed with one SimCrypto counts for nothing with another. */
export interface SimCrypto extends Crypto {
  /** The signer of a seed of any length; the same seed gives the same key. */
  signerFromSeed(seed: Uint8Array): Signer;
}

/**
 * Cheap cryptography with the ports, sizes and refusals of the real one. A signature is SHA-512 over a secret of the
 * simulation, the public key and the bytes: code that holds a Signer can sign, and nobody else, because the secret is
 * out of everybody's reach. Not for anything outside a simulation.
 */
export function createSimCrypto(entropy: Random): SimCrypto {
  const secret = entropy.bytes(SECRET_BYTES);
  const keyed = (purpose: string, ...parts: readonly Uint8Array[]): Uint8Array => {
    const hash = createHash('sha512').update(secret).update(purpose);
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  };
  const signature = (publicKey: Uint8Array, bytes: Uint8Array): Uint8Array => keyed('sign', publicKey, bytes);
  const verifier: Verifier = {
    verify: (publicKey, bytes, given) => publicKey.length === KEY_BYTES && equalBytes(given, signature(publicKey, bytes)),
  };
  const agreement: KeyAgreement = {
    generate: (random) => {
      const publicKey = keyed('ephemeral', random.bytes(KEY_BYTES)).slice(0, KEY_BYTES);
      return {
        publicKey,
        agree: (other) => {
          // All zeros stands for the keys of low order that X25519 refuses.
          if (other.length !== KEY_BYTES || other.every((byte) => byte === 0)) return undefined;
          const [first, second] = compareBytes(publicKey, other) < 0 ? [publicKey, other] : [other, publicKey];
          return keyed('agree', first, second).slice(0, KEY_BYTES);
        },
      };
    },
  };
  return {
    verifier,
    agreement,
    signerFromSeed: (seed) => {
      const publicKey = keyed('public', utf8Bytes(`${seed.length}:`), seed).slice(0, KEY_BYTES);
      return { publicKey, nodeId: nodeIdFromPublicKey(publicKey), sign: (bytes) => signature(publicKey, bytes) };
    },
  };
}
