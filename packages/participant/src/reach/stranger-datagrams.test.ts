import { createSimRuntime } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { HAND_PUNCH_PACE_MS, ICE_CHECK_TIMES_MS, NAMED_HOST_DATAGRAMS_MAX } from '../limits.ts';
import { StrangerDatagrams } from './stranger-datagrams.ts';

const VICTIM = '203.0.113.9';
const OTHER = '203.0.113.10';
let datagrams: StrangerDatagrams;
beforeEach(() => {
  datagrams = new StrangerDatagrams();
});

const most = (times: readonly number[]): number =>
  Math.max(...times.map((from) => times.filter((ms) => ms >= from && ms < from + 1000).length));
const checksAt = (startMs: number): number[] => ICE_CHECK_TIMES_MS.map((afterMs) => startMs + afterMs);

describe('T8 datagrams to a host that nobody vouches for', () => {
  it('are three in any second, however many knock there', () => {
    const sent: number[] = [];
    for (let ms = 0; ms < 20_000; ms += 10) if (datagrams.take(VICTIM, ms)) sent.push(ms);
    expect(most(sent)).toBe(NAMED_HOST_DATAGRAMS_MAX);
    expect(sent.length).toBeGreaterThan(30);
    expect(datagrams.take(OTHER, 20_000)).toBe(true);
  });

  it('leave room for the checks of ICE, which has a pace of its own', () => {
    expect(datagrams.book([VICTIM], 0)).toBeDefined();
    const sent = checksAt(0);
    for (let ms = 0; ms < 5_000; ms += HAND_PUNCH_PACE_MS) if (datagrams.take(VICTIM, ms)) sent.push(ms);
    expect(most(sent)).toBe(NAMED_HOST_DATAGRAMS_MAX);
    expect(sent.length).toBeGreaterThan(ICE_CHECK_TIMES_MS.length);
  });

  it('are the checks of one call at a time; what an ended one did not send is given back', () => {
    const ended = datagrams.book([VICTIM], 0);
    expect(datagrams.book([OTHER, VICTIM], 100)).toBeUndefined();
    expect(datagrams.take(OTHER, 100), 'nothing was booked there').toBe(true);
    ended?.(600);
    expect(datagrams.book([VICTIM], 650), 'two checks went out').toBeUndefined();
    expect(datagrams.book([VICTIM], 1_550), 'the first was long ago').toBeDefined();
  });

  it('are as many again where a KadNode has answered, and what was booked stays', () => {
    for (let n = 0; n < NAMED_HOST_DATAGRAMS_MAX; n++) expect(datagrams.take(VICTIM, n)).toBe(true);
    expect(datagrams.take(VICTIM, 10)).toBe(false);
    datagrams.giveBack(VICTIM, 2, 20);
    datagrams.giveBack(OTHER, 2, 20);
    expect([20, 21, 22].map((ms) => datagrams.take(VICTIM, ms))).toEqual([true, true, false]);
    expect(datagrams.book([OTHER], 30)).toBeDefined();
    datagrams.giveBack(OTHER, 5, 40);
    expect(
      [50, 51, 52].map((ms) => datagrams.take(OTHER, ms)),
      'checks are to come',
    ).toEqual([true, false, false]);
  });

  it('are three in any second whatever mixture of calls asks for them', () => {
    const { random } = createSimRuntime('mixture').runtime;
    const sent: number[] = [];
    for (let ms = 0; ms < 60_000; ms += 1 + random.below(60)) {
      if (random.below(4) > 0) {
        if (datagrams.take(VICTIM, ms)) sent.push(ms);
      } else if (datagrams.book([VICTIM], ms) !== undefined) sent.push(...checksAt(ms));
    }
    expect(most(sent)).toBe(NAMED_HOST_DATAGRAMS_MAX);
  });
});
