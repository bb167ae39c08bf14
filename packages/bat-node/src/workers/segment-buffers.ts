// driven: a bounded set of shared buffers, reused, so that memory does not grow with the file (I10).
import type { SegmentBuffer } from './stage-pool.ts';

interface Waiter {
  readonly bytes: number;
  readonly resolve: (buffer: SegmentBuffer) => void;
}

export class SegmentBuffers {
  readonly #budgetBytes: number;
  readonly #inUse = new Set<SegmentBuffer>();
  readonly #waiters: Waiter[] = [];
  #free: SegmentBuffer[] = [];

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** At once when the budget allows it or nothing is in use, else when others are given back, in order of asking. */
  acquire(bytes: number, signal?: AbortSignal): Promise<SegmentBuffer> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        bytes,
        resolve: (buffer) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(buffer);
        },
      };
      const onAbort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal?.reason);
        this.#serve();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
      this.#serve();
    });
  }

  release(buffer: SegmentBuffer): void {
    if (!this.#inUse.delete(buffer)) return;
    // One that was let in alone, above the budget, is not kept.
    if (buffer.bytes.buffer.byteLength <= this.#budgetBytes) this.#free.push(buffer);
    this.#serve();
  }

  /** Drops what is free. */
  clear(): void {
    this.#free = [];
  }

  #serve(): void {
    for (let waiter = this.#waiters[0]; waiter !== undefined; waiter = this.#waiters[0]) {
      const buffer = this.#take(waiter.bytes);
      if (buffer === undefined) return;
      this.#waiters.shift();
      waiter.resolve(buffer);
    }
  }

  #take(bytes: number): SegmentBuffer | undefined {
    const sum = (buffers: Iterable<SegmentBuffer>): number =>
      [...buffers].reduce((total, buffer) => total + buffer.bytes.buffer.byteLength, 0);
    const usedBytes = sum(this.#inUse);
    if (this.#inUse.size > 0 && usedBytes + bytes > this.#budgetBytes) return undefined;
    const fit = this.#free.find((buffer) => buffer.bytes.buffer.byteLength >= bytes && buffer.bytes.buffer.byteLength <= bytes * 2);
    this.#free = this.#free.filter((buffer) => buffer !== fit);
    while (this.#free.length > 0 && usedBytes + bytes + sum(this.#free) > this.#budgetBytes) this.#free.shift();
    const shared = fit?.bytes.buffer ?? new SharedArrayBuffer(bytes);
    const buffer: SegmentBuffer = { bytes: new Uint8Array(shared, 0, bytes) };
    this.#inUse.add(buffer);
    return buffer;
  }
}
