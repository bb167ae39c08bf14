// driven: a bounded set of shared buffers, reused, so that memory does not grow with the file (I10), fair between those who want some.
import type { BufferWish, SegmentBuffer } from './stage-pool.ts';

interface Waiter {
  readonly bytes: number;
  /** Whose it is; a wish of nobody in particular is one of its own. */
  readonly job: object;
  readonly leavesRoom: boolean;
  readonly resolve: (buffer: SegmentBuffer) => void;
}

export class SegmentBuffers {
  readonly #budgetBytes: number;
  /** With the job that has it. */
  readonly #inUse = new Map<SegmentBuffer, object>();
  readonly #waiters: Waiter[] = [];
  #free: SegmentBuffer[] = [];

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /**
   * At once when the budget allows it or nothing is in use, else when others are given back. A job that has none comes first, in order
   * of asking.
   */
  acquire(bytes: number, { job = {}, leavesRoom = false, signal }: BufferWish = {}): Promise<SegmentBuffer> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        bytes,
        job,
        leavesRoom,
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
    for (let waiter = this.#next(); waiter !== undefined; waiter = this.#next()) {
      const buffer = this.#take(waiter);
      if (buffer === undefined) return;
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve(buffer);
    }
  }

  /** The first whose job has nothing; else the first. */
  #next(): Waiter | undefined {
    return this.#waiters.find(({ job }) => !this.#has(job)) ?? this.#waiters[0];
  }

  #has(job: object): boolean {
    return [...this.#inUse.values()].includes(job);
  }

  #take({ bytes, job, leavesRoom }: Waiter): SegmentBuffer | undefined {
    const sum = (buffers: Iterable<SegmentBuffer>): number =>
      [...buffers].reduce((total, buffer) => total + buffer.bytes.buffer.byteLength, 0);
    const usedBytes = sum(this.#inUse.keys());
    const reservedBytes = leavesRoom && this.#has(job) ? bytes : 0;
    if (this.#inUse.size > 0 && usedBytes + bytes + reservedBytes > this.#budgetBytes) return undefined;
    const fit = this.#free.find((buffer) => buffer.bytes.buffer.byteLength >= bytes && buffer.bytes.buffer.byteLength <= bytes * 2);
    this.#free = this.#free.filter((buffer) => buffer !== fit);
    while (this.#free.length > 0 && usedBytes + bytes + sum(this.#free) > this.#budgetBytes) this.#free.shift();
    const shared = fit?.bytes.buffer ?? new SharedArrayBuffer(bytes);
    const buffer: SegmentBuffer = { bytes: new Uint8Array(shared, 0, bytes) };
    this.#inUse.set(buffer, job);
    return buffer;
  }
}
