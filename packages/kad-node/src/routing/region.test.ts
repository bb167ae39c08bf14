import { sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { compareDistance, sharedPrefixBits } from './distance.ts';
import { judgeDensity, regionBits, regionPoints } from './region.ts';
import { densitySample, estimateNodes } from './size-estimate.ts';

const id = (n: number): Uint8Array => sha256(uintBytes(n, 8));
const KEY = id(0);
const NODES = Array.from({ length: 1000 }, (_, n) => id(n + 1));
const around = (point: Uint8Array, ids: readonly Uint8Array[]) =>
  densitySample(point, [...ids].sort((a, b) => compareDistance(point, a, b)).slice(0, 20)) ?? { count: 0, reach: 1 };

describe('judgeDensity', () => {
  it('T5 is content with chance: hardly one key in some hundreds looks unusual', () => {
    const estimate = { nodes: NODES.length, errorRatio: 0.06 };
    const verdicts = Array.from({ length: 300 }, (_, n) => judgeDensity(around(id(10_000 + n), NODES), estimate));
    expect(verdicts.filter((verdict) => verdict !== 'as-expected').length).toBeLessThanOrEqual(3);
  });

  it('T5 notices twenty ids made up to be nearer than all others, even when only one place is known', () => {
    const near = (n: number): Uint8Array => Uint8Array.from([...KEY.subarray(0, 2), ...id(50_000 + n).subarray(2)]);
    const crowd = Array.from({ length: 20 }, (_, n) => near(n));
    const estimate = estimateNodes([around(id(9_999), NODES)]);
    expect(judgeDensity(around(KEY, [...NODES, ...crowd]), estimate)).toBe('crowded');
    expect(judgeDensity(around(KEY, [...NODES, ...crowd.slice(0, 5)]), estimate), 'fifteen of the twenty are others').toBe('as-expected');
  });

  it('T5 notices that four fifths of the nodes are kept from us', () => {
    const estimate = estimateNodes(Array.from({ length: 8 }, (_, n) => around(id(9_000 + n), NODES)));
    expect(judgeDensity(around(KEY, NODES.slice(0, 200)), estimate)).toBe('sparse');
  });

  it('concludes nothing from next to nothing', () => {
    expect(judgeDensity({ count: 2, reach: 1e-9 }, { nodes: 1000, errorRatio: 0.1 })).toBe('as-expected');
    expect(judgeDensity({ count: 20, reach: 1e-9 }, { nodes: 0, errorRatio: 1 })).toBe('as-expected');
  });
});

describe('regionBits', () => {
  it('T5 leaves room for twice the nodes that keep a record, up to four times', () => {
    for (const nodes of [40, 79, 80, 300, 1000, 10_000, 1e6]) {
      const inside = nodes / 2 ** regionBits(nodes, 20);
      expect([nodes, inside >= 40 && inside < 80]).toEqual([nodes, true]);
    }
    expect([regionBits(0, 20), regionBits(20, 20), regionBits(1e300, 1)]).toEqual([0, 0, 248]);
  });
});

describe('regionPoints', () => {
  it('T5 divides the region into equal parts, the first around the key itself', () => {
    const points = regionPoints(KEY, 6, 4);
    expect(points[0]).toEqual(KEY);
    expect(points.map((point) => sharedPrefixBits(KEY, point))).toEqual([256, 6, 7, 6]);
    expect(points.map((a) => points.filter((b) => sharedPrefixBits(a, b) >= 8).length)).toEqual([1, 1, 1, 1]);
  });

  it('goes without some parts when their number is no power of two', () => {
    expect(regionPoints(KEY, 0, 3).map((point) => sharedPrefixBits(KEY, point))).toEqual([256, 0, 1]);
    expect(regionPoints(KEY, 9, 1)).toEqual([KEY]);
    expect(regionPoints(KEY, 248, 16)).toHaveLength(16);
  });
});
