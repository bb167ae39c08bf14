// pure: signatures with a purpose tag, so that bytes signed for one purpose never count for another.
import { concatBytes, utf8Bytes } from '../core/bytes.ts';
import type { Signer, Verifier } from './signer.ts';

/** Every purpose that a BatChain key signs for. */
export type SigningPurpose =
  | 'contact-record'
  | 'provider-record'
  | 'provider-grant'
  | 'mutable-value'
  | 'kad-hello'
  | 'kad-welcome'
  | 'roster'
  | 'access-proof'
  | 'storage-receipt'
  | 'not-held-statement'
  | 'lease-order'
  | 'reach-signal'
  | 'audit-verdict';

/** The bytes that are really signed: `batchain/1/PURPOSE`, a zero byte, the body. */
export function signedBytes(purpose: SigningPurpose, body: Uint8Array): Uint8Array {
  return concatBytes(utf8Bytes(`batchain/1/${purpose}`), Uint8Array.of(0), body);
}

export function signFor(signer: Signer, purpose: SigningPurpose, body: Uint8Array): Uint8Array {
  return signer.sign(signedBytes(purpose, body));
}

export function verifyFor(
  verifier: Verifier,
  purpose: SigningPurpose,
  publicKey: Uint8Array,
  body: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verifier.verify(publicKey, signedBytes(purpose, body), signature);
}
