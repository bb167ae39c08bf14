// driven: a host's housekeeping: announces what it keeps, drops what has expired, re-reads its shards bit by bit.
import { day, hour, minute, type Runtime, type Timer, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import type { Locator, ShardStore } from '../ports.ts';

const EXPIRE_EVERY_MS: number = 1 * hour;
/** Announcements of one burst of stores are one: a file of many segments is announced once. */
const ANNOUNCE_AFTER_MS = 500;
/** A network that could not be reached is tried again after this. */
const ANNOUNCE_AGAIN_MS: number = 5 * minute;
/** Every byte is read again within this time (audits, durability figures). */
const SCRUB_PERIOD_MS: number = 30 * day;
const SCRUB_BYTES_PER_SECOND_MIN: number = 64 * 1024;
/** After a start other things come first. */
const FIRST_SCRUB_MS: number = 10 * minute;
/** Between two rounds: a small store is read once a day, and its disk can sleep. */
const SCRUB_PAUSE_MS: number = 1 * day;

export class HostKeeper {
  readonly #runtime: Runtime;
  readonly #store: ShardStore;
  readonly #locator: Locator;
  readonly #abort = new AbortController();
  /** Files that are announced, or about to be. */
  readonly #announced = new Map<string, FileId>();
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
    this.#armScrub(FIRST_SCRUB_MS);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    for (const timer of [this.#announceTimer, this.#expireTimer, this.#scrubTimer]) timer?.cancel();
    await this.#scrubbing;
  }

  shardHeld(fileId: FileId): void {
    const key = toHex(fileId);
    if (this.#announced.has(key)) return;
    this.#announced.set(key, fileId);
    this.#waiting.set(key, fileId);
    this.#armAnnounce(ANNOUNCE_AFTER_MS);
  }

  #armAnnounce(delayMs: number): void {
    if (this.#abort.signal.aborted) return;
    this.#announceTimer ??= this.#runtime.clock.setTimer(delayMs, () => {
      this.#announceTimer = undefined;
      void this.#announceWaiting();
    });
  }

  async #announceWaiting(): Promise<void> {
    const files = [...this.#waiting];
    this.#waiting.clear();
    for (const [key, fileId] of files) {
      if (this.#abort.signal.aborted) return;
      try {
        await this.#locator.announce(fileId);
      } catch (error) {
        this.#runtime.log.warn('bat.keeper.announce-failed', { file: key, error: String(error) });
        this.#waiting.set(key, fileId);
        this.#armAnnounce(ANNOUNCE_AGAIN_MS);
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
      await this.#store.expire(this.#runtime.clock.nowMs());
    } catch (error) {
      this.#runtime.log.warn('bat.keeper.expire-failed', { error: String(error) });
    }
    for (const [key, fileId] of [...this.#announced]) {
      if (this.#store.file(fileId) === undefined) await this.#withdraw(key, fileId);
    }
  }

  /** Nobody is sent here any more for a file that was released, or whose grace is over. */
  async #withdraw(key: string, fileId: FileId): Promise<void> {
    this.#announced.delete(key);
    this.#waiting.delete(key);
    try {
      await this.#locator.withdraw(fileId);
    } catch (error) {
      this.#runtime.log.warn('bat.keeper.withdraw-failed', { file: key, error: String(error) });
    }
  }

  #armScrub(delayMs: number): void {
    this.#scrubTimer = this.#runtime.clock.setTimer(delayMs, () => {
      const bytesPerSecond = Math.max(SCRUB_BYTES_PER_SECOND_MIN, Math.ceil((this.#store.usage().usedBytes * 1000) / SCRUB_PERIOD_MS));
      this.#scrubbing = this.#store
        .scrub({ signal: this.#abort.signal, bytesPerSecond })
        .then((report) => this.#runtime.log.info('bat.keeper.scrubbed', { ...report }))
        .catch((error: unknown) => {
          if (!this.#abort.signal.aborted) this.#runtime.log.warn('bat.keeper.scrub-failed', { error: String(error) });
        })
        .finally(() => {
          if (!this.#abort.signal.aborted) this.#armScrub(SCRUB_PAUSE_MS);
        });
    });
  }
}
