// driven: the Random port over the operating system's generator.
import { randomFillSync } from 'node:crypto';
import { drawBelow, drawShuffled } from '../runtime/draw.ts';
import type { Random } from '../runtime/random.ts';

/** Small draws come out of one refill: a call into the generator costs about as much for 4 bytes as for 1,024. */
const POOL_BYTES = 1024;

/** Cryptographically secure. Bytes handed out are wiped from the pool. */
export class SystemRandom implements Random {
  readonly #pool = Buffer.alloc(POOL_BYTES);
  #used = POOL_BYTES;
  readonly #next = (): number => this.u32();

  #take(length: number): number {
    if (this.#used + length > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    return at;
  }

  u32(): number {
    const at = this.#take(4);
    const value = this.#pool.readUInt32LE(at);
    this.#pool.writeUInt32LE(0, at);
    return value;
  }

  below(n: number): number {
    return drawBelow(n, this.#next);
  }

  bytes(length: number): Uint8Array {
    const result = new Uint8Array(length);
    if (length > POOL_BYTES / 4) return randomFillSync(result);
    const at = this.#take(length);
    result.set(this.#pool.subarray(at, at + length));
    this.#pool.fill(0, at, at + length);
    return result;
  }

  shuffle<T>(list: readonly T[]): T[] {
    return drawShuffled(list, this.#next);
  }

  /** Itself: two streams of the operating system's generator are as independent as one. */
  fork(_label: string): Random {
    return this;
  }
}
