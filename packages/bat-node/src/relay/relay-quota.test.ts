import { day } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { RelayQuota } from './relay-quota.ts';

describe('the quota of a relay', () => {
  it('counts what fits into the day; what does not uses it up for all', () => {
    const quota = new RelayQuota(100, 5);
    expect(quota.take(60, 10)).toBe(true);
    expect(quota.leftToday(20)).toBe(40);
    expect(quota.take(41, 20)).toBe(false);
    expect(quota.leftToday(30)).toBe(0);
    expect(quota.take(1, 30)).toBe(false);
    expect(quota.bytesToday(30)).toBe(60);
    expect(quota.take(100, 5 + day)).toBe(true);
  });

  it('begins anew every 24 hours after its start', () => {
    const quota = new RelayQuota(100, 5);
    quota.take(100, 5 + day - 1);
    expect(quota.leftToday(5 + day - 1)).toBe(0);
    expect(quota.msLeftToday(5 + day - 1)).toBe(1);
    expect(quota.leftToday(5 + day)).toBe(100);
    expect(quota.msLeftToday(5 + day)).toBe(day);
    quota.take(30, 5 + 7 * day);
    expect(quota.bytesToday(5 + 7 * day)).toBe(30);
    expect(quota.bytesTotal).toBe(130);
  });
});
