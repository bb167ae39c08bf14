import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SIM_EPOCH_MS, SimClock } from './sim-clock.ts';
import { createSimRuntime } from './sim-runtime.ts';

describe('SimClock', () => {
  it('runs events in order of time and of insertion, and stops at the given time', async () => {
    const clock = new SimClock();
    const seen: string[] = [];
    clock.setTimer(20, () => seen.push(`c at ${clock.elapsedMs}`));
    clock.setTimer(10, () => seen.push(`a at ${clock.elapsedMs}`));
    clock.setTimer(10, () => seen.push(`b at ${clock.elapsedMs}`));
    clock.setTimer(10, () => seen.push('never')).cancel();
    clock.setTimer(21, () => seen.push('too late'));
    await clock.runUntil(20);
    expect(seen).toEqual(['a at 10', 'b at 10', 'c at 20']);
    expect([clock.elapsedMs, clock.nowMs() - SIM_EPOCH_MS, clock.pendingCount]).toEqual([20, 20, 1]);
  });

  it('drains every microtask before the next event, however long the chain of promises', async () => {
    const clock = new SimClock();
    const seen: string[] = [];
    const longChain = async (): Promise<void> => {
      for (let i = 0; i < 5000; i++) await undefined;
      await new Promise<void>((resolve) => process.nextTick(() => queueMicrotask(() => process.nextTick(resolve))));
      seen.push('chain');
    };
    for (let i = 0; i < 200; i++) {
      clock.setTimer(1, () => void longChain());
      clock.setTimer(1, () => seen.push('next'));
    }
    await clock.runFor(1);
    expect(seen).toEqual(Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 'chain' : 'next')));
  });

  it('lets code sleep, and gives its result as soon as it has one', async () => {
    const clock = new SimClock();
    const work = async (): Promise<string> => {
      await clock.sleep(3_600_000);
      return `done at ${clock.elapsedMs}`;
    };
    clock.setTimer(3_600_001, () => undefined);
    expect(await clock.runUntilSettled(work(), { deadlineMs: 7_200_000 })).toBe('done at 3600000');
    expect(clock.elapsedMs).toBe(3_600_000);
    await expect(clock.runUntilSettled(Promise.reject(new Error('refused')), { deadlineMs: 1 })).rejects.toThrow('refused');
  });

  it('says when a deadline passed, and when nothing is left that could help', async () => {
    const clock = new SimClock();
    clock.setTimer(1000, () => undefined);
    const never = new Promise<void>(() => undefined);
    await expect(clock.runUntilSettled(never, { deadlineMs: 500 })).rejects.toMatchObject({ code: 'BAT_E_TIMEOUT' });
    expect(clock.elapsedMs).toBe(500);
    await expect(clock.runUntilSettled(never, { deadlineMs: 9999 })).rejects.toThrow('stuck at 1000 simulated ms');
  });

  it('ends an endless loop of timers, and passes on what an event throws', async () => {
    const clock = new SimClock();
    const again = (): void => void clock.setTimer(0, again);
    again();
    await expect(clock.runFor(1, { eventsMax: 1000 })).rejects.toThrow('more than 1000 events');
    const broken = new SimClock();
    broken.setTimer(1, () => {
      throw new Error('a defect');
    });
    await expect(broken.runFor(5)).rejects.toThrow('a defect');
    await broken.runFor(5);
    expect(broken.elapsedMs).toBe(6);
  });

  it('is pumped by one caller at a time', async () => {
    const clock = new SimClock();
    const first = clock.runFor(10);
    await expect(clock.runFor(10)).rejects.toThrow('one caller at a time');
    await first;
  });

  it('aborts by time and by hand, and leaves no listener and no timer behind', async () => {
    const clock = new SimClock();
    const timeout = clock.timeoutSignal(50);
    const sleep = clock.sleep(1000, timeout);
    await expect(clock.runUntilSettled(sleep, { deadlineMs: 1000 })).rejects.toMatchObject({ name: 'TimeoutError' });
    expect([clock.elapsedMs, clock.pendingCount]).toEqual([50, 0]);
    expect(getEventListeners(timeout, 'abort')).toHaveLength(0);
  });
});

describe('SimClockView', () => {
  it('skews and jumps the wall clock of one node, never its monotonic time', async () => {
    const clock = new SimClock();
    const ahead = clock.view({ skewMs: 3_600_000 });
    await clock.runFor(1000);
    expect(ahead.nowMs() - clock.nowMs()).toBe(3_600_000);
    ahead.setSkewMs(-60_000);
    expect(ahead.nowMs() - clock.nowMs()).toBe(-60_000);
    expect(ahead.monotonicMs()).toBe(1000);
  });

  it('stops all of a crashed node and nothing of the others', async () => {
    const simulation = createSimRuntime('crash');
    const [ana, bo] = [simulation.node('ana'), simulation.node('bo')];
    const seen: string[] = [];
    for (const [name, node] of [['ana', ana] as const, ['bo', bo] as const]) {
      node.runtime.clock.setTimer(10, () => seen.push(`${name}: timer`));
      void node.runtime
        .fork('part')
        .clock.sleep(20)
        .then(() => seen.push(`${name}: sleep`));
    }
    simulation.clock.setTimer(5, () => ana.clock.halt());
    await simulation.clock.runFor(100);
    expect(seen).toEqual(['bo: timer', 'bo: sleep']);
  });
});
