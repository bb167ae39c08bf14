import { GiB, KiB, MiB } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { planSegmentSize } from './segment-size.ts';

const size = (bytes: number, k: number, n: number, wished?: number): number | string => {
  const planned = planSegmentSize(bytes, { k, n }, wished);
  return planned.ok ? planned.value : planned.reason;
};

describe('the size of segments', () => {
  it('is 16 MiB for the policies of the table', () => {
    for (const [k, n] of [
      [1, 3],
      [2, 5],
      [3, 6],
      [5, 12],
      [10, 24],
      [20, 50],
    ] as const)
      expect(size(10 * GiB, k, n)).toBe(16 * MiB);
  });

  it('becomes smaller when the shards of a segment would take more memory than all that are in flight may', () => {
    expect(size(1 * GiB, 2, 24)).toBe(4 * MiB);
    expect(size(10 * MiB, 2, 256)).toBe(512 * KiB);
  });

  it('is 16 MiB however many copies there are: with k = 1 all shards are the same bytes, in memory once', () => {
    expect(size(1 * GiB, 1, 12)).toBe(16 * MiB);
    expect(size(1 * GiB, 1, 256)).toBe(16 * MiB);
    expect(size(1 * GiB, 1, 50, 64 * MiB)).toBe(64 * MiB);
  });

  it('that was asked for is kept, unless nobody has that much memory', () => {
    expect(size(1 * GiB, 1, 6, 64 * MiB)).toBe(64 * MiB);
    expect(size(1 * GiB, 2, 100, 64 * MiB)).toBe('BAT_E_USAGE');
    // A file of one small segment takes what it takes.
    expect(size(1 * MiB, 2, 100, 64 * MiB)).toBe(64 * MiB);
    expect(size(1 * GiB, 2, 4, 100)).toBe('BAT_E_USAGE');
  });

  it('is refused when it would have to grow beyond that', () => {
    expect(size(60 * GiB, 2, 256)).toBe('BAT_E_FILE_TOO_LARGE');
  });
});
