import { KiB, MiB, minute, second } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { findSlow } from './slow-stores.ts';

const store = (announcedBytes: number, bytesPerSecond: number, elapsedMs: number) => ({
  announcedBytes,
  receivedBytes: (bytesPerSecond * elapsedMs) / 1000,
  elapsedMs,
  reservedBytes: announcedBytes,
});
const isSlow = (...facts: Parameters<typeof store>): boolean => findSlow([store(...facts)]).length === 1;

describe('a store that keeps room', () => {
  it('T15 is not judged before it could begin', () => {
    expect(isSlow(64 * MiB, 0, 29 * second)).toBe(false);
    expect(isSlow(64 * MiB, 0, 30 * second)).toBe(true);
  });

  it('T15 is too slow at the slowest pace of a transfer when its shard is long, not when it is short', () => {
    expect(isSlow(64 * MiB, 5 * KiB, minute)).toBe(true);
    expect(isSlow(MiB, 5 * KiB, minute)).toBe(false);
  });

  it('is in time on an uplink of 1 Mbit/s that is shared by all hosts of a segment of 16 MiB', () => {
    for (const [k, n] of [
      [1, 2],
      [3, 6],
      [16, 24],
      [40, 60],
    ] as const) {
      expect(isSlow((16 * MiB) / k, 125_000 / n, minute)).toBe(false);
    }
  });

  it('gives way when it is the slowest', () => {
    const [slow, slower] = [store(64 * MiB, 5 * KiB, minute), store(64 * MiB, 4 * KiB, minute)];
    expect(findSlow([slow, store(MiB, MiB, minute), slower])).toEqual([slower, slow]);
  });
});
