import { compareBytes, type NodeId } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { FileId } from '../ids.ts';
import { CANDIDATES_MAX, estimateHostCount } from './network-size.ts';
import { defaultPolicy } from './policy.ts';

const { random } = createSimRuntime(11).runtime;

/** What a search for the nearest hosts finds in a network of random ids. */
function nearestOf(hosts: number): { readonly fileId: FileId; readonly nearest: readonly NodeId[] } {
  const fileId = random.bytes(32) as FileId;
  const distance = (id: Uint8Array): Uint8Array => id.map((byte, i) => byte ^ (fileId[i] as number));
  const ids = Array.from({ length: hosts }, () => random.bytes(32) as NodeId);
  ids.sort((a, b) => compareBytes(distance(a), distance(b)));
  return { fileId, nearest: ids.slice(0, CANDIDATES_MAX) };
}

describe('the number of hosts in a network', () => {
  it.each([0, 1, 5, 63])('is what was found when it is %d', (hosts) => {
    const { fileId, nearest } = nearestOf(hosts);
    expect(estimateHostCount(fileId, nearest)).toBe(hosts);
  });

  it.each([100, 500, 3000])(
    'is told from the density near the file when it is %d',
    (hosts) => {
      const estimates = Array.from({ length: 40 }, () => {
        const { fileId, nearest } = nearestOf(hosts);
        return estimateHostCount(fileId, nearest);
      });
      const mean = estimates.reduce((sum, estimate) => sum + estimate, 0) / estimates.length;
      expect(Math.abs(mean / hosts - 1)).toBeLessThan(0.1);
      expect(Math.min(...estimates)).toBeGreaterThanOrEqual(CANDIDATES_MAX);
      for (const estimate of estimates) expect(Math.abs(estimate / hosts - 1)).toBeLessThan(0.6);
    },
    20_000,
  );

  it('leads a large network to the widest policy and a middle one to the wide', () => {
    const policyOf = (hosts: number) => {
      const { fileId, nearest } = nearestOf(hosts);
      return defaultPolicy(estimateHostCount(fileId, nearest));
    };
    expect(policyOf(3000)).toEqual({ k: 20, n: 50 });
    expect(policyOf(200)).toEqual({ k: 10, n: 24 });
    expect(policyOf(12)).toEqual({ k: 5, n: 12 });
  });
});
