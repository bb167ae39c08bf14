// pure: JSON from outside: size, depth and count are bounded by a scan before the parser runs (T13).
import { utf8Text } from '../core/bytes.ts';
import { fail, ok, type Result } from '../core/result.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type JsonReason = 'too-long' | 'not-utf8' | 'too-deep' | 'too-many-values' | 'malformed' | 'forbidden-key' | 'duplicate-key';

export interface JsonLimits {
  readonly bytesMax: number;
  readonly depthMax: number;
  /** Values and keys together: bounds what the parser may allocate beside the text. */
  readonly valuesMax: number;
}

/** Keys that JavaScript code can mistake for a prototype; `Object.assign` turned one into a live prototype (T13). */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Index of the closing quote of the text that begins at `at`, or the length when there is none. */
function endOfText(bytes: Uint8Array, at: number): number {
  let i = at + 1;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}

/** One pass over the bytes, no allocation: the depth and the number of values, before anything is built of them. */
function judgeStructure(bytes: Uint8Array, limits: JsonLimits): JsonReason | undefined {
  let depth = 0;
  let values = 1;
  for (let i = 0; i < bytes.length && values <= limits.valuesMax; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) i = endOfText(bytes, i);
    else if (byte === COMMA) values++;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      values++;
      if (++depth > limits.depthMax) return 'too-deep';
    }
  }
  return values > limits.valuesMax ? 'too-many-values' : undefined;
}

/** Number of `"key":` places in well-formed JSON text: more than the parsed objects have keys means a key stood twice. */
function countKeys(bytes: Uint8Array): number {
  let count = 0;
  let afterText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) {
      i = endOfText(bytes, i);
      afterText = true;
    } else if (byte === COLON && afterText) {
      count++;
      afterText = false;
    } else if (byte > 0x20) afterText = false;
  }
  return count;
}

function countParsedKeys(value: JsonValue): number | undefined {
  if (value === null || typeof value !== 'object') return 0;
  let count = 0;
  const isList = Array.isArray(value);
  const entries: readonly (readonly [string, JsonValue])[] = isList
    ? value.map((item: JsonValue) => ['', item] as const)
    : Object.entries(value as { readonly [key: string]: JsonValue });
  for (const [key, item] of entries) {
    if (!isList && FORBIDDEN_KEYS.has(key)) return undefined;
    const inner = countParsedKeys(item);
    if (inner === undefined) return undefined;
    count += inner + (isList ? 0 : 1);
  }
  return count;
}

/**
 * Parses UTF-8 JSON from outside. Never throws; refuses before allocating when it is too long, too deep or has too many
 * values, and afterwards when a key is `__proto__`, `constructor` or `prototype`, or stands twice in one object.
 */
export function parseGuardedJson(bytes: Uint8Array, limits: JsonLimits): Result<JsonValue, JsonReason> {
  if (bytes.length > limits.bytesMax) return fail('too-long', `${bytes.length} bytes, at most ${limits.bytesMax}`);
  const reason = judgeStructure(bytes, limits);
  if (reason !== undefined) return fail(reason);
  const text = utf8Text(bytes);
  if (text === undefined) return fail('not-utf8');
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : undefined);
  }
  const parsedKeys = countParsedKeys(value);
  if (parsedKeys === undefined) return fail('forbidden-key');
  return parsedKeys === countKeys(bytes) ? ok(value) : fail('duplicate-key');
}
