// driven: simulated time for work that also waits for the real disk: time stands still while the disk is busy.
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
    if (clock.elapsedMs > end) throw new Error(`not settled after ${deadlineMs} simulated ms`);
    await new Promise((resolve) => setImmediate(resolve));
    const isDiskBusy = process.getActiveResourcesInfo().some((name) => /^FSReq|^FileHandleClose/.test(name));
    if (!isDiskBusy) await clock.runFor(STEP_MS);
  }
  return work;
}
