// pure: what the record of a value says: type, key, sequence, expiry, and where the bytes are; docs/spec/values.md.
import {
  bytesOf,
  type CborValue,
  type Codec,
  concatBytes,
  type Extensions,
  encodeCbor,
  equalBytes,
  extensionsOf,
  fail,
  makeCodec,
  NO_EXTENSIONS,
  ok,
  type Result,
  recordOf,
  type Shape,
  ShapeError,
  sha256,
  uintOf,
  utf8Bytes,
  VALUE_BYTES_MAX,
  wordOf,
} from '@batchain/shared';
import { VALUE_CAPABILITY_BYTES_MAX, VALUE_FILE_BYTES_MAX, VALUE_KEY_TEXT_BYTES_MAX, VALUE_PIECES_BYTES_MAX } from '../limits.ts';
import { shapeOf } from './piece-tree.ts';
import type { ValueType } from './values-api.ts';

export const ENVELOPE_VERSION = 1;
const TYPES = ['json', 'bytes'] as const satisfies readonly ValueType[];
const HASH_BYTES = 32;
const EXTENSION_BYTES_MAX = 64;
/** Before an envelope that is kept under its own hash, where plain bytes may lie as well. */
const BY_HASH_TAG: Uint8Array = utf8Bytes('batchain/value/1\0');

/** Where the bytes are. */
export type ValueBody =
  | { readonly form: 'inline'; readonly data: Uint8Array }
  | { readonly form: 'pieces'; readonly bytes: number; readonly pieceBytes: number; readonly root: Uint8Array }
  | { readonly form: 'file'; readonly bytes: number; readonly capability: Uint8Array }
  /** The capability is too long for the record, so it lies in pieces itself. */
  | { readonly form: 'file-in-pieces'; readonly bytes: number; readonly capabilityBytes: number; readonly root: Uint8Array };

export interface ValueEnvelope {
  readonly type: ValueType;
  /** Empty for a value by hash. */
  readonly key: string | Uint8Array;
  readonly sequence: number;
  /** Wall clock, ms; 0 = never. */
  readonly expiresMs: number;
  readonly body: ValueBody;
}

const inlineShape = recordOf({ form: uintOf(0), data: bytesOf(0, VALUE_BYTES_MAX) });
const piecesShape = recordOf({
  form: uintOf(1, 1),
  bytes: uintOf(VALUE_PIECES_BYTES_MAX, 1),
  pieceBytes: uintOf(VALUE_BYTES_MAX, 1),
  root: bytesOf(HASH_BYTES),
});
const fileShape = recordOf({ form: uintOf(2, 2), bytes: uintOf(VALUE_FILE_BYTES_MAX), capability: bytesOf(1, VALUE_BYTES_MAX) });
const filePiecesShape = recordOf({
  form: uintOf(3, 3),
  bytes: uintOf(VALUE_FILE_BYTES_MAX),
  capabilityBytes: uintOf(VALUE_CAPABILITY_BYTES_MAX, 1),
  root: bytesOf(HASH_BYTES),
});

const bodyShape: Shape<ValueBody> = {
  toCbor: (body) => {
    if (body.form === 'inline') return inlineShape.toCbor({ ...body, form: 0 });
    if (body.form === 'pieces') return piecesShape.toCbor({ ...body, form: 1 });
    if (body.form === 'file') return fileShape.toCbor({ ...body, form: 2 });
    return filePiecesShape.toCbor({ ...body, form: 3 });
  },
  fromCbor: (value, at) => {
    const form = Array.isArray(value) ? (value as readonly CborValue[])[0] : undefined;
    if (form === 0) return { ...inlineShape.fromCbor(value, at), form: 'inline' };
    if (form === 1) return checkedTree({ ...piecesShape.fromCbor(value, at), form: 'pieces' }, at);
    if (form === 2) return { ...fileShape.fromCbor(value, at), form: 'file' };
    if (form === 3) return { ...filePiecesShape.fromCbor(value, at), form: 'file-in-pieces' };
    throw new ShapeError(at, 'a form that this version knows', typeof form === 'number' ? 'unsupported-version' : 'wrong-shape');
  },
};

function checkedTree(body: ValueBody & { readonly form: 'pieces' }, at: string): ValueBody {
  const shape = shapeOf(body.bytes, body.pieceBytes);
  if (!shape.ok) throw new ShapeError(at, `lengths that fit (${shape.reason})`);
  return body;
}

/** The key as text, or its SHA-256 when it is long. */
const keyShape: Shape<string | Uint8Array> = {
  toCbor: (key) => key,
  fromCbor: (value, at) => {
    if (typeof value === 'string' && utf8Bytes(value).length <= VALUE_KEY_TEXT_BYTES_MAX) return value;
    if (value instanceof Uint8Array && value.length === HASH_BYTES) return value;
    throw new ShapeError(at, `text of at most ${VALUE_KEY_TEXT_BYTES_MAX} bytes, or a hash`);
  },
};

const codec: Codec<ValueEnvelope & { readonly version: number; readonly extensions: Extensions }> = makeCodec(
  'value',
  VALUE_BYTES_MAX,
  recordOf({
    version: uintOf(ENVELOPE_VERSION, ENVELOPE_VERSION),
    type: wordOf(TYPES),
    key: keyShape,
    sequence: uintOf(),
    expiresMs: uintOf(),
    body: bodyShape,
    extensions: extensionsOf([], EXTENSION_BYTES_MAX),
  }),
);

/** The key as an envelope names it. */
export function envelopeKey(key: string): string | Uint8Array {
  const bytes = utf8Bytes(key);
  return bytes.length <= VALUE_KEY_TEXT_BYTES_MAX ? key : sha256(bytes);
}

/** May be longer than a record: whoever publishes it looks first. */
export function encodeEnvelope(envelope: ValueEnvelope): Uint8Array {
  return codec.encode({ ...envelope, version: ENVELOPE_VERSION, extensions: NO_EXTENSIONS });
}

export function fitsRecord(envelope: Uint8Array): boolean {
  return envelope.length <= VALUE_BYTES_MAX;
}

/** Strict: only what `encodeEnvelope` of some version could have made. Never throws; the reason is for people. */
export function decodeEnvelope(bytes: Uint8Array): Result<ValueEnvelope, string> {
  const decoded = codec.decode(bytes);
  if (!decoded.ok) return fail(`${decoded.reason}${decoded.detail === undefined ? '' : `: ${decoded.detail}`}`);
  const { version: _version, extensions, ...envelope } = decoded.value;
  const again = codec.toCbor({ ...envelope, version: ENVELOPE_VERSION, extensions });
  return equalBytes(encodeCbor(again), bytes) ? ok(envelope) : fail('not in canonical form');
}

/** An envelope of a key. A record under the wrong key is no value of it. */
export function openEnvelope(bytes: Uint8Array, key: string): Result<ValueEnvelope, string> {
  const decoded = decodeEnvelope(bytes);
  if (!decoded.ok) return decoded;
  const wanted = envelopeKey(key);
  const { key: found } = decoded.value;
  const isSame = typeof wanted === 'string' ? found === wanted : typeof found !== 'string' && equalBytes(found, wanted);
  return isSame ? decoded : fail('it names another key');
}

/** The record of a value by its hash: the bytes as they are where they fit and can not be mistaken, else a tagged envelope. */
export function encodeByHash(body: ValueBody): Uint8Array {
  const isPlain = body.form === 'inline' && body.data.length > 0 && body.data.length <= VALUE_BYTES_MAX && !isTagged(body.data);
  if (isPlain) return body.data;
  return concatBytes(BY_HASH_TAG, encodeEnvelope({ type: 'bytes', key: '', sequence: 0, expiresMs: 0, body }));
}

export function openByHash(bytes: Uint8Array): Result<ValueEnvelope, string> {
  if (!isTagged(bytes)) return ok({ type: 'bytes', key: '', sequence: 0, expiresMs: 0, body: { form: 'inline', data: bytes } });
  const decoded = decodeEnvelope(bytes.subarray(BY_HASH_TAG.length));
  if (!decoded.ok) return decoded;
  const { key, sequence, expiresMs, type } = decoded.value;
  return key === '' && sequence === 0 && expiresMs === 0 && type === 'bytes' ? decoded : fail('it names a key');
}

function isTagged(bytes: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, BY_HASH_TAG.length), BY_HASH_TAG);
}

/** Bytes of the value. */
export function bodyBytes(body: ValueBody): number {
  return body.form === 'inline' ? body.data.length : body.bytes;
}
