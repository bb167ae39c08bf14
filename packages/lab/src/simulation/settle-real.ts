// driven: simulated time for work that also waits for the real disk: time stands still while the disk is busy.
import { BatChainError } from '@batchain/shared';
import type { SimClock } from '@batchain/shared/testing';

/** Simulated time between two looks at the disk. */
const STEP_MS = 2;

export async function settleReal<T>(clock: SimClock, work: Promise<T>, deadlineMs: number): Promise<T> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  work.then(settle, settle);
  for (const end = clock.elapsedMs + deadlineMs; !isSettled; ) {
    if (clock.elapsedMs > end) throw new BatChainError('BAT_E_TIMEOUT', { what: `not settled after ${deadlineMs} simulated ms` });
    // A turn of the event loop, in which the disk can answer.
    await clock.runFor(0);
    const isDiskBusy = process.getActiveResourcesInfo().some((name) => /^FSReq|^FileHandleClose/.test(name));
    if (!isDiskBusy) await clock.runFor(STEP_MS);
  }
  return work;
}
