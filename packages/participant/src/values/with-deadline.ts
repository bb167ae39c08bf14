// driven: waits that end: the caller's signal joined with a deadline, whose passing is an error that says what took so long.
import { BatChainError, type Clock } from '@batchain/shared';

export interface Deadline {
  readonly afterMs: number;
  readonly signal: AbortSignal;
  /** What was waited for. */
  readonly what: string;
}

/** Rejects with BAT_E_TIMEOUT, or with the signal's reason. Leaves no timer behind. */
export async function withDeadline<T>(clock: Clock, deadline: Deadline, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const timer = clock.setTimer(deadline.afterMs, () =>
    late.abort(new BatChainError('BAT_E_TIMEOUT', { what: `${deadline.what} was not done after ${deadline.afterMs / 1000} s` })),
  );
  const signal = AbortSignal.any([deadline.signal, late.signal]);
  try {
    return await run(signal);
  } finally {
    timer.cancel();
  }
}
