// pure: which counters of a session were seen (the sliding window of RFC 4303 section 3.4.3 and RFC 6479), 64 wide.

const WINDOW_BITS = 64;

/** Accepts each counter once; one that is 64 or more behind the highest counts as seen. */
export class ReplayWindow {
  #highest = -1;
  /** Bit i of the pair (low, high) stands for the counter highest - i. */
  #low = 0;
  #high = 0;

  /** Asked before the keyed hash is checked: nothing is noted. */
  isFresh(counter: number): boolean {
    const behind = this.#highest - counter;
    if (behind < 0) return true;
    if (behind >= WINDOW_BITS) return false;
    return behind < 32 ? (this.#low & (1 << behind)) === 0 : (this.#high & (1 << (behind - 32))) === 0;
  }

  /** Called once the keyed hash was right. */
  note(counter: number): void {
    const ahead = counter - this.#highest;
    if (ahead > 0) {
      this.#shift(ahead);
      this.#highest = counter;
    }
    const behind = this.#highest - counter;
    if (behind < 32) this.#low |= 1 << behind;
    else if (behind < WINDOW_BITS) this.#high |= 1 << (behind - 32);
  }

  #shift(count: number): void {
    if (count >= WINDOW_BITS) {
      this.#low = 0;
      this.#high = 0;
    } else if (count >= 32) {
      // JavaScript takes shift counts modulo 32.
      this.#high = this.#low << (count - 32);
      this.#low = 0;
    } else {
      this.#high = (this.#high << count) | (this.#low >>> (32 - count));
      this.#low <<= count;
    }
  }
}
