// driven: a host's housekeeping: announces what it keeps, drops what has expired, re-reads its shards bit by bit.
import { day, hour, minute, type Runtime, type Timer, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import type { Locator, ShardStore } from '../ports.ts';

const EXPIRE_EVERY_MS: number = 1 * hour;
/** Announcements of one burst of stores are one: a file of many segments is announced once. */
const ANNOUNCE_AFTER_MS = 500;
/** Every byte is read again within this time (audits, durability figures). */
const SCRUB_PERIOD_MS: number = 30 * day;
const SCRUB_BYTES_PER_SECOND_MIN: number = 64 * 1024;
const SCRUB_PAUSE_MS: number = 10 * minute;

export class HostKeeper {
  readonly #runtime: Runtime;
  readonly #store: ShardStore;
  readonly #locator: Locator;
  readonly #abort = new AbortController();
  readonly #announced = new Set<string>();
  readonly #waiting = new Map<string, FileId>();
  #announceTimer: Timer | undefined;
  #expireTimer: Timer | undefined;
  #scrubTimer: Timer | undefined;
  #scrubbing: Promise<unknown> = Promise.resolve();

  constructor(runtime: Runtime, store: ShardStore, locator: Locator) {
    this.#runtime = runtime;
    this.#store = store;
    this.#locator = locator;
  }

  /** Announces every file that is kept already, and begins the rounds. */
  start(): void {
    for (const file of this.#store.files()) this.shardHeld(file.fileId);
    this.#armExpire();
    this.#armScrub();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    for (const timer of [this.#announceTimer, this.#expireTimer, this.#scrubTimer]) timer?.cancel();
    await this.#scrubbing;
  }

  shardHeld(fileId: FileId): void {
    const key = toHex(fileId);
    if (this.#announced.has(key)) return;
    this.#announced.add(key);
    this.#waiting.set(key, fileId);
    this.#announceTimer ??= this.#runtime.clock.setTimer(ANNOUNCE_AFTER_MS, () => void this.#announceWaiting());
  }

  async #announceWaiting(): Promise<void> {
    this.#announceTimer = undefined;
    const files = [...this.#waiting];
    this.#waiting.clear();
    for (const [key, fileId] of files) {
      if (this.#abort.signal.aborted) return;
      try {
        await this.#locator.announce(fileId);
      } catch (error) {
        // Not lost: the next shard of the file, or the next start, announces again.
        this.#announced.delete(key);
        this.#runtime.log.warn('bat.keeper.announce-failed', { file: key, error: String(error) });
      }
    }
  }

  #armExpire(): void {
    this.#expireTimer = this.#runtime.clock.setTimer(EXPIRE_EVERY_MS, () => {
      void this.#expire().finally(() => {
        if (!this.#abort.signal.aborted) this.#armExpire();
      });
    });
  }

  async #expire(): Promise<void> {
    try {
      for (const fileId of await this.#store.expire(this.#runtime.clock.nowMs())) {
        this.#announced.delete(toHex(fileId));
        await this.#locator.withdraw(fileId);
      }
    } catch (error) {
      this.#runtime.log.warn('bat.keeper.expire-failed', { error: String(error) });
    }
  }

  #armScrub(): void {
    this.#scrubTimer = this.#runtime.clock.setTimer(SCRUB_PAUSE_MS, () => {
      const bytesPerSecond = Math.max(SCRUB_BYTES_PER_SECOND_MIN, Math.ceil((this.#store.usage().usedBytes * 1000) / SCRUB_PERIOD_MS));
      this.#scrubbing = this.#store
        .scrub({ signal: this.#abort.signal, bytesPerSecond })
        .then((report) => this.#runtime.log.info('bat.keeper.scrubbed', { ...report }))
        .catch((error: unknown) => {
          if (!this.#abort.signal.aborted) this.#runtime.log.warn('bat.keeper.scrub-failed', { error: String(error) });
        })
        .finally(() => {
          if (!this.#abort.signal.aborted) this.#armScrub();
        });
    });
  }
}
