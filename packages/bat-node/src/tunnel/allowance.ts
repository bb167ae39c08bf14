// pure: an allowance that refills with time, up to what one second gives.

/** Times are of one monotonic clock. */
export class Allowance {
  readonly #perSecond: number;
  #level: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#level = perSecond;
    this.#atMs = nowMs;
  }

  has(amount: number, nowMs: number): boolean {
    this.#level = Math.min(this.#perSecond, this.#level + ((nowMs - this.#atMs) * this.#perSecond) / 1000);
    this.#atMs = nowMs;
    return this.#level >= amount;
  }

  take(amount: number, nowMs: number): boolean {
    if (!this.has(amount, nowMs)) return false;
    this.#level -= amount;
    return true;
  }
}
