// driven: tells when a transfer takes much longer than others do, so that another host is tried beside it.
import type { Clock, Timer } from '@batchain/shared';
import { ANSWER_TIMEOUT_MS, AUDIT_BYTES_PER_SECOND } from '../limits.ts';
import type { DurationMeter } from './duration-meter.ts';

/** Times the median. */
const SLOW_FACTOR = 3;

export class SlowWatch {
  readonly #clock: Clock;
  readonly #meter: DurationMeter;
  readonly #floorMs: number;

  /** Transfers shorter than `floorMs` are never called slow: a busy disk or a lost packet takes that long. */
  constructor(clock: Clock, meter: DurationMeter, floorMs: number) {
    this.#clock = clock;
    this.#meter = meter;
    this.#floorMs = floorMs;
  }

  /**
   * Calls `onSlow` once when a transfer of so many bytes that begins now has become slow; to be cancelled when it ends.
   * Others may finish meanwhile, so the median is asked for again and again. Without any, the rate of audits is expected.
   */
  start(bytes: number, onSlow: () => void): Timer {
    const startedMs = this.#clock.monotonicMs();
    let timer: Timer;
    const look = (): void => {
      const leftMs = startedMs + this.#slowAfterMs(bytes) - this.#clock.monotonicMs();
      if (leftMs < 1) onSlow();
      else timer = this.#clock.setTimer(Math.min(leftMs, this.#floorMs), look);
    };
    timer = this.#clock.setTimer(this.#floorMs, look);
    return { cancel: () => timer.cancel() };
  }

  #slowAfterMs(bytes: number): number {
    const medianMs = this.#meter.medianMs(bytes);
    return medianMs === undefined
      ? ANSWER_TIMEOUT_MS + (bytes * 1000) / AUDIT_BYTES_PER_SECOND
      : Math.max(this.#floorMs, SLOW_FACTOR * medianMs);
  }
}
