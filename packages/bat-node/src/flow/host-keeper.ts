// driven: a host's housekeeping: announces what it keeps, drops what has expired, re-reads its shards bit by bit.
import { day, hour, minute, type Runtime, type Timer, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import type { Locator, ShardStore } from '../ports.ts';

const EXPIRE_EVERY_MS: number = 1 * hour;
/** Announcements of one burst of stores are one: a file of many segments is announced once. */
const ANNOUNCE_AFTER_MS = 500;
/** Files of one call to the network: neighbours in the id space share lookups, and a stop waits for one batch at most. */
const ANNOUNCE_BATCH_MAX = 256;
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
  /** Rounds under way: `stop` waits for them. */
  readonly #rounds = new Set<Promise<void>>();
  #announceTimer: Timer | undefined;
  #expireTimer: Timer | undefined;
  #scrubTimer: Timer | undefined;

  constructor(runtime: Runtime, store: ShardStore, locator: Locator) {
    this.#runtime = runtime;
    this.#store = store;
    this.#locator = locator;
  }

  /**
   * Announces what is kept and not announced yet, withdraws what is announced and no longer kept, and begins the rounds. What
   * expired is dropped at once: a host that never runs for an hour at a time would keep it for ever.
   */
  start(): void {
    for (const fileId of this.#locator.announced()) this.#announced.set(toHex(fileId), fileId);
    for (const file of this.#store.files()) this.shardHeld(file.fileId);
    this.#startExpiry();
    this.#armScrub(FIRST_SCRUB_MS);
  }

  /** Ends the rounds under way. */
  async stop(): Promise<void> {
    this.#abort.abort();
    for (const timer of [this.#announceTimer, this.#expireTimer, this.#scrubTimer]) timer?.cancel();
    await Promise.all(this.#rounds);
  }

  shardHeld(fileId: FileId): void {
    const key = toHex(fileId);
    if (this.#announced.has(key)) return;
    this.#announced.set(key, fileId);
    this.#waiting.set(key, fileId);
    this.#armAnnounce(ANNOUNCE_AFTER_MS);
  }

  /** Says what is kept once more: for when all announcements were withdrawn meanwhile. */
  announceAgain(): void {
    this.#announced.clear();
    for (const file of this.#store.files()) this.shardHeld(file.fileId);
  }

  /** Nobody is sent here any more for these, as far as nothing of them is kept. Resolves when the network was told, or could not be. */
  filesGone(fileIds: readonly FileId[]): Promise<void> {
    const gone = fileIds.filter((fileId) => this.#announced.has(toHex(fileId)) && this.#store.file(fileId) === undefined);
    return this.#round('withdraw', () => this.#withdraw(gone));
  }

  /** Runs work to its end; what fails is told, and nothing is thrown. Calls `next` unless stopped meanwhile. */
  #round(name: string, work: () => Promise<void>, next: () => void = () => undefined): Promise<void> {
    const round = work()
      .catch((error: unknown) => {
        if (!this.#abort.signal.aborted) this.#runtime.log.warn('bat.keeper.failed', { round: name, error: String(error) });
      })
      .then(() => {
        this.#rounds.delete(round);
        if (!this.#abort.signal.aborted) next();
      });
    this.#rounds.add(round);
    return round;
  }

  #armAnnounce(delayMs: number): void {
    if (this.#abort.signal.aborted) return;
    this.#announceTimer ??= this.#runtime.clock.setTimer(delayMs, () => {
      this.#announceTimer = undefined;
      void this.#round('announce', () => this.#announceWaiting());
    });
  }

  async #announceWaiting(): Promise<void> {
    const { signal } = this.#abort;
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, ANNOUNCE_BATCH_MAX);
      for (const [key] of batch) this.#waiting.delete(key);
      try {
        await this.#locator.announce(
          batch.map(([, fileId]) => fileId),
          signal,
        );
      } catch (error) {
        for (const [key, fileId] of batch) this.#waiting.set(key, fileId);
        this.#armAnnounce(ANNOUNCE_AGAIN_MS);
        throw error;
      }
    }
  }

  #startExpiry(): void {
    const expire = async (): Promise<void> => {
      await this.#store.expire(this.#runtime.clock.nowMs());
      await this.#withdrawGone();
    };
    void this.#round('expire', expire, () => {
      this.#expireTimer = this.#runtime.clock.setTimer(EXPIRE_EVERY_MS, () => this.#startExpiry());
    });
  }

  /** Nobody is sent here any more for files that were released, or whose grace is over. The KadNode repeats what nobody heard. */
  async #withdrawGone(): Promise<void> {
    await this.#withdraw([...this.#announced.values()].filter((fileId) => this.#store.file(fileId) === undefined));
  }

  async #withdraw(gone: readonly FileId[]): Promise<void> {
    for (let at = 0; at < gone.length; at += ANNOUNCE_BATCH_MAX) {
      const batch = gone.slice(at, at + ANNOUNCE_BATCH_MAX);
      for (const fileId of batch) {
        this.#announced.delete(toHex(fileId));
        this.#waiting.delete(toHex(fileId));
      }
      await this.#locator.withdraw(batch, this.#abort.signal);
    }
  }

  #armScrub(delayMs: number): void {
    this.#scrubTimer = this.#runtime.clock.setTimer(delayMs, () => {
      const bytesPerSecond = Math.max(SCRUB_BYTES_PER_SECOND_MIN, Math.ceil((this.#store.usage().usedBytes * 1000) / SCRUB_PERIOD_MS));
      const scrub = async (): Promise<void> => {
        const report = await this.#store.scrub({ signal: this.#abort.signal, bytesPerSecond });
        this.#runtime.log.info('bat.keeper.scrubbed', { ...report });
      };
      void this.#round('scrub', scrub, () => this.#armScrub(SCRUB_PAUSE_MS));
    });
  }
}
