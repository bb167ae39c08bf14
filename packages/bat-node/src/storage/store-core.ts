// driven: the parts of a store on disk put together: opened, closed, and the changes that several of its sides share.
import { assert, ok, type Result, type Runtime, toHex } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import { HOSTED_SHARDS_MAX, INDEX_REOPEN_FREE_BYTES, PLACES_PER_TURN } from '../limits.ts';
import type { StoreRefusal } from '../ports.ts';
import { type DiskFault, faultOf } from './disk-fault.ts';
import { DiskGauge } from './disk-gauge.ts';
import type { FileSystem } from './file-system.ts';
import { type HostedEntry, HostedLedger } from './hosted-ledger.ts';
import type { Place } from './hosted-records.ts';
import { IndexEdit } from './index-edit.ts';
import { JournalFiles } from './journal-files.ts';
import type { KeyValueStore } from './key-value-store.ts';
import { LeaseClock } from './lease-clock.ts';
import { judgeLease } from './leases.ts';
import { LeavingMark } from './leaving-mark.ts';
import { MovedFiles } from './moved-files.ts';
import { PartKeeper } from './part-keeper.ts';
import { Quota } from './quota.ts';
import { RosterFiles } from './roster-files.ts';
import { ShardFiles } from './shard-files.ts';
import { StoreCommitter } from './store-committer.ts';
import { StoreIndex } from './store-index.ts';
import { StoreLayout } from './store-layout.ts';
import { opening, StoreOpening } from './store-opening.ts';
import type { StoreParts } from './store-transaction.ts';

export interface ShardStoreConfig {
  /** HOME/hosted. */
  readonly hostedPath: string;
  /** Hard limit for the bytes of shards; 0 hosts nothing. */
  readonly offerBytes: number;
  /** Undefined: 1 GiB or 5 % of the disk, whichever is more. */
  readonly keepFreeBytes?: number | undefined;
  /** Share of the offer for one owner once the store is more than 80 % full; 1 turns it off. */
  readonly ownerShare?: number;
  readonly shardsMax?: number;
}

/** Two owners at least get a fair part of a scarce offer. */
export const OWNER_SHARE_DEFAULT = 0.5;

/** Things that end with the store: writers whose owners have not come to an end. */
export interface Abandonable {
  abandon(): Promise<void>;
}

export class StoreCore implements StoreParts {
  readonly runtime: Runtime;
  readonly log: Runtime['log'];
  readonly layout: StoreLayout;
  readonly shards: ShardFiles;
  readonly journals: JournalFiles;
  readonly rosters: RosterFiles;
  readonly index: StoreIndex;
  readonly ledger = new HostedLedger();
  readonly quota: Quota;
  readonly gauge: DiskGauge;
  readonly keeper: PartKeeper;
  readonly clock: LeaseClock;
  readonly committer: StoreCommitter;
  readonly leaving: LeavingMark;
  readonly moved: MovedFiles;
  readonly writers = new Set<Abandonable>();
  readonly #fs: FileSystem;
  readonly #table: KeyValueStore;
  #state: 'closed' | 'opening' | 'open' | 'read-only' | 'closing' = 'closed';
  /** Shards (hex) found damaged while the index could not take it down. */
  readonly #suspects = new Set<string>();

  constructor(runtime: Runtime, fs: FileSystem, table: KeyValueStore, config: ShardStoreConfig) {
    this.runtime = runtime;
    this.log = runtime.log;
    this.#fs = fs;
    this.#table = table;
    this.layout = new StoreLayout(config.hostedPath);
    this.shards = new ShardFiles(fs, this.layout);
    this.journals = new JournalFiles(fs, runtime.random, this.layout);
    this.rosters = new RosterFiles(fs, runtime.random, this.layout);
    this.index = new StoreIndex(table);
    this.quota = new Quota({
      offerBytes: config.offerBytes,
      ownerShare: config.ownerShare ?? OWNER_SHARE_DEFAULT,
      shardsMax: config.shardsMax ?? HOSTED_SHARDS_MAX,
    });
    this.gauge = new DiskGauge(runtime, fs, config.hostedPath, config.keepFreeBytes);
    this.keeper = new PartKeeper((shard) => this.shards.removePart(shard));
    this.clock = new LeaseClock(runtime, fs, this.layout.clockPath);
    this.committer = new StoreCommitter(this, () => this.#mendIndex());
    this.leaving = new LeavingMark(fs, runtime.random, this.layout.leavingPath);
    this.moved = new MovedFiles(this);
  }

  get isReadOnly(): boolean {
    return this.#state === 'read-only';
  }

  /** Throws BAT_E_HOME_IN_USE, BAT_E_STORE_TOO_NEW, BAT_E_STORE_DAMAGED, BAT_E_STORE_UNREADABLE. */
  async open(): Promise<void> {
    assert(this.#state === 'closed', 'a store is opened once');
    this.#state = 'opening';
    this.index.onReopened();
    try {
      await opening('the hosted shards can not be opened', () => this.#openAll());
      // A fault of the first sweeps may have made it read-only.
      if (this.#state === 'opening') this.#state = 'open';
    } catch (error) {
      this.#state = 'closed';
      await this.#table.close();
      throw error;
    }
  }

  /** Ends the writers, waits for what is under way and gives the lock back. */
  async close(): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'closing') return this.committer.idle();
    this.#state = 'closing';
    for (const writer of [...this.writers]) await writer.abandon();
    await this.committer.idle();
    await this.clock.save().catch((error: unknown) => this.log.warn('bat.store.clock-unsaved', { error }));
    await this.#table.close();
    this.#state = 'closed';
  }

  /** Why nothing can be stored now, if so. */
  refusal(): StoreRefusal | undefined {
    if (this.#state === 'open') return undefined;
    return this.#state === 'read-only' ? 'read-only' : 'stopped';
  }

  breathe(): Promise<void> {
    return this.runtime.clock.sleep(0);
  }

  writeRefusal(): StoreRefusal | undefined {
    if (this.#state === 'read-only') return 'read-only';
    return this.#state === 'closed' ? 'stopped' : undefined;
  }

  /** For calls that have no way to say that the store is closed. */
  assertOpen(): void {
    assert(this.#state === 'open' || this.#state === 'read-only', 'the shard store is open');
  }

  onFault(error: unknown): void {
    const fault = faultOf(error);
    this.log.error('bat.store.disk-fault', { refusal: fault.refusal, isFatal: fault.isFatal, detail: fault.message });
    if (fault.refusal === 'disk-full') this.gauge.forgetSample();
    if (fault.isFatal && (this.#state === 'open' || this.#state === 'opening')) this.#state = 'read-only';
  }

  /** The file as others see it; undefined when it is not hosted, or in the trash. */
  visible(fileId: FileId): HostedEntry | undefined {
    this.assertOpen();
    const entry = this.ledger.get(fileId);
    return entry?.isTrashed === true ? undefined : entry;
  }

  isDamaged(shardId: ShardId): boolean {
    return this.#suspects.has(toHex(shardId)) || this.index.shard(shardId)?.isDamaged === true;
  }

  /** Takes effect at once; durable unless the index fails, and then until the store is closed. */
  async markDamaged(shardId: ShardId): Promise<void> {
    const shard = toHex(shardId);
    this.#suspects.add(shard);
    this.log.warn('bat.store.shard-damaged', { shard });
    const marked = await this.committer.run((round) => {
      round.edit.markDamaged(shardId);
      return ok(undefined);
    });
    if (marked.ok) this.#suspects.delete(shard);
  }

  /** The bytes were read again and are right. */
  async clearDamage(shardId: ShardId): Promise<void> {
    const cleared = await this.committer.run((round) => {
      round.edit.clearDamaged(shardId);
      return ok(undefined);
    });
    if (!cleared.ok) return;
    this.forgetDamage(shardId);
    this.log.info('bat.store.shard-mended', { shard: toHex(shardId) });
  }

  /** New bytes were stored. */
  forgetDamage(shardId: ShardId): void {
    this.#suspects.delete(toHex(shardId));
  }

  /**
   * Drops the places of a shard whose file is gone. Undefined when nobody is told any more that it is held; a refusal when
   * that could not be written down, or when the whole folder seems to be gone, as when a disk was taken away.
   */
  async forgetMissing(shardId: ShardId): Promise<StoreRefusal | undefined> {
    const dropped = await this.committer.run(async (round): Promise<Result<number, StoreRefusal>> => {
      if ((await this.shards.size(toHex(shardId))) !== undefined) return ok(0);
      await this.#fs.stat(this.layout.formatPath);
      let count = 0;
      for (const [fileId, place] of round.edit.shard(shardId)?.sharers ?? []) {
        const entry = this.ledger.get(fileId);
        if (entry === undefined || round.file(entry) === undefined) continue;
        count += round.dropPlaces(entry, [place]);
        if (round.placeCount(entry) === 0 && entry.writers === 0) round.endFile(entry);
      }
      return ok(count);
    });
    if (dropped.ok && dropped.value > 0) this.log.error('bat.store.shard-missing', { shard: toHex(shardId), places: dropped.value });
    return dropped.ok ? undefined : dropped.reason;
  }

  /**
   * Forgets places, or the whole file; the number of places that were filled. Many go in several rounds, so that others
   * get theirs in between; what a crash or a fault leaves of them is still held.
   */
  async drop(entry: HostedEntry, places: readonly Place[] | 'all'): Promise<Result<number, StoreRefusal>> {
    const listed = places === 'all' ? [...entry.places] : places;
    let count = 0;
    let at = 0;
    for (; listed.length - at > PLACES_PER_TURN; at += PLACES_PER_TURN) {
      const dropped = await this.#dropOrMakeRoom(entry, listed.slice(at, at + PLACES_PER_TURN));
      if (!dropped.ok) return dropped;
      count += dropped.value;
    }
    const rest = await this.#dropOrMakeRoom(entry, places === 'all' ? 'all' : listed.slice(at));
    return rest.ok ? ok(count + rest.value) : rest;
  }

  async #dropOrMakeRoom(entry: HostedEntry, places: readonly Place[] | 'all'): Promise<Result<number, StoreRefusal>> {
    const dropped = await this.#drop(entry, places);
    if (dropped.ok || dropped.reason !== 'disk-full') return dropped;
    // To free bytes takes bytes (a journal record, a row). The shards are to go anyway, so they go first.
    await this.keeper.shrink(0);
    try {
      await this.committer.alone(() => this.#removeBytes(entry, places === 'all' ? entry.places : places));
    } catch (error) {
      this.onFault(error);
    }
    return this.#drop(entry, places);
  }

  #drop(entry: HostedEntry, places: readonly Place[] | 'all'): Promise<Result<number, StoreRefusal>> {
    return this.committer.run((round): Result<number, StoreRefusal> => {
      if (round.file(entry) === undefined) return ok(0);
      if (entry.journalBytes === 0 && round.placeCount(entry) === 0) {
        this.ledger.remove(entry);
        return ok(0);
      }
      const count = places === 'all' ? round.endFile(entry) : round.dropPlaces(entry, places);
      if (places !== 'all' && round.placeCount(entry) === 0 && entry.writers === 0) round.endFile(entry);
      return ok(count);
    });
  }

  /** Rows stay behind until they can be dropped; who reads meanwhile finds nothing. */
  async #removeBytes({ file }: HostedEntry, places: readonly Place[]): Promise<void> {
    const edit = new IndexEdit(this.index);
    for (const place of places) edit.dropPlace(file.fileId, place);
    for (const shard of edit.emptied()) await this.shards.remove(shard);
  }

  async #openAll(): Promise<void> {
    const work = new StoreOpening(this.runtime, this.#fs, this.#table, this.layout, this);
    await work.open();
    await work.load();
    await this.#openClock();
    await this.leaving.read();
    for (const [shardId] of await work.sweepShards()) await this.forgetMissing(shardId);
    for (const { shard, bytes, sinceMs } of await work.sweepParts()) await this.keeper.keep(shard, bytes, sinceMs);
    await this.keeper.dropOld(this.runtime.clock.nowMs());
    for (const entry of [...this.ledger.entries()]) if (entry.places.length === 0) await this.drop(entry, 'all');
    await work.sweepRosters();
  }

  async #openClock(): Promise<void> {
    let newestMs = 0;
    for (const { file } of this.ledger.entries()) newestMs = Math.max(newestMs, file.writtenAtMs);
    await this.clock.open(newestMs === 0 ? undefined : { atMs: newestMs, wallMs: newestMs, wallHighMs: newestMs });
    const { atMs } = this.clock.now();
    for (const entry of this.ledger.entries()) entry.isTrashed = ['trash', 'over'].includes(judgeLease(entry.file, atMs));
  }

  /** After a full disk the table takes no rows until it is opened anew; that needs room itself. */
  async #mendIndex(): Promise<DiskFault | undefined> {
    try {
      const { freeBytes } = await this.#fs.space(this.layout.hostedPath);
      if (freeBytes < INDEX_REOPEN_FREE_BYTES) throw Object.assign(new Error('no room to open the index anew'), { code: 'ENOSPC' });
      await this.#table.close();
      const opened = await this.#table.open();
      if (!opened.ok) throw Object.assign(new Error(`the index does not open: ${opened.reason}`), { code: 'EIO' });
      this.index.onReopened();
      return undefined;
    } catch (error) {
      return faultOf(error, true);
    }
  }
}
