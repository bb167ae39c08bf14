import { hour, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { DensityLog } from './density-log.ts';

const key = (n: number): Uint8Array => sha256(uintBytes(n, 8));
const sample = (reach: number): { count: number; reach: number } => ({ count: 20, reach });

describe('DensityLog', () => {
  it('keeps one sample per key, the latest 64', () => {
    const log = new DensityLog();
    for (let n = 0; n < 70; n++) log.note(key(n), sample(n), 0);
    log.note(key(69), sample(99), 1);
    expect(log.samples(1).map(({ reach }) => reach)).toEqual([...Array.from({ length: 63 }, (_, n) => n + 6), 99]);
    expect(log.samples(1, key(69)), 'a key is not judged by itself').toHaveLength(63);
  });

  it('forgets what is older than an hour', () => {
    const log = new DensityLog();
    log.note(key(1), sample(1), 0);
    log.note(key(2), sample(2), hour / 2);
    expect(log.samples(hour + 1).map(({ reach }) => reach)).toEqual([2]);
  });
});
