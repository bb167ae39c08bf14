// driven: signals that end the work of a flow: joined, with a deadline, and listened to by as many calls as there are hosts.
import { setMaxListeners } from 'node:events';
import type { Clock } from '@batchain/shared';

/** An abort of one's own. A call at each of fifty hosts listens to it, which is no leak. */
export function createAbort(): AbortController {
  const abort = new AbortController();
  setMaxListeners(0, abort.signal);
  return abort;
}

/** Aborts with the first of them. */
export function joinSignals(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const joined = AbortSignal.any(signals.filter((signal) => signal !== undefined));
  setMaxListeners(0, joined);
  return joined;
}

/** Runs with a signal that aborts with `signal`, or when the time is over; leaves no timer behind. */
export async function withDeadline<T>(
  clock: Clock,
  deadlineMs: number,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = clock.setTimer(deadlineMs, () => late.abort(new DOMException(`not done after ${deadlineMs} ms`, 'TimeoutError')));
  try {
    return await run(joinSignals(signal, late.signal));
  } finally {
    timer.cancel();
  }
}
