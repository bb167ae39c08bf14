import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { AUDIT_SAMPLES_PER_HOST, chooseLeaves, samplesPerShard } from './challenge-plan.ts';

const { entropy } = createSimRuntime('audits').runtime;

describe('BN-05 the leaves of a challenge', () => {
  it('miss a host that lost half of its bytes never in a hundred thousand audits', () => {
    let missed = 0;
    for (let audit = 0; audit < 100_000; audit++) {
      // It keeps the first half of each of its five shards.
      const samples = samplesPerShard(5);
      const asked = Array.from({ length: 5 }, () => chooseLeaves(entropy, 256, samples)).flat();
      if (asked.every((leaf) => leaf < 128)) missed++;
    }
    expect(missed).toBe(0);
  });

  it('hit every leaf equally often', () => {
    const hits = new Array<number>(64).fill(0);
    for (let audit = 0; audit < 20_000; audit++) for (const leaf of chooseLeaves(entropy, 64, 4)) hits[leaf] = (hits[leaf] as number) + 1;
    // 1,250 each; six deviations to either side.
    expect(Math.min(...hits)).toBeGreaterThan(1_040);
    expect(Math.max(...hits)).toBeLessThan(1_460);
  });

  it('are at least one of every shard, and twenty of a host that keeps few', () => {
    expect([1, 2, 20, 21, 4096].map(samplesPerShard)).toEqual([AUDIT_SAMPLES_PER_HOST, 10, 1, 1, 1]);
    expect(chooseLeaves(entropy, 3, 20)).toEqual([0, 1, 2]);
  });
});
