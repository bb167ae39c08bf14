// driven: the Clock port over Node's own clocks and timers.
import type { Clock, Timer } from '../runtime/clock.ts';
import { sleepOn, timeoutSignalOn } from '../runtime/waits.ts';

/** Node turns longer delays into 1 ms, so a long wait is made of several. */
const NODE_DELAY_MS_MAX = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #dueMs: number;
  readonly #fn: () => void;
  #handle: NodeJS.Timeout | undefined;

  constructor(delayMs: number, fn: () => void) {
    this.#dueMs = performance.now() + Math.max(0, delayMs);
    this.#fn = fn;
    this.#arm(delayMs);
  }

  #arm(delayMs: number): void {
    this.#handle = setTimeout(() => this.#fire(), Math.min(Math.ceil(Math.max(0, delayMs)), NODE_DELAY_MS_MAX));
    this.#handle.unref();
  }

  #fire(): void {
    this.#handle = undefined;
    // Node counts whole milliseconds and may call up to one too early.
    const restMs = this.#dueMs - performance.now();
    if (restMs > 0) this.#arm(restMs);
    else this.#fn();
  }

  cancel(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }
}

/** Real time. Its timers never keep the process up. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    return new SystemTimer(delayMs, fn);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  timeoutSignal(delayMs: number): AbortSignal {
    return timeoutSignalOn(this, delayMs);
  }
}
