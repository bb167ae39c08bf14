// pure: small values in the DHT: immutable ones keyed by their hash, mutable ones signed and keyed by owner and name.
import {
  bytesOf,
  type Codec,
  type Extensions,
  equalBytes,
  extensionsOf,
  makeCodec,
  NO_EXTENSIONS,
  nullable,
  ok,
  type Result,
  recordOf,
  Seal,
  type Signer,
  sha256,
  uintOf,
  utf8Bytes,
  VALUE_BYTES_MAX,
  type Verifier,
} from '@batchain/shared';
import { RECORD_BYTES_MAX, RECORD_LIFETIME_MAX_MS, VALUE_NAME_BYTES_MAX } from '../limits.ts';
import { type RecordFault, recordFault } from './record-kind.ts';

const KEY_TAG: Uint8Array = utf8Bytes('batchain/1/mutable-key\0');

export interface MutableValue {
  readonly publicKey: Uint8Array;
  /** 0 to 32 bytes. */
  readonly name: Uint8Array;
  readonly sequence: number;
  readonly lifetimeMs: number;
  /** null is a tombstone: the value was deleted. */
  readonly value: Uint8Array | null;
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
}

/** The key of an immutable value: SHA-256 of its bytes (DF-10, DF-15). */
export function immutableKey(value: Uint8Array): Uint8Array {
  return sha256(value);
}

/** True when the bytes are a value that hashes to this key. */
export function isImmutableValue(key: Uint8Array, bytes: Uint8Array): boolean {
  return bytes.length >= 1 && bytes.length <= VALUE_BYTES_MAX && equalBytes(immutableKey(bytes), key);
}

/** The key of a mutable value: SHA-256(tag, owner's public key, name). */
export function mutableKey(publicKey: Uint8Array, name: Uint8Array): Uint8Array {
  return sha256(KEY_TAG, publicKey, name);
}

interface Body {
  readonly publicKey: Uint8Array;
  readonly name: Uint8Array;
  readonly sequence: number;
  readonly lifetimeMs: number;
  readonly value: Uint8Array | null;
  readonly extensions: Extensions;
}

const bodyCodec: Codec<Body> = makeCodec(
  'mutable',
  RECORD_BYTES_MAX,
  recordOf({
    publicKey: bytesOf(32),
    name: bytesOf(0, VALUE_NAME_BYTES_MAX),
    sequence: uintOf(),
    lifetimeMs: uintOf(RECORD_LIFETIME_MAX_MS, 1),
    value: nullable(bytesOf(0, VALUE_BYTES_MAX)),
    extensions: extensionsOf([], 64),
  }),
);

const valueSeal = new Seal({
  purpose: 'mutable-value',
  name: 'mutable-value',
  bytesMax: RECORD_BYTES_MAX,
  bodyCodec,
  signerOf: ({ publicKey }) => publicKey,
});

export type MutableInput = Pick<MutableValue, 'name' | 'sequence' | 'lifetimeMs' | 'value'>;

/** Signs a value, or with `value: null` a tombstone, of the signer's own. */
export function signMutableValue(signer: Signer, input: MutableInput): MutableValue {
  const bytes = valueSeal.seal(signer, { ...input, publicKey: signer.publicKey, extensions: NO_EXTENSIONS });
  return { ...input, publicKey: signer.publicKey, key: mutableKey(signer.publicKey, input.name), bytes };
}

/** Decodes and checks a value from outside. */
export function openMutableValue(verifier: Verifier, bytes: Uint8Array): Result<MutableValue, RecordFault> {
  const opened = valueSeal.open(verifier, bytes);
  if (!opened.ok) return recordFault(opened);
  const { extensions: _ignored, ...fields } = opened.value;
  return ok({ ...fields, key: mutableKey(fields.publicKey, fields.name), bytes });
}
