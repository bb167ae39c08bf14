import { type NodeId, toHex } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { type HolderFacts, HolderMap } from './holder-map.ts';

const node = (seed: number): NodeId => new Uint8Array(32).fill(seed) as NodeId;
const [ana, bo, cem] = [node(1), node(2), node(3)];
const facts = (change: Partial<HolderFacts> = {}): HolderFacts => ({
  isUsable: () => true,
  load: () => 0,
  isDoubted: () => false,
  ...change,
});

/** One segment of 2 of 3: ana has 0 and 2, bo has 1, cem has 0. */
function held(): HolderMap {
  const map = new HolderMap(2);
  for (const [index, holder] of [
    [2, ana],
    [0, ana],
    [1, bo],
    [0, cem],
  ] as const)
    map.add(0, index, holder);
  return map;
}

const plan = (map: HolderMap, change?: Partial<HolderFacts>): string[] =>
  map.plan(0, 2, facts(change)).map(({ index, holder }) => `${index}@${'?abc'[Number.parseInt(holder.slice(0, 2), 16)]}`);

describe('who is asked for the shards of a segment', () => {
  it('are the holders of data shards before those of parity, the less busy first', () => {
    expect(plan(held())).toEqual(['0@a', '0@c', '1@b', '2@a']);
    expect(plan(held(), { load: (holder) => (holder === toHex(ana) ? 3 : 0) })).toEqual(['0@c', '1@b', '0@a', '2@a']);
  });

  it('are those that gave something wrong before only after all others', () => {
    expect(plan(held(), { isDoubted: (holder) => holder === toHex(ana) })).toEqual(['0@c', '1@b', '0@a', '2@a']);
    expect(plan(held(), { isDoubted: (holder) => holder === toHex(bo) })).toEqual(['0@a', '0@c', '2@a', '1@b']);
  });

  it('are none that can not be used', () => {
    expect(plan(held(), { isUsable: (holder) => holder !== toHex(ana) })).toEqual(['0@c', '1@b']);
  });
});

describe('how many shards there are', () => {
  it('counts distinct ones at holders that can be used, of the worst segment', () => {
    const map = held();
    expect(map.count(0, () => true)).toBe(3);
    expect(map.count(0, (holder) => holder !== toHex(ana))).toBe(2);
    expect(map.worst(() => true)).toBe(0);
    map.add(1, 0, ana);
    expect(map.worst(() => true)).toBe(1);
  });

  it('does not count what lies outside the file', () => {
    const map = held();
    map.add(7, 0, ana);
    expect(map.segmentCount).toBe(2);
    expect(map.holders(7, 0)).toEqual([]);
  });
});
