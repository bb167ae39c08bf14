import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from './durations.ts';

describe('durations', () => {
  it('reads one or several parts, and bare seconds', () => {
    expect(['500ms', '30s', '1h30m', '7d', '90', '1.5s', '2 h'].map(parseDuration)).toEqual([
      500,
      30_000,
      5_400_000,
      604_800_000,
      90_000,
      1500,
      undefined,
    ]);
  });

  it('refuses what is no duration', () => {
    for (const text of ['', '-5s', 's', '5 parsecs', '1h 30m', '1.s']) expect(parseDuration(text), text).toBeUndefined();
  });

  it('shows at most two parts', () => {
    expect([600, 59_900, 60_000, 1_230_000, 352_800_000].map(formatDuration)).toEqual([
      '0.6 s',
      '59.9 s',
      '1 min',
      '20 min 30 s',
      '4 d 2 h',
    ]);
  });
});
