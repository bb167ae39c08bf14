// driven: copies of shared memory that waits to be sent, in buffers that are used again: bulk data must not become garbage.
import { DATA_BYTES_MAX } from '../limits.ts';

/** Kept for the next copy, over all connections of one dialer or listener: what three busy ones have waiting. */
const FREE_MAX = 16;

export class CopyBuffers {
  readonly #free: Uint8Array[] = [];

  /** A copy of at most DATA_BYTES_MAX bytes; to be followed by `giveBack` when it was written. */
  copy(bytes: Uint8Array): Uint8Array {
    const buffer = this.#free.pop() ?? new Uint8Array(DATA_BYTES_MAX);
    buffer.set(bytes);
    return buffer.subarray(0, bytes.length);
  }

  giveBack(copy: Uint8Array): void {
    if (this.#free.length < FREE_MAX) this.#free.push(new Uint8Array(copy.buffer));
  }
}
