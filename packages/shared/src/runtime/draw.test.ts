import { describe, expect, it } from 'vitest';
import { drawBelow, drawShuffled } from './draw.ts';

/** A stream of given numbers. */
function streamOf(...numbers: number[]): () => number {
  return () => {
    const next = numbers.shift();
    if (next === undefined) throw new Error('drew more than expected');
    return next;
  };
}

describe('drawBelow', () => {
  it('draws again above the largest multiple of n, so that no value is favoured', () => {
    // 2^32 = 3 x 1,431,655,765 + 1: the one number on top would make 0 likelier.
    expect(drawBelow(3, streamOf(0xffff_ffff, 0xffff_fffe))).toBe(2);
    expect(drawBelow(3, streamOf(0xffff_fffd))).toBe(1);
  });

  it('takes every number when n divides 2^32', () => {
    expect(drawBelow(2 ** 32, streamOf(0xffff_ffff))).toBe(0xffff_ffff);
    expect(drawBelow(256, streamOf(0xffff_ffff))).toBe(255);
    expect(drawBelow(1, streamOf(0xffff_ffff))).toBe(0);
  });
});

describe('drawShuffled', () => {
  it('gives each order of three with the same share of draws', () => {
    const counts = new Map<string, number>();
    for (let last = 0; last < 3; last++) {
      for (let middle = 0; middle < 2; middle++) {
        const order = drawShuffled(['a', 'b', 'c'], streamOf(last, middle)).join('');
        counts.set(order, (counts.get(order) ?? 0) + 1);
      }
    }
    expect([...counts.keys()].toSorted()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba']);
    expect([...counts.values()]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('leaves the list that it was given as it is', () => {
    const list = ['a', 'b'];
    expect(drawShuffled(list, streamOf(0))).toEqual(['b', 'a']);
    expect(list).toEqual(['a', 'b']);
    expect(drawShuffled([], streamOf())).toEqual([]);
  });
});
