// pure: which counters of a session were seen: a sliding window over a ring of bits (RFC 6479), 224 wide.

const WORDS = 8;
const WORD_BITS = 32;
/** One word is always being filled. */
const WINDOW_BITS: number = (WORDS - 1) * WORD_BITS;

/**
 * Accepts each counter once; one that is 224 or more behind the highest counts as seen. Wide enough for what a lookup and
 * a publishing have under way to one peer when all of it overtakes one another.
 */
export class ReplayWindow {
  /** Signed 32-bit words. A list of small numbers takes a third of the memory of a Uint32Array, and every session has one. */
  readonly #words: number[] = new Array<number>(WORDS).fill(0);
  #highest = 0;

  /** Asked before the keyed hash is checked: nothing is noted. */
  isFresh(counter: number): boolean {
    if (counter > this.#highest) return true;
    if (this.#highest - counter >= WINDOW_BITS) return false;
    return ((this.#words[wordOf(counter)] as number) & bitOf(counter)) === 0;
  }

  /** Called once the keyed hash was right. */
  note(counter: number): void {
    if (counter > this.#highest) {
      const ahead = Math.min(WORDS, (counter >>> 5) - (this.#highest >>> 5));
      for (let i = 0; i < ahead; i++) this.#words[((counter >>> 5) - i) % WORDS] = 0;
      this.#highest = counter;
    }
    const at = wordOf(counter);
    this.#words[at] = (this.#words[at] as number) | bitOf(counter);
  }
}

const wordOf = (counter: number): number => (counter >>> 5) % WORDS;
const bitOf = (counter: number): number => 1 << (counter & (WORD_BITS - 1));
