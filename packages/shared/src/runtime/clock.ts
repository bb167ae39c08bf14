// pure: the Clock port. The system adapter lives in `node`, the simulated one in `testing`.

export interface Timer {
  /** Harmless when the timer has fired or was cancelled. */
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump; never use it for time-outs (T19). */
  nowMs(): number;
  /** Milliseconds of a clock that never goes back. For time-outs and durations. */
  monotonicMs(): number;
  /** Calls `fn` once after `delayMs`. A pending timer alone does not keep the process up. */
  setTimer(delayMs: number, fn: () => void): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** A signal that aborts after `delayMs` with a DOMException named TimeoutError. */
  timeoutSignal(delayMs: number): AbortSignal;
}
