// pure: rate and remaining time of a transfer, smoothed so that the numbers can be read.
import { second } from '@batchain/shared';

/** Older samples weigh less by a factor e for each such span. */
const SMOOTHING_MS: number = 15 * second;
const ETA_INTERVAL_MS: number = 1 * second;

export class TransferMeter {
  #lastMs: number | undefined;
  #lastBytes = 0;
  #rate = 0;
  /** Sum of the weights so far: before a whole span has passed the average is over what there is. */
  #weight = 0;
  #etaMs: number | undefined;
  #etaAtMs = Number.NEGATIVE_INFINITY;

  /** `doneBytes` of `totalBytes` are done at `nowMs` of a clock that never goes back. */
  add(doneBytes: number, totalBytes: number, nowMs: number): void {
    if (this.#lastMs === undefined) {
      this.#lastMs = nowMs;
      this.#lastBytes = doneBytes;
      return;
    }
    const spanMs = nowMs - this.#lastMs;
    if (spanMs <= 0) return;
    const keep = Math.exp(-spanMs / SMOOTHING_MS);
    this.#rate = this.#rate * keep + ((doneBytes - this.#lastBytes) / spanMs) * 1000 * (1 - keep);
    this.#weight = this.#weight * keep + (1 - keep);
    this.#lastMs = nowMs;
    this.#lastBytes = doneBytes;
    if (nowMs - this.#etaAtMs < ETA_INTERVAL_MS) return;
    this.#etaAtMs = nowMs;
    this.#etaMs = this.bytesPerSecond > 0 ? ((totalBytes - doneBytes) / this.bytesPerSecond) * 1000 : undefined;
  }

  get bytesPerSecond(): number {
    return this.#weight === 0 ? 0 : Math.max(0, this.#rate / this.#weight);
  }

  /** Undefined until bytes have flowed; changes at most once a second. */
  get etaMs(): number | undefined {
    return this.#etaMs;
  }
}
