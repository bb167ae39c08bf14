// pure: typed reading of parsed JSON, naming the field in every refusal.
import { fromBase64Url, type JsonValue } from '@batchain/shared';
import type { ManifestFailure } from './manifest.ts';

/** Signals a refused field inside the manifest's decoders; they turn it into a result. */
export class FieldError extends Error {
  readonly code: ManifestFailure;

  constructor(at: string, problem: string, code: ManifestFailure = 'BAT_E_MANIFEST_MALFORMED') {
    super(`${at}: ${problem}`);
    this.code = code;
  }
}

/** Members with this prefix may be ignored by who does not know them; all other unknown members are critical. */
const OPTIONAL_PREFIX = 'x-';
const NAME_SHOWN = /^[\w-]{1,32}$/;

export type JsonObject = { readonly [key: string]: JsonValue };

/** An object whose members are all known or ignorable. */
export function objectAt(value: JsonValue | undefined, at: string, known: readonly string[]): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FieldError(at, 'not an object');
  for (const name of Object.keys(value)) {
    if (known.includes(name) || name.startsWith(OPTIONAL_PREFIX)) continue;
    throw new FieldError(at, `unknown field${NAME_SHOWN.test(name) ? ` ${name}` : ''}`, 'BAT_E_MANIFEST_UNSUPPORTED');
  }
  return value as JsonObject;
}

export function listAt(value: JsonValue | undefined, at: string, lengthMax: number): readonly JsonValue[] {
  if (!Array.isArray(value)) throw new FieldError(at, 'not a list');
  if (value.length > lengthMax) throw new FieldError(at, `more than ${lengthMax} items`);
  return value;
}

export function textAt(value: JsonValue | undefined, at: string): string {
  if (typeof value !== 'string') throw new FieldError(at, 'not a text');
  return value;
}

/** A whole number from 0 to max. */
export function uintAt(value: JsonValue | undefined, at: string, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max || Object.is(value, -0)) {
    throw new FieldError(at, `not a whole number from 0 to ${max}`);
  }
  return value;
}

/** Canonical base64url without padding, of min to max bytes. */
export function bytesAt(value: JsonValue | undefined, at: string, min: number, max: number = min): Uint8Array {
  const text = textAt(value, at);
  if (text.length > Math.ceil((max * 4) / 3)) throw new FieldError(at, `more than ${max} bytes`);
  const bytes = fromBase64Url(text);
  if (bytes === undefined) throw new FieldError(at, 'not base64url');
  if (bytes.length < min || bytes.length > max)
    throw new FieldError(at, `${bytes.length} bytes, not ${min === max ? min : `${min} to ${max}`}`);
  return bytes;
}
