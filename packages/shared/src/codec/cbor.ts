// pure: the one binary coding: deterministic CBOR (RFC 8949 section 4.2) through cborg in strict mode, depth and size checked first.
import { decode, encode } from 'cborg';
import { CODEC_DEPTH_MAX } from '../core/limits.ts';
import { fail, ok, type Result } from '../core/result.ts';

export type DecodeReason = 'too-long' | 'too-deep' | 'malformed' | 'wrong-shape' | 'unsupported-extension' | 'unsupported-version';

/** What our messages are made of. Maps have small non-negative integer keys only. */
export type CborValue = null | boolean | number | string | Uint8Array | readonly CborValue[] | ReadonlyMap<number, CborValue>;

const STRICT = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  allowBigInt: false,
  useMaps: true,
  rejectDuplicateMapKeys: true,
} as const;

export function encodeCbor(value: CborValue): Uint8Array {
  return encode(value);
}

/**
 * True when arrays, maps and tags nest at most `depthMax` deep. One pass over the heads, no recursion, no allocation
 * beyond `depthMax` counters; malformed input may pass and is refused by the decoder.
 */
export function isWithinDepth(bytes: Uint8Array, depthMax: number): boolean {
  const open: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    const head = bytes[at] as number;
    const major = head >> 5;
    const info = head & 31;
    let argument = info;
    at += 1;
    if (info >= 24) {
      const width = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : 0;
      if (width === 0) return true;
      argument = 0;
      for (let i = 0; i < width; i++) argument = argument * 256 + (bytes[at + i] ?? 0);
      at += width;
    }
    if (major === 2 || major === 3) at += argument;
    const items = major === 4 ? argument : major === 5 ? argument * 2 : major === 6 ? 1 : 0;
    if (items > 0) {
      open.push(items);
      if (open.length > depthMax) return false;
      continue;
    }
    while (open.length > 0) {
      const left = (open.pop() as number) - 1;
      if (left > 0) {
        open.push(left);
        break;
      }
    }
  }
  return true;
}

/** Decodes one strict CBOR item; every failure is a reason, nothing is thrown. */
export function decodeCbor(bytes: Uint8Array, bytesMax: number, depthMax: number = CODEC_DEPTH_MAX): Result<CborValue, DecodeReason> {
  if (bytes.length > bytesMax) return fail('too-long', `${bytes.length} bytes, at most ${bytesMax}`);
  if (!isWithinDepth(bytes, depthMax)) return fail('too-deep', `more than ${depthMax} levels`);
  try {
    return ok(decode(bytes, STRICT) as CborValue);
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
}
