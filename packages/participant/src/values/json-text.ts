// pure: JSON values as text and back: what goes in comes out equal, or is refused (SH-10).
import { BatChainError, fail, type JsonReason, type JsonValue, ok, parseGuardedJson, type Result, utf8Bytes } from '@batchain/shared';
import { VALUE_JSON_DEPTH_MAX, VALUE_JSON_VALUES_MAX, VALUE_WHOLE_BYTES_MAX } from '../limits.ts';

const LIMITS = { bytesMax: VALUE_WHOLE_BYTES_MAX, depthMax: VALUE_JSON_DEPTH_MAX, valuesMax: VALUE_JSON_VALUES_MAX };

const REASONS: Readonly<Record<JsonReason, string>> = {
  'too-long': `its text has more than ${VALUE_WHOLE_BYTES_MAX} bytes`,
  'too-deep': `it is nested more than ${VALUE_JSON_DEPTH_MAX} levels deep`,
  'too-many-values': `it has more than ${VALUE_JSON_VALUES_MAX} parts`,
  'forbidden-key': 'it has a field named __proto__, constructor or prototype, which programs can mistake for a prototype',
  'duplicate-key': 'a field stands twice in it',
  'not-utf8': 'it is not UTF-8',
  malformed: 'it is not JSON',
};

const TEXTS = /"(?:[^"\\]|\\.)*"/g;
const NUMBERS = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** The text of a value that a program gave. Throws BAT_E_VALUE_UNFIT for what JSON can not carry, or only changed. */
export function encodeJsonValue(value: JsonValue): Uint8Array {
  const unfit = findUnfit(value, 0);
  if (unfit !== undefined) throw notJson(unfit);
  const bytes = utf8Bytes(JSON.stringify(value));
  const checked = decodeJsonValue(bytes);
  if (!checked.ok) throw notJson(checked.reason);
  return bytes;
}

/** The value of a text that somebody wrote. Throws BAT_E_VALUE_UNFIT, also for whole numbers that would lose their last digits. */
export function checkJsonText(text: string): JsonValue {
  const decoded = decodeJsonValue(utf8Bytes(text));
  if (!decoded.ok) throw notJson(decoded.reason);
  const numbers = text.replace(TEXTS, '""').match(NUMBERS) ?? [];
  const inexact = numbers.find((number) => !/[.eE]/.test(number) && !Number.isSafeInteger(Number(number)));
  if (inexact !== undefined) throw notJson(`${inexact.slice(0, 40)} is too long for a number; write it as text, in quotes`);
  return decoded.value;
}

/** Never throws; the reason is for people. */
export function decodeJsonValue(bytes: Uint8Array): Result<JsonValue, string> {
  const parsed = parseGuardedJson(bytes, LIMITS);
  return parsed.ok ? ok(parsed.value) : fail(REASONS[parsed.reason]);
}

/** What `JSON.stringify` would drop or turn into something else. */
function findUnfit(value: unknown, depth: number): string | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${value} is no number of JSON`;
  if (typeof value !== 'object') return `JSON has no ${typeof value}`;
  if (depth > VALUE_JSON_DEPTH_MAX) return REASONS['too-deep'];
  if (Array.isArray(value)) return findFirst(value, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return 'an object of a class would come back without it';
  if (Object.getOwnPropertySymbols(value).length > 0) return 'JSON has no symbols';
  return findFirst(Object.values(value), depth);
}

function findFirst(items: readonly unknown[], depth: number): string | undefined {
  // Holes in a list read as undefined here, which JSON has not.
  for (let i = 0; i < items.length; i++) {
    const unfit = findUnfit(items[i], depth + 1);
    if (unfit !== undefined) return unfit;
  }
  return undefined;
}

function notJson(why: string): BatChainError {
  return new BatChainError('BAT_E_VALUE_UNFIT', { what: 'this is no value that JSON carries unchanged', why });
}
