import { describe, expect, it } from 'vitest';
import { OWNER_TIMES } from '../limits.ts';
import { beginPlacing, findMissing, type Placing, placingDelayMs, planNextTry } from './placing.ts';

const times = OWNER_TIMES.normal.placing;
const NOW_MS = 1_000_000_000;
const nothing = { placed: 0, reason: 'no other host has room' };

describe('what is missing', () => {
  it('are the indexes that nobody holds, per segment', () => {
    const holders = [
      new Map([
        [0, 0],
        [1, 1],
      ]),
      new Map([
        [0, 2],
        [1, 2],
        [2, 2],
      ]),
    ]; // prettier-ignore
    expect(findMissing(holders, 3, 3)).toEqual(
      new Map([
        [0, [1]],
        [1, [0]],
        [2, [0, 1]],
      ]),
    );
  });

  it('is nothing when each index has a holder, and all of it without holders', () => {
    expect(findMissing([new Map([[0, 0]]), new Map([[0, 1]])], 1, 2).size).toBe(0);
    expect(findMissing([], 1, 2)).toEqual(new Map([[0, [0, 1]]]));
  });

  it('does not count what lies outside the file', () => {
    expect(findMissing([new Map([[7, 0]])], 1, 1)).toEqual(new Map([[0, [0]]]));
  });
});

describe('the next try', () => {
  it('comes soon at first, then after twice as long each time, never more than the longest pause', () => {
    let placing: Placing = beginPlacing(NOW_MS, times);
    const pauses = [placing.nextMs - NOW_MS];
    for (let i = 0; i < 12; i++) {
      const nowMs = placing.nextMs;
      placing = planNextTry(placing, nowMs, times, nothing);
      pauses.push(placing.nextMs - nowMs);
    }
    expect(pauses.slice(0, 4)).toEqual([times.firstMs, 2 * times.firstMs, 4 * times.firstMs, 8 * times.firstMs]);
    expect(pauses.at(-1)).toBe(times.longestMs);
  });

  it('comes soon again when something was placed', () => {
    const late = { ...beginPlacing(NOW_MS, times), tries: 9 };
    expect(planNextTry(late, NOW_MS, times, { placed: 3, reason: 'no room' })).toMatchObject({ tries: 0, nextMs: NOW_MS + times.firstMs });
  });

  it('is none when the time is over, and the last reason stays', () => {
    const placing = beginPlacing(NOW_MS, times);
    expect(planNextTry(placing, NOW_MS + times.forMs - 1, times, nothing).isOver).toBe(false);
    expect(planNextTry(placing, NOW_MS + times.forMs, times, nothing)).toMatchObject({ isOver: true, reason: nothing.reason });
  });

  it('does not wait for a clock that was set back', () => {
    const placing = beginPlacing(NOW_MS, times);
    expect(placingDelayMs(placing, NOW_MS, times)).toBe(times.firstMs);
    expect(placingDelayMs(placing, NOW_MS + 10 * times.firstMs, times)).toBe(0);
    expect(placingDelayMs(placing, NOW_MS - 365 * 86_400_000, times)).toBe(0);
  });
});
