// pure: one refilling allowance.

/** Holds up to `burst`, refilled at `perSecond`. Times are of one monotonic clock. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #level: number;
  #atMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#level = burst;
    this.#atMs = nowMs;
  }

  /** Takes `amount` when at least `amount` + `reserve` is there. */
  take(nowMs: number, amount = 1, reserve = 0): boolean {
    this.#level = Math.min(this.#burst, this.#level + ((nowMs - this.#atMs) * this.#perSecond) / 1000);
    this.#atMs = nowMs;
    if (this.#level < amount + reserve) return false;
    this.#level -= amount;
    return true;
  }

  /** Gives back, as far as it holds. */
  give(amount = 1): void {
    this.#level = Math.min(this.#burst, this.#level + amount);
  }
}
