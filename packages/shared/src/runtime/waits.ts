// driven: the waits of a Clock, made of its timers; shared by every Clock adapter.
import type { Clock } from './clock.ts';

type TimerSource = Pick<Clock, 'setTimer'>;

/** Resolves after `delayMs`; rejects with the signal's reason. Leaves neither a timer nor a listener behind. */
export function sleepOn(timers: TimerSource, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = timers.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Aborts after `delayMs` with a DOMException named TimeoutError. */
export function timeoutSignalOn(timers: TimerSource, delayMs: number): AbortSignal {
  const controller = new AbortController();
  timers.setTimer(delayMs, () => controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')));
  return controller.signal;
}
