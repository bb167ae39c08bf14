// pure: bodies that travel with the signature of whom they name: one record of both, for each purpose.
import type { DecodeReason } from '../codec/cbor.ts';
import { bytesOf, type Codec, makeCodec, recordOf } from '../codec/codec.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { SIGNATURE_BYTES } from './key-pair.ts';
import { type SigningPurpose, signFor, verifyFor } from './signed.ts';
import type { Signer, Verifier } from './signer.ts';

export interface SealOptions<B> {
  readonly purpose: SigningPurpose;
  /** Of the whole record, in what a decoder says. */
  readonly name: string;
  /** Of the whole record. */
  readonly bytesMax: number;
  readonly bodyCodec: Codec<B>;
  /** Whose signature a body needs: a raw public key. */
  readonly signerOf: (body: B) => Uint8Array;
}

/** Decoded, and nothing proved. */
export interface Unsealed<B> {
  readonly body: B;
  /** What is signed. */
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

export class Seal<B> {
  readonly #options: SealOptions<B>;
  readonly #codec: Codec<{ readonly body: Uint8Array; readonly signature: Uint8Array }>;

  constructor(options: SealOptions<B>) {
    const { name, bytesMax } = options;
    this.#options = options;
    this.#codec = makeCodec(name, bytesMax, recordOf({ body: bytesOf(1, bytesMax), signature: bytesOf(SIGNATURE_BYTES) }));
  }

  /** The record as it travels. */
  seal(signer: Signer, content: B): Uint8Array {
    const body = this.#options.bodyCodec.encode(content);
    return this.#codec.encode({ body, signature: signFor(signer, this.#options.purpose, body) });
  }

  unseal(record: Uint8Array): Result<Unsealed<B>, DecodeReason> {
    const sealed = this.#codec.decode(record);
    if (!sealed.ok) return sealed;
    const { body: bytes, signature } = sealed.value;
    const body = this.#options.bodyCodec.decode(bytes);
    return body.ok ? ok({ body: body.value, bytes, signature }) : body;
  }

  isSigned(verifier: Verifier, { body, bytes, signature }: Unsealed<B>): boolean {
    return verifyFor(verifier, this.#options.purpose, this.#options.signerOf(body), bytes, signature);
  }

  /** Decodes a record from outside and checks its signature; never throws. */
  open(verifier: Verifier, record: Uint8Array): Result<B, DecodeReason | 'bad-signature'> {
    const unsealed = this.unseal(record);
    if (!unsealed.ok) return unsealed;
    return this.isSigned(verifier, unsealed.value) ? ok(unsealed.value.body) : fail('bad-signature');
  }
}
