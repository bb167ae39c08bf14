import { hour, minute } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { isReplicationDue } from './replication-plan.ts';

const TIMING = { intervalMs: 1 * hour, stepMs: 1 * minute, storersMax: 20 };

describe('isReplicationDue', () => {
  it('is the nearest node first, the others each a step later', () => {
    expect(isReplicationDue(0, 0, 1 * hour, TIMING)).toBe(true);
    expect(isReplicationDue(0, 1, 1 * hour, TIMING)).toBe(false);
    expect(isReplicationDue(0, 1, 61 * minute, TIMING)).toBe(true);
    expect(isReplicationDue(0, 19, 78 * minute, TIMING)).toBe(false);
    expect(isReplicationDue(0, 19, 79 * minute, TIMING)).toBe(true);
  });

  it('is not the turn of a node that 20 others are nearer than', () => {
    expect(isReplicationDue(0, 20, 48 * hour, TIMING)).toBe(false);
  });
});
