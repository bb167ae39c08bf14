import { describe, expect, it } from 'vitest';
import { PathFaults } from './path-faults.ts';

describe('PathFaults', () => {
  it('cuts one way only, and heals each cut by itself', () => {
    const faults = new PathFaults<string>();
    const heal = faults.cut(['ana'], ['bo', 'cy']);
    const healOther = faults.cut(['ana'], ['bo']);
    expect([faults.isCut('ana', 'bo'), faults.isCut('bo', 'ana'), faults.isCut('ana', 'dee')]).toEqual([true, false, false]);
    heal();
    expect([faults.isCut('ana', 'bo'), faults.isCut('ana', 'cy')]).toEqual([true, false]);
    healOther();
    expect(faults.isCut('ana', 'bo')).toBe(false);
  });

  it('cuts a group off from everybody else but not from itself', () => {
    const faults = new PathFaults<string>();
    faults.cut(['ana', 'bo'], undefined);
    faults.cut(undefined, ['ana', 'bo']);
    expect([faults.isCut('ana', 'cy'), faults.isCut('cy', 'bo')]).toEqual([true, true]);
    expect([faults.isCut('ana', 'bo'), faults.isCut('cy', 'dee')]).toEqual([false, false]);
    faults.heal();
    expect(faults.isCut('ana', 'cy')).toBe(false);
  });

  it('frees a clogged path when the longest clog on it ends', () => {
    const faults = new PathFaults<string>();
    faults.clog(['ana'], undefined, 500);
    faults.clog(['ana'], ['bo'], 300);
    expect([faults.freeAtMs('ana', 'bo', 100), faults.freeAtMs('bo', 'ana', 100)]).toEqual([500, 100]);
    expect(faults.freeAtMs('ana', 'bo', 500)).toBe(500);
  });
});
