// driven: simulated time that runs with the wall clock, slower where the computer does not keep up.
import type { Clock } from '@batchain/shared';
import type { SimClock } from '@batchain/shared/testing';
import { PUMP_INTERVAL_MS, PUMP_SLICE_MAX_MS, PUMP_WINDOW_MS } from '../limits.ts';

export class SimPump {
  readonly #wall: Clock;
  readonly #simulated: SimClock;
  readonly #speed: number;
  /** Work that runs the simulated clock itself waits for the slice under way, and the next slice for it. */
  #turn: Promise<unknown> = Promise.resolve();
  #isStopped = false;
  #windowStartMs = 0;
  #windowElapsedMs = 0;
  #reached: number | null = null;

  constructor(wall: Clock, simulated: SimClock, speed: number) {
    this.#wall = wall;
    this.#simulated = simulated;
    this.#speed = speed;
  }

  /** Simulated seconds per second, lately; null when it was not measured yet. */
  get speedReached(): number | null {
    return this.#reached;
  }

  /** Resolves when it is stopped; rejects with what an event threw. */
  async run(): Promise<void> {
    this.#openWindow();
    for (let lastMs = this.#wall.monotonicMs(); !this.#isStopped; ) {
      await this.#wall.sleep(PUMP_INTERVAL_MS);
      const nowMs = this.#wall.monotonicMs();
      // What the computer did not keep up with is let go: a backlog would only grow.
      const sliceMs = Math.min(nowMs - lastMs, PUMP_SLICE_MAX_MS) * this.#speed;
      lastMs = nowMs;
      await this.#take(() => this.#simulated.runFor(sliceMs));
      this.#note();
    }
  }

  /** Runs work that drives the simulated clock by itself, however fast. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#take(work);
    } finally {
      this.#openWindow();
    }
  }

  #take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  stop(): void {
    this.#isStopped = true;
  }

  #openWindow(): void {
    this.#windowStartMs = this.#wall.monotonicMs();
    this.#windowElapsedMs = this.#simulated.elapsedMs;
  }

  #note(): void {
    const pastMs = this.#wall.monotonicMs() - this.#windowStartMs;
    if (pastMs < PUMP_WINDOW_MS) return;
    this.#reached = (this.#simulated.elapsedMs - this.#windowElapsedMs) / pastMs;
    this.#openWindow();
  }
}
