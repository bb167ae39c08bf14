// driven: bounds what interrupted stores leave on disk: oldest first out.
import { PART_AGE_MS_MAX, PART_BYTES_MAX, PART_COUNT_MAX } from '../limits.ts';
import { diskBytes } from './disk-blocks.ts';

interface KeptPart {
  readonly bytes: number;
  /** Wall clock; a jump only costs resumable bytes. */
  readonly sinceMs: number;
}

/** Knows the parts that nobody writes to; shards are named by their ids in hex. */
export class PartKeeper {
  readonly #remove: (shard: string) => Promise<void>;
  /** Oldest first. */
  readonly #parts = new Map<string, KeptPart>();
  readonly #leaving = new Map<string, Promise<void>>();
  #bytes = 0;

  /** `remove` deletes a part file; it may fail, the next start sweeps. */
  constructor(remove: (shard: string) => Promise<void>) {
    this.#remove = remove;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The part is about to be written again: it is not counted and not removed any more. */
  async take(shard: string): Promise<void> {
    this.#forget(shard);
    await this.#leaving.get(shard);
  }

  /** Keeps a part within the bounds. */
  async keep(shard: string, bytes: number, sinceMs: number): Promise<void> {
    this.#forget(shard);
    this.#parts.set(shard, { bytes: diskBytes(bytes), sinceMs });
    this.#bytes += diskBytes(bytes);
    await this.shrink(PART_BYTES_MAX);
  }

  /** Removes the oldest until at most `bytesMax` are left. */
  async shrink(bytesMax: number): Promise<void> {
    for (const shard of this.#parts.keys()) {
      if (this.#bytes <= bytesMax && this.#parts.size <= PART_COUNT_MAX) return;
      await this.#drop(shard);
    }
  }

  async dropOld(nowMs: number): Promise<void> {
    for (const [shard, { sinceMs }] of this.#parts) if (Math.abs(nowMs - sinceMs) > PART_AGE_MS_MAX) await this.#drop(shard);
  }

  async #drop(shard: string): Promise<void> {
    this.#forget(shard);
    const leaving = this.#remove(shard)
      .catch(() => undefined)
      .finally(() => this.#leaving.delete(shard));
    this.#leaving.set(shard, leaving);
    await leaving;
  }

  #forget(shard: string): void {
    this.#bytes -= this.#parts.get(shard)?.bytes ?? 0;
    this.#parts.delete(shard);
  }
}
