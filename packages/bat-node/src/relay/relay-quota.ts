// pure: what a relay may carry in a day, and what it has carried.
import { day } from '@batchain/shared';

/** Days are counted from the start of the relay, by a clock that never goes back. */
export class RelayQuota {
  readonly bytesPerDay: number;
  readonly #startMs: number;
  #day = 0;
  #bytesToday = 0;
  #bytesTotal = 0;
  #isUsedUp = false;

  /** `nowMs`: of the monotonic clock, here and below. */
  constructor(bytesPerDay: number, nowMs: number) {
    this.bytesPerDay = bytesPerDay;
    this.#startMs = nowMs;
  }

  get bytesTotal(): number {
    return this.#bytesTotal;
  }

  bytesToday(nowMs: number): number {
    this.#turn(nowMs);
    return this.#bytesToday;
  }

  leftToday(nowMs: number): number {
    const bytes = this.bytesToday(nowMs);
    return this.#isUsedUp ? 0 : this.bytesPerDay - bytes;
  }

  /** Until the next day begins. */
  msLeftToday(nowMs: number): number {
    return day - ((nowMs - this.#startMs) % day);
  }

  /** Counts bytes in; false, and nothing counted, when the day has no room for them: then it has none for anything else. */
  take(bytes: number, nowMs: number): boolean {
    if (bytes > this.leftToday(nowMs)) {
      this.#isUsedUp = true;
      return false;
    }
    this.#bytesToday += bytes;
    this.#bytesTotal += bytes;
    return true;
  }

  #turn(nowMs: number): void {
    const today = Math.floor((nowMs - this.#startMs) / day);
    if (today === this.#day) return;
    this.#day = today;
    this.#bytesToday = 0;
    this.#isUsedUp = false;
  }
}
