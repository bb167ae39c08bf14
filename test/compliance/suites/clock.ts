// driven: what every Clock must do, real or simulated.
import { getEventListeners } from 'node:events';
import type { Clock } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { Inbox, inWorld, type World } from './world.ts';

export interface ClockWorld extends World {
  readonly clock: Clock;
}

export function clockSuite(name: string, makeWorld: () => ClockWorld | Promise<ClockWorld>): void {
  const story = (tell: (clock: Clock) => Promise<void>) => () => inWorld(makeWorld, ({ clock }) => tell(clock));

  describe(`Clock: ${name}`, () => {
    it(
      'fires timers in the order of their times, never early, never twice',
      story(async (clock) => {
        const inbox = new Inbox<readonly [string, number]>();
        const fromMs = clock.monotonicMs();
        const note = (word: string) => () => inbox.put([word, clock.monotonicMs() - fromMs]);
        clock.setTimer(30, note('third'));
        clock.setTimer(10, note('first'));
        clock.setTimer(20, note('second'));
        const fired = await inbox.take(3);
        expect(fired.map(([word]) => word)).toEqual(['first', 'second', 'third']);
        for (const [i, [, afterMs]] of fired.entries()) expect(afterMs).toBeGreaterThanOrEqual(10 * (i + 1));
        await clock.sleep(40);
        expect(inbox.size).toBe(0);
      }),
    );

    it(
      'never fires inside setTimer, not even for no delay or a negative one',
      story(async (clock) => {
        const inbox = new Inbox<string>();
        clock.setTimer(0, () => inbox.put('zero'));
        clock.setTimer(-5, () => inbox.put('negative'));
        expect(inbox.size).toBe(0);
        expect((await inbox.take(2)).toSorted()).toEqual(['negative', 'zero']);
      }),
    );

    it(
      'does not fire what was cancelled, and takes a cancel after the fact',
      story(async (clock) => {
        const inbox = new Inbox<string>();
        const cancelled = clock.setTimer(5, () => inbox.put('cancelled'));
        const fired = clock.setTimer(10, () => inbox.put('fired'));
        cancelled.cancel();
        expect(await inbox.next()).toBe('fired');
        fired.cancel();
        cancelled.cancel();
        await clock.sleep(10);
        expect(inbox.size).toBe(0);
      }),
    );

    it(
      'wakes a sleeper in time, or at once with the reason of an abort',
      story(async (clock) => {
        const fromMs = clock.monotonicMs();
        await clock.sleep(12);
        expect(clock.monotonicMs() - fromMs).toBeGreaterThanOrEqual(12);
        const controller = new AbortController();
        clock.setTimer(5, () => controller.abort(new Error('the user left')));
        await expect(clock.sleep(3_600_000, controller.signal)).rejects.toThrow('the user left');
        await expect(clock.sleep(0, controller.signal)).rejects.toThrow('the user left');
        const quiet = new AbortController();
        await clock.sleep(1, quiet.signal);
        expect(getEventListeners(controller.signal, 'abort').length + getEventListeners(quiet.signal, 'abort').length).toBe(0);
      }),
    );

    it(
      'aborts a time-out signal with a TimeoutError, not before its time',
      story(async (clock) => {
        const signal = clock.timeoutSignal(15);
        expect(signal.aborted).toBe(false);
        const fromMs = clock.monotonicMs();
        await expect(clock.sleep(3_600_000, signal)).rejects.toMatchObject({ name: 'TimeoutError' });
        expect(clock.monotonicMs() - fromMs).toBeGreaterThanOrEqual(14);
        expect(signal.reason).toBeInstanceOf(DOMException);
      }),
    );

    it(
      'tells whole milliseconds of wall time, and monotonic time that goes on by as much',
      story(async (clock) => {
        const [wallMs, monotonicMs] = [clock.nowMs(), clock.monotonicMs()];
        await clock.sleep(20);
        expect(Number.isInteger(clock.nowMs())).toBe(true);
        expect(clock.nowMs()).toBeGreaterThan(1_700_000_000_000);
        const passedMs = clock.monotonicMs() - monotonicMs;
        expect(Math.abs(clock.nowMs() - wallMs - passedMs)).toBeLessThan(20);
      }),
    );
  });
}
