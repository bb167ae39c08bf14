// pure: typed codecs: a shape check after the CBOR decoder, answering with a reason and the place instead of throwing.
import { fail, ok, type Result } from '../core/result.ts';
import { type CborValue, type DecodeReason, decodeCbor, encodeCbor } from './cbor.ts';

/** Signals a failed shape inside this module's decoders; `Codec.decode` turns it into a result. */
export class ShapeError extends Error {
  readonly reason: DecodeReason;

  constructor(at: string, expected: string, reason: DecodeReason = 'wrong-shape') {
    super(`${at}: expected ${expected}`);
    this.reason = reason;
  }
}

/** One direction each: a typed value to CBOR and back. `fromCbor` throws ShapeError only. */
export interface Shape<T> {
  toCbor(value: T): CborValue;
  fromCbor(value: CborValue, at: string): T;
}

export interface Codec<T> extends Shape<T> {
  readonly name: string;
  encode(value: T): Uint8Array;
  /** Never throws. */
  decode(bytes: Uint8Array): Result<T, DecodeReason>;
}

/** A codec of whole messages: at most `bytesMax` bytes long. */
export function makeCodec<T>(name: string, bytesMax: number, shape: Shape<T>): Codec<T> {
  return {
    name,
    ...shape,
    encode: (value) => encodeCbor(shape.toCbor(value)),
    decode: (bytes) => {
      const decoded = decodeCbor(bytes, bytesMax);
      if (!decoded.ok) return decoded;
      try {
        return ok(shape.fromCbor(decoded.value, name));
      } catch (error) {
        if (error instanceof ShapeError) return fail(error.reason, error.message);
        throw error;
      }
    },
  };
}

/** Bytes of a length between min and max (both included). */
export function bytesOf(min: number, max: number = min): Shape<Uint8Array> {
  return {
    toCbor: (value) => value,
    fromCbor: (value, at) => {
      if (!(value instanceof Uint8Array) || value.length < min || value.length > max) {
        throw new ShapeError(at, min === max ? `${min} bytes` : `${min} to ${max} bytes`);
      }
      return value;
    },
  };
}

/** 32 bytes, branded. */
export function idOf<T extends Uint8Array>(): Shape<T> {
  return bytesOf(32) as unknown as Shape<T>;
}

/** A whole number from min to max. */
export function uintOf(max: number = Number.MAX_SAFE_INTEGER, min = 0): Shape<number> {
  return {
    toCbor: (value) => value,
    fromCbor: (value, at) => {
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
        throw new ShapeError(at, `a whole number from ${min} to ${max}`);
      }
      return value;
    },
  };
}

/** Well-formed text of at most `lengthMax` UTF-16 units. */
export function textOf(lengthMax: number): Shape<string> {
  return {
    toCbor: (value) => value,
    fromCbor: (value, at) => {
      if (typeof value !== 'string' || value.length > lengthMax) throw new ShapeError(at, `text of at most ${lengthMax}`);
      return value;
    },
  };
}

export const boolean: Shape<boolean> = {
  toCbor: (value) => value,
  fromCbor: (value, at) => {
    if (typeof value !== 'boolean') throw new ShapeError(at, 'true or false');
    return value;
  },
};

/** One of the given words, coded as its position in the list. */
export function wordOf<const W extends readonly string[]>(words: W): Shape<W[number]> {
  return {
    toCbor: (value) => words.indexOf(value),
    fromCbor: (value, at) => {
      const word = typeof value === 'number' ? words[value] : undefined;
      if (word === undefined) throw new ShapeError(at, `a number below ${words.length}`);
      return word;
    },
  };
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return {
    toCbor: (value) => (value === null ? null : shape.toCbor(value)),
    fromCbor: (value, at) => (value === null ? null : shape.fromCbor(value, at)),
  };
}

/** A list of at most `lengthMax` items. */
export function listOf<T>(shape: Shape<T>, lengthMax: number): Shape<readonly T[]> {
  return {
    toCbor: (list) => list.map((item) => shape.toCbor(item)),
    fromCbor: (value, at) => {
      if (!Array.isArray(value) || value.length > lengthMax) throw new ShapeError(at, `a list of at most ${lengthMax}`);
      return value.map((item: CborValue, i) => shape.fromCbor(item, `${at}[${i}]`));
    },
  };
}

/** An array of exactly these items, as a tuple. */
export function tupleOf<T extends readonly unknown[]>(...shapes: { [K in keyof T]: Shape<T[K]> }): Shape<T> {
  return {
    toCbor: (values) => shapes.map((shape, i) => shape.toCbor(values[i])),
    fromCbor: (value, at) => {
      if (!Array.isArray(value) || value.length !== shapes.length) throw new ShapeError(at, `${shapes.length} items`);
      return shapes.map((shape, i) => shape.fromCbor(value[i] as CborValue, `${at}[${i}]`)) as unknown as T;
    },
  };
}

type RecordOf<F extends Readonly<Record<string, Shape<any>>>> = { readonly [K in keyof F]: F[K] extends Shape<infer T> ? T : never };

/**
 * A record coded as a positional array in the order of `fields`: `recordOf({ id: idOf(), port: uintOf(65535) })`.
 * Add fields only with a new version; optional additions go into the extension map.
 */
export function recordOf<F extends Readonly<Record<string, Shape<any>>>>(fields: F): Shape<RecordOf<F>> {
  const entries = Object.entries(fields) as [string, Shape<unknown>][];
  return {
    toCbor: (record) => entries.map(([name, shape]) => shape.toCbor((record as Record<string, unknown>)[name])),
    fromCbor: (value, at) => {
      if (!Array.isArray(value) || value.length !== entries.length) throw new ShapeError(at, `${entries.length} fields`);
      const record: Record<string, unknown> = {};
      entries.forEach(([name, shape], i) => {
        record[name] = shape.fromCbor(value[i] as CborValue, `${at}.${name}`);
      });
      return record as RecordOf<F>;
    },
  };
}

/** The extension map that ends every message, record and control frame. */
export type Extensions = ReadonlyMap<number, Uint8Array>;
export const NO_EXTENSIONS: Extensions = new Map();

const EXTENSIONS_MAX = 16;

/** {number: bytes}: unknown odd numbers are kept and ignored, unknown even ones refuse with `unsupported-extension`. */
export function extensionsOf(known: readonly number[] = [], bytesMax = 1024): Shape<Extensions> {
  return {
    toCbor: (map) => new Map([...map.entries()].sort(([a], [b]) => a - b)),
    fromCbor: (value, at) => {
      if (!(value instanceof Map) || value.size > EXTENSIONS_MAX) throw new ShapeError(at, 'an extension map');
      for (const [number, bytes] of value as ReadonlyMap<CborValue, CborValue>) {
        if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) throw new ShapeError(at, 'extension numbers');
        if (!(bytes instanceof Uint8Array) || bytes.length > bytesMax) throw new ShapeError(at, 'extension bytes');
        if (number % 2 === 0 && !known.includes(number)) {
          throw new ShapeError(at, `no unknown critical extension (${number})`, 'unsupported-extension');
        }
      }
      return value as Extensions;
    },
  };
}

/** Maps a shape's values: `mapped(bytesOf(6, 18), addressFromBytes, addressBytes)`; undefined from `from` refuses. */
export function mapped<A, B>(shape: Shape<A>, from: (value: A) => B | undefined, to: (value: B) => A, expected: string): Shape<B> {
  return {
    toCbor: (value) => shape.toCbor(to(value)),
    fromCbor: (value, at) => {
      const result = from(shape.fromCbor(value, at));
      if (result === undefined) throw new ShapeError(at, expected);
      return result;
    },
  };
}
