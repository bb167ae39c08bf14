// driven: when a flow tells its caller of progress: each step that matters, and bytes that move a few times a second.
import type { Clock } from '@batchain/shared';

/** Bytes come in thousands of pieces a second; nobody looks more often than this. */
const TOLD_EVERY_MS = 100;

export class ProgressPace {
  readonly #clock: Clock;
  readonly #tell: () => void;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, tell: () => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Something is done that is told at once. */
  now(): void {
    this.#toldAtMs = this.#clock.monotonicMs();
    this.#tell();
  }

  /** Some bytes more: told unless something was just now. */
  soon(): void {
    if (this.#clock.monotonicMs() - this.#toldAtMs >= TOLD_EVERY_MS) this.now();
  }
}
