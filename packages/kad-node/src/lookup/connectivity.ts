// pure: whether the network answers at all, judged from signs of life and failures (BN-28).

export interface ConnectivityOptions {
  readonly offlineAfterMs: number;
  readonly offlineAfterFailures: number;
}

/** Offline means that nobody answers: not that one contact is gone. */
export class Connectivity {
  readonly #options: ConnectivityOptions;
  #lastSignMs: number;
  #failures = 0;
  #isOffline = false;

  constructor(options: ConnectivityOptions, nowMs: number) {
    this.#options = options;
    this.#lastSignMs = nowMs;
  }

  get isOffline(): boolean {
    return this.#isOffline;
  }

  /** Something arrived from a proved peer. True when that ends an offline time. */
  noteSign(nowMs: number): boolean {
    this.#lastSignMs = nowMs;
    this.#failures = 0;
    const wasOffline = this.#isOffline;
    this.#isOffline = false;
    return wasOffline;
  }

  /** A contact did not answer; `contactCount` is how many we know. True when we went offline by it. */
  noteFailure(nowMs: number, contactCount: number): boolean {
    this.#failures++;
    if (this.#isOffline || nowMs - this.#lastSignMs < this.#options.offlineAfterMs) return false;
    if (this.#failures < Math.min(this.#options.offlineAfterFailures, Math.max(1, contactCount))) return false;
    this.#isOffline = true;
    return true;
  }

  /** The last contact is gone. True when that is news. */
  giveUp(): boolean {
    const isNews = !this.#isOffline;
    this.#isOffline = true;
    return isNews;
  }
}
