// driven: the records of files that went elsewhere: withdrawn once the new holders are found, so that a reader always finds somebody.
import { type Runtime, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { LEAVE_LAST_WORD_MS, LEAVE_LOOKUP_MS, LEAVE_LOOKUPS_MAX, LEAVE_SETTLE_MS } from '../limits.ts';
import type { Locator, ShardStore } from '../ports.ts';
import { createAbort, joinSignals, withDeadline } from './signals.ts';

/** Between two looks, while nobody new is found. */
const LOOK_PAUSE_MS = 500;

interface Gone {
  readonly fileId: FileId;
  /** Monotonic. */
  readonly sinceMs: number;
}

export interface MovedRecordsParts {
  readonly runtime: Runtime;
  readonly store: ShardStore;
  readonly locator: Locator;
  /** Nothing of these files is here any more: nobody is to be sent here. */
  readonly onFilesGone: (fileIds: readonly FileId[]) => Promise<void>;
}

export class MovedRecords {
  readonly #parts: MovedRecordsParts;
  readonly #signal: AbortSignal;
  readonly #waiting = new Map<string, Gone>();
  #running: Promise<void> | undefined;

  /** When the signal aborts, what is left is withdrawn without a look. */
  constructor(parts: MovedRecordsParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  /** The last shard of the file went elsewhere. */
  add(fileId: FileId): void {
    this.#waiting.set(toHex(fileId), { fileId, sinceMs: this.#parts.runtime.clock.monotonicMs() });
    void this.#start();
  }

  /** Resolves when all are withdrawn: soon after the last, whoever was found. */
  async settled(): Promise<void> {
    while (this.#waiting.size > 0 || this.#running !== undefined) await this.#start();
  }

  #start(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts.runtime;
    while (this.#waiting.size > 0) {
      if (this.#signal.aborted) return this.#endAll();
      const batch = [...this.#waiting.values()].slice(0, LEAVE_LOOKUPS_MAX);
      const isReady = await Promise.all(batch.map((gone) => this.#isReady(gone)));
      const ready = batch.filter((_, i) => isReady[i] === true).map(({ fileId }) => fileId);
      for (const { fileId } of batch) this.#waiting.delete(toHex(fileId));
      // The others wait behind those that were not looked at.
      for (const [i, gone] of batch.entries()) if (isReady[i] !== true) this.#waiting.set(toHex(gone.fileId), gone);
      if (ready.length > 0) await this.#inTime(this.#parts.onFilesGone(ready), LEAVE_LOOKUP_MS, this.#signal);
      else await clock.sleep(LOOK_PAUSE_MS, this.#signal).catch(() => undefined);
    }
  }

  /** All at once, and whoever hears it: the time is over, and the KadNode repeats what nobody heard. */
  async #endAll(): Promise<void> {
    const gone = [...this.#waiting.values()].map(({ fileId }) => fileId);
    this.#waiting.clear();
    await this.#inTime(this.#parts.onFilesGone(gone), LEAVE_LAST_WORD_MS);
  }

  /** Waits until it is done, or the time is over: then it goes on by itself. */
  async #inTime(work: Promise<void>, timeMs: number, signal?: AbortSignal): Promise<void> {
    const done = createAbort();
    const over = this.#parts.runtime.clock.sleep(timeMs, joinSignals(signal, done.signal)).catch(() => undefined);
    try {
      await Promise.race([work, over]);
    } finally {
      done.abort();
    }
  }

  /** True when everybody who got shards of the file is announced, or nobody has time to wait for that. */
  async #isReady({ fileId, sinceMs }: Gone): Promise<boolean> {
    const { runtime, locator, store } = this.#parts;
    if (runtime.clock.monotonicMs() - sinceMs >= LEAVE_SETTLE_MS) return true;
    const wanted = new Set((store.moved(fileId)?.places ?? []).map(({ host }) => toHex(host)));
    const look = (late: AbortSignal) => locator.findProviders(fileId, late);
    const found = await withDeadline(runtime.clock, LEAVE_LOOKUP_MS, this.#signal, look).catch(() => []);
    for (const { nodeId } of found) wanted.delete(toHex(nodeId));
    return wanted.size === 0;
  }
}
