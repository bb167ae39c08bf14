import { describe, expect, it } from 'vitest';
import { RttEstimator } from './rtt-estimator.ts';

describe('RttEstimator', () => {
  it('waits half a second for the first contact of all, twice as long with each try, never above 2 s', () => {
    const rtt = new RttEstimator();
    expect([1, 2, 3, 4].map((tryNumber) => rtt.timeoutMs('a', tryNumber))).toEqual([500, 1000, 2000, 2000]);
  });

  it('follows RFC 6298 for a known contact', () => {
    const rtt = new RttEstimator();
    rtt.record('a', 100);
    expect(rtt.timeoutMs('a', 1)).toBe(100 + 4 * 50);
    rtt.record('a', 140);
    // RTTVAR = 3/4 x 50 + 1/4 x 40 = 47.5; SRTT = 7/8 x 100 + 1/8 x 140 = 105
    expect(rtt.timeoutMs('a', 1)).toBeCloseTo(105 + 4 * 47.5);
  });

  it('keeps within 0.2 and 2 s', () => {
    const rtt = new RttEstimator();
    for (let i = 0; i < 100; i++) rtt.record('near', 1);
    for (let i = 0; i < 100; i++) rtt.record('far', 5000);
    expect(rtt.timeoutMs('near', 1)).toBe(200);
    expect(rtt.timeoutMs('far', 1)).toBe(2000);
  });

  it('takes the average of all for a contact it does not know', () => {
    const rtt = new RttEstimator();
    for (let i = 0; i < 200; i++) rtt.record(`contact ${i}`, 300);
    expect(rtt.timeoutMs('somebody', 1)).toBeGreaterThan(299);
    expect(rtt.timeoutMs('somebody', 1)).toBeLessThan(400);
  });
});
