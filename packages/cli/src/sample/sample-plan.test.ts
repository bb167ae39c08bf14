import { describe, expect, it } from 'vitest';
import { makeExampleText } from './example-text.ts';
import { planSample, SAMPLE_NODES_MAX, SAMPLE_SEGMENT_BYTES } from './sample-plan.ts';

describe('BN-44 the sample', () => {
  it('makes the 8 shards of the seed: 4 segments of its example file on two hosts', () => {
    expect(Math.ceil(makeExampleText().length / SAMPLE_SEGMENT_BYTES)).toBe(4);
    expect(planSample(3, 3)).toMatchObject({ hosts: 2, policy: { k: 1, n: 2 }, stopped: 1, knowsAllHosts: false });
  });

  it('stops as many hosts as the policy tolerates, and never the only one', () => {
    for (let nodes = 3; nodes <= SAMPLE_NODES_MAX; nodes++) {
      const { hosts, policy, stopped } = planSample(3, nodes);
      expect(hosts - stopped).toBe(policy.k);
      expect(stopped).toBeGreaterThan(0);
    }
    expect(planSample(1, 3)).toMatchObject({ hosts: 1, policy: { k: 1, n: 1 }, stopped: 0 });
    expect(planSample(2, 3).knowsAllHosts).toBe(true);
  });
});
