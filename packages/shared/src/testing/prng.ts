// pure: a seeded Random: sfc32 streams whose keys form a tree of names.
import { concatBytes, utf8Bytes } from '../core/bytes.ts';
import { sha256 } from '../identity/node-id.ts';
import { drawBelow, drawShuffled } from '../runtime/draw.ts';
import type { Random } from '../runtime/random.ts';

/**
 * The generator sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, passes BigCrush, four additions a draw.
 * Not for secrets outside a simulation.
 */
export function makeSfc32(a: number, b: number, c: number, counter: number): () => number {
  let x = a | 0;
  let y = b | 0;
  let z = c | 0;
  let n = counter | 0;
  return () => {
    const result = (((x + y) | 0) + n) | 0;
    n = (n + 1) | 0;
    x = y ^ (y >>> 9);
    y = (z + (z << 3)) | 0;
    z = (z << 21) | (z >>> 11);
    z = (z + result) | 0;
    return result >>> 0;
  };
}

/**
 * A deterministic Random. A fork depends on the seed and the names on the way to it only, never on how much was drawn
 * before: adding a node or a draw somewhere shifts nothing elsewhere.
 */
export class SimRandom implements Random {
  readonly #key: Uint8Array;
  readonly #next: () => number;

  private constructor(key: Uint8Array) {
    const words = new DataView(key.buffer, key.byteOffset, key.byteLength);
    this.#key = key;
    this.#next = makeSfc32(words.getUint32(0), words.getUint32(4), words.getUint32(8), words.getUint32(12));
  }

  /** The stream with this name under this seed. */
  static fromSeed(seed: string | number, name = ''): SimRandom {
    return new SimRandom(sha256(utf8Bytes(`${typeof seed}:${seed}`))).fork(name);
  }

  u32(): number {
    return this.#next();
  }

  below(n: number): number {
    return drawBelow(n, this.#next);
  }

  bytes(length: number): Uint8Array {
    const result = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      let word = this.#next();
      for (const end = Math.min(at + 4, length); at < end; at++) {
        result[at] = word & 0xff;
        word >>>= 8;
      }
    }
    return result;
  }

  shuffle<T>(list: readonly T[]): T[] {
    return drawShuffled(list, this.#next);
  }

  fork(label: string): SimRandom {
    return new SimRandom(sha256(concatBytes(this.#key, utf8Bytes(label))));
  }
}

/** Uniform real number from `low` up to `high` (or `low` itself when they are equal). */
export function drawBetween(random: Random, low: number, high: number): number {
  return low + (high - low) * (random.u32() / 2 ** 32);
}

/** True with this probability. Draws even when the answer is certain, so that a rate of 0 shifts no later draw. */
export function drawChance(random: Random, rate: number): boolean {
  return random.u32() < rate * 2 ** 32;
}
