// driven: work that must end by a time, with a signal that says when; leaves no timer behind.
import type { Clock } from '@batchain/shared';

/** Runs with a signal that aborts with `signal`, or when the time is over. */
export async function withDeadline<T>(
  clock: Clock,
  deadlineMs: number,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = clock.setTimer(deadlineMs, () => late.abort(new DOMException(`not done after ${deadlineMs} ms`, 'TimeoutError')));
  try {
    return await run(signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]));
  } finally {
    timer.cancel();
  }
}
