// driven: one timer per concern: runs a task again and again, with jitter, never two at a time.
import { type Runtime, type Timer, toBatChainError } from '@batchain/shared';

export interface RecurringTaskOptions {
  /** For the log. */
  readonly name: string;
  readonly intervalMs: number;
  /** The wait is up to this fraction shorter or longer. */
  readonly jitterRatio: number;
}

/** The wait with jitter drawn from `random`, in whole milliseconds, at least 1. */
export function jittered(runtime: Runtime, delayMs: number, jitterRatio: number): number {
  const drawn = runtime.random.below(2001) / 1000 - 1;
  return Math.max(1, Math.round(delayMs * (1 + jitterRatio * drawn)));
}

/** The next run is timed when the last one has ended; a run may name another wait, in milliseconds, for the one after it. */
export class RecurringTask {
  readonly #runtime: Runtime;
  readonly #options: RecurringTaskOptions;
  readonly #run: () => Promise<number | undefined> | number | undefined;
  #timer: Timer | undefined;
  #isStopped = true;
  #isRunning = false;
  #isWanted = false;
  #running: Promise<void> = Promise.resolve();

  constructor(runtime: Runtime, options: RecurringTaskOptions, run: () => Promise<number | undefined> | number | undefined) {
    this.#runtime = runtime;
    this.#options = options;
    this.#run = run;
  }

  start(firstDelayMs: number = this.#options.intervalMs): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#arm(jittered(this.#runtime, firstDelayMs, this.#options.jitterRatio));
  }

  /** Runs it after the delay, by default at once, or right after the run that is under way. Several calls are one run. */
  runSoon(delayMs = 1): void {
    if (this.#isStopped) return;
    this.#isWanted = true;
    if (!this.#isRunning) this.#arm(delayMs);
  }

  /** Resolves when no run is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #arm(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#runtime.clock.setTimer(delayMs, () => {
      // It was stopped and started again meanwhile.
      if (this.#isRunning) this.#isWanted = true;
      else this.#running = this.#once();
    });
  }

  async #once(): Promise<void> {
    let delayMs: number | undefined;
    this.#isWanted = false;
    this.#isRunning = true;
    try {
      delayMs = await this.#run();
    } catch (error) {
      // A stop cancels what runs; anything else is worth a line, and the next run may do better.
      if (!this.#isStopped) this.#runtime.log.warn('kad.task.failed', { task: this.#options.name, why: toBatChainError(error).message });
    }
    this.#isRunning = false;
    if (this.#isStopped) return;
    this.#arm(this.#isWanted ? 1 : jittered(this.#runtime, delayMs ?? this.#options.intervalMs, this.#options.jitterRatio));
  }
}
