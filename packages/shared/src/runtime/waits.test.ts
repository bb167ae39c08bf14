import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Timer } from './clock.ts';
import { sleepOn, timeoutSignalOn } from './waits.ts';

/** Timers that fire by hand. */
function makeTimers() {
  const pending = new Set<() => void>();
  return {
    pending,
    fireAll: () => {
      for (const fire of [...pending]) fire();
    },
    setTimer: (_delayMs: number, fn: () => void): Timer => {
      const fire = (): void => {
        pending.delete(fire);
        fn();
      };
      pending.add(fire);
      return { cancel: () => pending.delete(fire) };
    },
  };
}

const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('sleepOn', () => {
  it('leaves neither timer nor listener when its time has come', async () => {
    const [timers, controller] = [makeTimers(), new AbortController()];
    const sleep = sleepOn(timers, 10, controller.signal);
    expect([timers.pending.size, listenersOf(controller.signal)]).toEqual([1, 1]);
    timers.fireAll();
    await sleep;
    expect([timers.pending.size, listenersOf(controller.signal)]).toEqual([0, 0]);
  });

  it('leaves neither when it is aborted, and gives the reason', async () => {
    const [timers, controller] = [makeTimers(), new AbortController()];
    const sleep = sleepOn(timers, 10, controller.signal);
    controller.abort(new Error('the user left'));
    await expect(sleep).rejects.toThrow('the user left');
    expect([timers.pending.size, listenersOf(controller.signal)]).toEqual([0, 0]);
  });

  it('does not begin when it was aborted before', async () => {
    const timers = makeTimers();
    await expect(sleepOn(timers, 10, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(timers.pending.size).toBe(0);
  });
});

describe('timeoutSignalOn', () => {
  it('aborts with a TimeoutError when its timer fires', () => {
    const timers = makeTimers();
    const signal = timeoutSignalOn(timers, 10);
    expect(signal.aborted).toBe(false);
    timers.fireAll();
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
    expect(signal.reason).toBeInstanceOf(DOMException);
  });
});
