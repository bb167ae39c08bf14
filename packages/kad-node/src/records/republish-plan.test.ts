import { hour, minute, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { planRepublish, type Republishable } from './republish-plan.ts';

const INTERVAL = 22 * hour;
const ROUND = 5 * minute;

/** Runs rounds over a time and counts, per key, when it was published. */
function simulate(keys: number, firstPublishedMs: (n: number) => number | undefined, untilMs: number, countMax = 1000, settledMs = 0) {
  const items: { key: Uint8Array; publishedMs: number | undefined }[] = Array.from({ length: keys }, (_, n) => ({
    key: sha256(uintBytes(n, 4)),
    publishedMs: firstPublishedMs(n),
  }));
  const times = items.map((item) => (item.publishedMs === undefined ? [] : [item.publishedMs]));
  let largest = 0;
  for (let nowMs = 0; nowMs < untilMs; nowMs += ROUND) {
    const due = planRepublish(items, nowMs, { intervalMs: INTERVAL, countMax });
    if (nowMs >= settledMs) largest = Math.max(largest, due.length);
    for (const item of due) {
      item.publishedMs = nowMs;
      times[items.indexOf(item)]?.push(nowMs);
    }
  }
  return { times, largest };
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, i) => time - (times[i] as number));

describe('republish plan', () => {
  it('publishes everything again within the interval, spread over it', () => {
    const { times, largest } = simulate(1000, () => 0, 10 * 24 * hour, 1000, 2 * INTERVAL);
    for (const list of times) {
      expect(list.length).toBeGreaterThanOrEqual(10);
      for (const gap of gaps(list)) {
        expect(gap).toBeLessThanOrEqual(INTERVAL + ROUND);
        expect(gap).toBeGreaterThanOrEqual(INTERVAL / 2 - ROUND);
      }
    }
    expect(largest, 'about 4 of 1,000 are due in each of the 264 rounds of an interval').toBeLessThan(30);
  });

  it('publishes at once what nobody has stored yet, in key order', () => {
    const items: Republishable[] = Array.from({ length: 20 }, (_, n) => ({ key: sha256(uintBytes(n, 4)), publishedMs: undefined }));
    const due = planRepublish(items, 0, { intervalMs: INTERVAL, countMax: 100 });
    expect(due).toHaveLength(20);
    expect(due).toEqual([...items].sort((a, b) => Buffer.compare(a.key, b.key)));
  });

  it('takes the never published and then the longest silent when there is too much', () => {
    const item = (n: number, publishedMs: number | undefined): Republishable => ({ key: sha256(uintBytes(n, 4)), publishedMs });
    const items = [item(1, 3 * hour), item(2, hour), item(3, undefined), item(4, 2 * hour)];
    const due = planRepublish(items, 100 * hour, { intervalMs: INTERVAL, countMax: 2 });
    expect(new Set(due)).toEqual(new Set([items[2], items[1]]));
  });

  it('catches up over several rounds, at a steady pace', () => {
    const { times, largest } = simulate(1000, () => undefined, 24 * hour, 50);
    expect(largest).toBe(50);
    expect(times.every((list) => list.length >= 1)).toBe(true);
  });
});
