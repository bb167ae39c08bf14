// pure: Signer, Verifier and KeyAgreement ports, so that very large simulations can inject cheap ones.
import type { Random } from '../runtime/random.ts';
import type { NodeId } from './node-id.ts';

/** Holds one participant's signing key. */
export interface Signer {
  /** Raw 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly nodeId: NodeId;
  /** 64-byte signature over the bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

export interface Verifier {
  /** False for a wrong signature and for a malformed key or signature; never throws. */
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean;
}

export interface EphemeralKey {
  /** Raw 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The shared 32-byte secret; undefined when the other key is malformed or of low order. */
  agree(otherPublicKey: Uint8Array): Uint8Array | undefined;
}

/** Ephemeral key agreement (X25519 in production, RFC 7748). */
export interface KeyAgreement {
  generate(entropy: Random): EphemeralKey;
}

/** What protocol code needs of public-key cryptography. */
export interface Crypto {
  readonly verifier: Verifier;
  readonly agreement: KeyAgreement;
}
