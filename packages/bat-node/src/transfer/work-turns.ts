// driven: long work in short turns: between two of them the event loop serves everybody else, however many ask for long work.
import type { Clock } from '@batchain/shared';

export class WorkTurns {
  readonly #clock: Clock;
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the next turn is the caller's: one at a time, in the order of asking. */
  next(): Promise<void> {
    this.#last = this.#last.then(() => this.#clock.sleep(0));
    return this.#last;
  }

  /** Runs work to its end, a turn for each step. */
  async run<T>(work: Generator<undefined, T>): Promise<T> {
    for (;;) {
      await this.next();
      const step = work.next();
      if (step.done === true) return step.value;
    }
  }
}
