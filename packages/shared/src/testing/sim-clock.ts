// driven: simulated time: an event heap that a test pumps, and the views of it that nodes get.
import { assert } from '../core/assert.ts';
import { BatChainError } from '../core/errors.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { sleepOn, timeoutSignalOn } from '../runtime/waits.ts';
import { EventHeap } from './event-heap.ts';
import { runTurns } from './macro-turns.ts';
import type { TraceHash } from './trace-hash.ts';

/** Wall time at which every simulation begins: 2027-01-01 00:00 UTC. */
export const SIM_EPOCH_MS = 1_798_761_600_000;
/** More events in one run than any scenario needs: an endless loop of timers ends here. */
const EVENTS_PER_RUN_MAX = 200_000_000;

export interface SimClockViewOptions {
  /** How far the node's wall clock is ahead, in milliseconds; negative when behind. Monotonic time is not affected. */
  readonly skewMs?: number;
}

export interface RunOptions {
  /** Fails the run when it takes more events. */
  readonly eventsMax?: number;
}

export interface SettleOptions extends RunOptions {
  /** Simulated milliseconds from now. */
  readonly deadlineMs: number;
}

/**
 * Simulated time. Stands still until `runFor`, `runUntil` or `runUntilSettled` pumps it: these run the earliest event
 * (ties by order of insertion), drain all microtasks, then run the next.
 */
export class SimClock implements Clock {
  readonly #heap = new EventHeap();
  readonly #trace: TraceHash | undefined;
  #elapsedMs = 0;
  #isRunning = false;

  constructor(trace?: TraceHash) {
    this.#trace = trace;
  }

  /** Simulated milliseconds since the beginning. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** Timers and deliveries that wait for their time. */
  get pendingCount(): number {
    return this.#heap.size;
  }

  nowMs(): number {
    return Math.floor(SIM_EPOCH_MS + this.#elapsedMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    assert(!Number.isNaN(delayMs), 'a timer needs a delay');
    const event = this.#heap.push(this.#elapsedMs + Math.max(0, delayMs), fn);
    return { cancel: () => this.#heap.cancel(event) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  timeoutSignal(delayMs: number): AbortSignal {
    return timeoutSignalOn(this, delayMs);
  }

  /** A clock for one node. */
  view(options: SimClockViewOptions = {}): SimClockView {
    return new SimClockView(this, options.skewMs ?? 0);
  }

  /** Runs all events up to `atMs` (elapsed simulated milliseconds, inclusive); it is then that time. */
  async runUntil(atMs: number, options: RunOptions = {}): Promise<void> {
    await this.#pump(atMs, () => false, options);
    this.#elapsedMs = Math.max(this.#elapsedMs, atMs);
  }

  /** Runs all events of the next `durationMs`. */
  runFor(durationMs: number, options: RunOptions = {}): Promise<void> {
    return this.runUntil(this.#elapsedMs + durationMs, options);
  }

  /**
   * Runs events until the promise settles, and gives what it gave. Throws BAT_E_TIMEOUT when it has not settled by the
   * deadline, and BAT_E_INTERNAL when nothing is left that could settle it (it waits for something that is not simulated).
   */
  async runUntilSettled<T>(promise: Promise<T>, options: SettleOptions): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    const untilMs = this.#elapsedMs + options.deadlineMs;
    await this.#pump(untilMs, () => isSettled, options);
    if (isSettled) return promise;
    if (this.#heap.size > 0) {
      this.#elapsedMs = Math.max(this.#elapsedMs, untilMs);
      throw new BatChainError('BAT_E_TIMEOUT', { what: `not settled after ${options.deadlineMs} simulated ms` });
    }
    throw new BatChainError('BAT_E_INTERNAL', {
      what: `stuck at ${this.#elapsedMs} simulated ms: no event is left, and the promise has not settled`,
      why: 'the code waits for something that is not simulated, or for nothing at all',
    });
  }

  async #pump(untilMs: number, isDone: () => boolean, options: RunOptions): Promise<void> {
    assert(!this.#isRunning, 'the simulated clock is pumped by one caller at a time');
    const eventsMax = options.eventsMax ?? EVENTS_PER_RUN_MAX;
    let eventCount = 0;
    this.#isRunning = true;
    try {
      await runTurns(() => {
        if (isDone()) return false;
        const event = this.#heap.peek();
        if (event === undefined || event.atMs > untilMs) return false;
        assert(++eventCount <= eventsMax, `more than ${eventsMax} events in one run`);
        this.#elapsedMs = event.atMs;
        this.#trace?.event(event.atMs, event.order);
        this.#heap.take(event)?.();
        return true;
      });
    } finally {
      this.#isRunning = false;
    }
  }
}

/** One node's clock: shared monotonic time, a wall clock of its own, and an end when the node crashes. */
export class SimClockView implements Clock {
  readonly #clock: SimClock;
  #skewMs: number;
  #isHalted = false;

  constructor(clock: SimClock, skewMs: number) {
    this.#clock = clock;
    this.#skewMs = skewMs;
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.#skewMs;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    return this.#clock.setTimer(delayMs, () => {
      if (!this.#isHalted) fn();
    });
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  timeoutSignal(delayMs: number): AbortSignal {
    return timeoutSignalOn(this, delayMs);
  }

  /** Lets the wall clock jump: how far it is ahead of simulated time from now on. */
  setSkewMs(skewMs: number): void {
    this.#skewMs = skewMs;
  }

  /** What a crash does: no timer of this view fires any more, no sleep settles. */
  halt(): void {
    this.#isHalted = true;
  }
}
