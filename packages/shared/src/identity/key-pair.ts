// pure: Ed25519 signing (RFC 8032) and X25519 agreement (RFC 7748) over node:crypto, from seeds.
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject, sign, verify } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { present } from '../core/assert.ts';
import { concatBytes, fromBase64Url, fromHex, toBase64Url, toHex } from '../core/bytes.ts';
import type { Random } from '../runtime/random.ts';
import { nodeIdFromPublicKey } from './node-id.ts';
import type { Crypto, KeyAgreement, Signer, Verifier } from './signer.ts';

type Curve = 'Ed25519' | 'X25519';

/** DER prefixes of PKCS#8 private keys (RFC 8410); the raw 32 bytes follow. */
const der = (hex: string): Uint8Array => fromHex(hex) as Uint8Array;
const ED25519_PKCS8 = der('302e020100300506032b657004220420');
const X25519_PKCS8 = der('302e020100300506032b656e04220420');

export const PUBLIC_KEY_BYTES = 32;
export const SEED_BYTES = 32;
export const SIGNATURE_BYTES = 64;
/**
 * Importing a key costs at most a quarter of a check, so the keys of one message's records (12 at most) are kept. Not many
 * more: each is an object of OpenSSL, and most keys are used once, for the session with their owner.
 */
const IMPORTED_KEYS_MAX = 16;

function privateKey(prefix: Uint8Array, seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(concatBytes(prefix, seed)), format: 'der', type: 'pkcs8' });
}

/** Through JWK: OpenSSL's decoder for DER takes four times as long (88 us against 23 us). */
function publicKey(curve: Curve, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: curve, x: toBase64Url(raw) }, format: 'jwk' });
}

function rawPublicKey(key: KeyObject): Uint8Array {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return present(fromBase64Url(x ?? ''), 'a public key has an x');
}

/** An Ed25519 key pair. `key` is for TLS only. */
export interface KeyPair extends Signer {
  readonly key: KeyObject;
}

/** The Ed25519 key pair of a 32-byte seed. */
export function keyPairFromSeed(seed: Uint8Array): KeyPair {
  const key = privateKey(ED25519_PKCS8, seed);
  const raw = rawPublicKey(key);
  return { key, publicKey: raw, nodeId: nodeIdFromPublicKey(raw), sign: (bytes) => new Uint8Array(sign(null, bytes, key)) };
}

class Ed25519Verifier implements Verifier {
  readonly #imported = new LRUCache<string, KeyObject>({ max: IMPORTED_KEYS_MAX });

  verify(raw: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
    if (raw.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
    const name = toHex(raw);
    try {
      let key = this.#imported.get(name);
      if (key === undefined) {
        key = publicKey('Ed25519', raw);
        this.#imported.set(name, key);
      }
      return verify(null, bytes, key, signature);
    } catch {
      return false;
    }
  }
}

class X25519Agreement implements KeyAgreement {
  generate(entropy: Random): ReturnType<KeyAgreement['generate']> {
    const key = privateKey(X25519_PKCS8, entropy.bytes(SEED_BYTES));
    return {
      publicKey: rawPublicKey(key),
      agree: (other) => {
        if (other.length !== PUBLIC_KEY_BYTES) return undefined;
        try {
          return new Uint8Array(diffieHellman({ privateKey: key, publicKey: publicKey('X25519', other) }));
        } catch {
          return undefined;
        }
      },
    };
  }
}

/** The production cryptography; a new cache of imported keys each time. */
export function createCrypto(): Crypto {
  return { verifier: new Ed25519Verifier(), agreement: new X25519Agreement() };
}
