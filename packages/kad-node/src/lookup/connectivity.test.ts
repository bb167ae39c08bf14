import { describe, expect, it } from 'vitest';
import { Connectivity } from './connectivity.ts';

const OPTIONS = { offlineAfterMs: 20_000, offlineAfterFailures: 3 };

describe('Connectivity', () => {
  it('BN-28 calls it offline when nobody answers for a while, and online at the first sign of life', () => {
    const connectivity = new Connectivity(OPTIONS, 0);
    connectivity.noteSign(1000);
    for (let i = 0; i < 9; i++) expect(connectivity.noteFailure(5000, 50), 'too soon').toBe(false);
    expect(connectivity.noteFailure(21_000, 50)).toBe(true);
    expect(connectivity.noteFailure(22_000, 50), 'it is news only once').toBe(false);
    expect(connectivity.isOffline).toBe(true);
    expect(connectivity.noteSign(30_000)).toBe(true);
    expect(connectivity.noteSign(30_001)).toBe(false);
  });

  it('one dead contact of many is not the network', () => {
    const connectivity = new Connectivity(OPTIONS, 0);
    expect(connectivity.noteFailure(60_000, 50)).toBe(false);
    expect(connectivity.noteFailure(60_000, 50)).toBe(false);
    expect(connectivity.noteFailure(60_000, 50)).toBe(true);
  });

  it('in a network of two the other one is the network', () => {
    const connectivity = new Connectivity(OPTIONS, 0);
    expect(connectivity.noteFailure(60_000, 1)).toBe(true);
    expect(connectivity.giveUp(), 'known already').toBe(false);
  });
});
