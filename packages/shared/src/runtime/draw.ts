// pure: unbiased choices out of a stream of 32-bit numbers, shared by every Random adapter.
import { assert } from '../core/assert.ts';

const U32_RANGE = 2 ** 32;

/** Uniform integer from 0 to n - 1, n from 1 to 2^32; draws again above the largest multiple of n, so no value is favoured. */
export function drawBelow(n: number, u32: () => number): number {
  assert(Number.isInteger(n) && n >= 1 && n <= U32_RANGE, 'Random.below takes an integer from 1 to 2^32');
  const limit = U32_RANGE - (U32_RANGE % n);
  let draw = u32();
  while (draw >= limit) draw = u32();
  return draw % n;
}

/** A shuffled copy (Fisher-Yates, as in Knuth, TAOCP 3.4.2 algorithm P). */
export function drawShuffled<T>(list: readonly T[], u32: () => number): T[] {
  const result = list.slice();
  for (let i = result.length - 1; i > 0; i--) {
    const j = drawBelow(i + 1, u32);
    const held = result[i] as T;
    result[i] = result[j] as T;
    result[j] = held;
  }
  return result;
}
