// driven: a runtime whose timers are counted, to see that work leaves none behind.
import type { Clock, Runtime } from '@batchain/shared';
import { sleepOn, timeoutSignalOn } from '../../packages/shared/src/runtime/waits.ts';

export interface CountedTimers {
  /** Armed and neither fired nor cancelled. */
  pending: number;
}

/** The runtime and its forks, with the timers that go through them counted. */
export function countTimers(runtime: Runtime): { readonly runtime: Runtime; readonly timers: CountedTimers } {
  const timers: CountedTimers = { pending: 0 };
  const clock: Clock = {
    nowMs: () => runtime.clock.nowMs(),
    monotonicMs: () => runtime.clock.monotonicMs(),
    setTimer: (delayMs, fn) => {
      let isPending = true;
      const settle = (): void => {
        if (isPending) timers.pending--;
        isPending = false;
      };
      timers.pending++;
      const timer = runtime.clock.setTimer(delayMs, () => {
        settle();
        fn();
      });
      return {
        cancel: () => {
          settle();
          timer.cancel();
        },
      };
    },
    sleep: (delayMs, signal) => sleepOn(clock, delayMs, signal),
    timeoutSignal: (delayMs) => timeoutSignalOn(clock, delayMs),
  };
  const wrap = (inner: Runtime): Runtime => ({ ...inner, clock, fork: (name) => wrap(inner.fork(name)) });
  return { runtime: wrap(runtime), timers };
}
