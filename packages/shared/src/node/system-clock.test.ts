import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { SystemClock } from './system-clock.ts';

const clock = new SystemClock();
const activeTimers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('SystemClock', () => {
  it('never calls back before the delay has passed on its own monotonic clock', async () => {
    for (const delayMs of [0, 1, 2.5, 7]) {
      const fromMs = clock.monotonicMs();
      await clock.sleep(delayMs);
      expect(clock.monotonicMs() - fromMs).toBeGreaterThanOrEqual(delayMs);
    }
  });

  it('does not keep the process up with a pending timer', () => {
    const before = activeTimers();
    const timer = clock.setTimer(60_000, () => undefined);
    expect(activeTimers()).toBe(before);
    timer.cancel();
  });

  it('waits for a 30-day lease instead of firing at once, as Node would', () => {
    vi.useFakeTimers();
    try {
      const dayMs = 86_400_000;
      const fired = vi.fn();
      new SystemClock().setTimer(30 * dayMs, fired);
      vi.advanceTimersByTime(29 * dayMs);
      expect(fired).not.toHaveBeenCalled();
      vi.advanceTimersByTime(dayMs);
      expect(fired).toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });

  it('leaves no listener on the signal after a sleep, however it ended', async () => {
    const controller = new AbortController();
    await clock.sleep(1, controller.signal);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    const sleep = clock.sleep(60_000, controller.signal);
    controller.abort(new Error('the user left'));
    await expect(sleep).rejects.toThrow('the user left');
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    await expect(clock.sleep(0, controller.signal)).rejects.toThrow('the user left');
  });
});
