// driven: the ShardStore on a disk. Nothing is answered before its bytes, its journal record and its index row are synced.
import { assert, equalBytes, fail, type NodeId, ok, type Result, type Runtime, SIGNATURE_BYTES, sha256, toHex } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import { ROSTER_BYTES_MAX } from '../limits.ts';
import type {
  HostedFile,
  HostedShard,
  MovedFile,
  ReadFailure,
  ShardRef,
  ShardStore,
  StoreOrder,
  StoreRefusal,
  StoreStart,
  StoreUsage,
} from '../ports.ts';
import { rosterDiskBytes } from './disk-blocks.ts';
import { faultOf } from './disk-fault.ts';
import type { FileSystem } from './file-system.ts';
import { type HostedEntry, hasPlace, placesAfter } from './hosted-ledger.ts';
import { type FileRecord, isPlace, type PlaceRecord, placeOf } from './hosted-records.ts';
import type { KeyValueStore } from './key-value-store.ts';
import { extendLease, judgeLease, toldLeaseEnd } from './leases.ts';
import type { SignedRoster } from './roster-files.ts';
import { type ShardStoreConfig, StoreCore } from './store-core.ts';
import { hostedShard, StoreIntake } from './store-intake.ts';
import { type ScrubOptions, type ScrubResult, scrubShards } from './store-scrub.ts';

const isTime = (ms: number): boolean => Number.isSafeInteger(ms) && ms >= 0;

type LeaseChange = Parameters<ShardStore['extendLease']>[1];

/**
 * Shards under HOME/hosted, the index in `table`. `open` throws BAT_E_HOME_IN_USE, BAT_E_STORE_TOO_NEW,
 * BAT_E_STORE_DAMAGED and BAT_E_STORE_UNREADABLE; look-ups of a closed store throw; a disk that refuses or fails later is
 * a result. After a failed sync the store is read-only until it is opened again.
 */
export class FsShardStore implements ShardStore {
  readonly #runtime: Runtime;
  readonly #core: StoreCore;
  readonly #intake: StoreIntake;
  #closing = new AbortController();
  #scrubbing: Promise<ScrubResult> | undefined;
  readonly #unreadable = new Set<string>();

  constructor(runtime: Runtime, fs: FileSystem, table: KeyValueStore, config: ShardStoreConfig) {
    this.#runtime = runtime;
    this.#core = new StoreCore(runtime, fs, table, config);
    this.#intake = new StoreIntake(this.#core);
  }

  open(): Promise<void> {
    this.#closing = new AbortController();
    return this.#core.open();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#scrubbing;
    await this.#core.close();
  }

  usage(): StoreUsage {
    const { quota, isReadOnly } = this.#core;
    const { rosterBytes, reservedBytes, shardCount } = quota;
    const usedBytes = quota.usedBytes + rosterBytes;
    return { offerBytes: quota.limits.offerBytes, usedBytes, reservedBytes, shardCount, isReadOnly };
  }

  async roomBytes(): Promise<number> {
    const { quota, gauge } = this.#core;
    if (this.#core.refusal() !== undefined) return 0;
    try {
      await gauge.refresh();
    } catch (error) {
      this.#core.onFault(error);
      return 0;
    }
    const { reserved, owed } = this.#intake.slowBytes();
    return Math.max(0, Math.min(quota.freeBytes + reserved, gauge.room() + owed));
  }

  begin(order: StoreOrder, leafHashes: readonly Uint8Array[], leaseUntilMs: number): Promise<Result<StoreStart, StoreRefusal>> {
    return this.#intake.begin(order, leafHashes, leaseUntilMs);
  }

  file(fileId: FileId): HostedFile | undefined {
    const entry = this.#core.visible(fileId);
    return entry && this.#described(entry.file);
  }

  shards(fileId: FileId, page: { readonly after?: ShardRef; readonly max: number }): readonly HostedShard[] {
    const entry = this.#core.visible(fileId);
    if (entry === undefined) return [];
    const places = placesAfter(entry, page.after && placeOf(page.after), page.max);
    return places.flatMap((place) => {
      const row = this.#core.index.place(fileId, place);
      return row === undefined ? [] : [this.#hosted(fileId, row)];
    });
  }

  shard(ref: ShardRef): HostedShard | undefined {
    const row = this.#row(ref);
    return row && this.#hosted(ref.fileId, row);
  }

  leafHashes(ref: ShardRef): Result<readonly Uint8Array[], ReadFailure> {
    const row = this.#row(ref);
    if (row === undefined) return fail('not-held');
    if (this.#core.isDamaged(row.shardId)) return fail('damaged');
    const leafHashes = this.#core.index.leafHashes(row.shardId);
    return leafHashes === undefined ? fail('io-error', 'the index lost the leaf hashes; a scrub finds them again') : ok(leafHashes);
  }

  async read(ref: ShardRef, offset: number, length: number): Promise<Result<Uint8Array, ReadFailure>> {
    const row = this.#row(ref);
    if (row === undefined) return fail('not-held');
    assert(offset >= 0 && length >= 0 && offset + length <= row.length, 'a read lies within its shard');
    if (this.#core.isDamaged(row.shardId)) return fail('damaged');
    const bytes = await this.#core.shards.read(toHex(row.shardId), offset, length);
    if (bytes.ok) return bytes;
    if (bytes.reason === 'damaged') await this.#core.markDamaged(row.shardId);
    if (bytes.reason !== 'not-held') return bytes;
    // Released while it was read, or gone from the disk.
    return (await this.#core.forgetMissing(row.shardId)) === undefined ? bytes : fail('io-error', bytes.detail);
  }

  async markDamaged(ref: ShardRef): Promise<void> {
    const row = this.#row(ref);
    if (row !== undefined) await this.#core.markDamaged(row.shardId);
  }

  async extendLease(fileId: FileId, change: LeaseChange): Promise<Result<HostedFile, StoreRefusal | 'not-held'>> {
    assert(isTime(change.leaseUntilMs) && isTime(change.keepUntilMs ?? 0), 'a lease ends at a time');
    const entry = this.#durableEntry(fileId);
    if (!entry.ok) return entry;
    return this.#core.committer.run((round): Result<HostedFile, StoreRefusal | 'not-held'> => {
      const file = round.file(entry.value);
      if (file === undefined) return fail('not-held');
      const time = this.#core.clock.now();
      const lease = extendLease(file, change.leaseUntilMs, change.isCommitted, time);
      const keepUntilMs = change.keepUntilMs ?? file.keepUntilMs;
      const extended = { ...file, ...lease, keepUntilMs, writtenAtMs: Math.round(time.atMs) };
      round.putFile(entry.value, extended);
      const isServed = ['live', 'grace'].includes(judgeLease(extended, time.atMs));
      round.onDurable(() => {
        entry.value.isTrashed = !isServed;
      });
      return ok(this.#described(extended));
    });
  }

  async putRoster(
    fileId: FileId,
    rosterId: Uint8Array,
    roster: Uint8Array,
    signature: Uint8Array,
  ): Promise<Result<void, StoreRefusal | 'not-held'>> {
    const entry = this.#durableEntry(fileId);
    if (!entry.ok) return entry;
    const isRight = roster.length <= ROSTER_BYTES_MAX && signature.length === SIGNATURE_BYTES && equalBytes(sha256(roster), rosterId);
    if (!isRight) return fail('bad-bytes', 'the roster is not the one of its id, or too long');
    const { id } = entry.value;
    return this.#core.committer.run(async (round): Promise<Result<void, StoreRefusal | 'not-held'>> => {
      const file = round.file(entry.value);
      if (file === undefined) return fail('not-held');
      if (file.rosterId !== null && equalBytes(file.rosterId, rosterId)) return ok(undefined);
      const { quota } = this.#core;
      const refused = quota.judgeRoster(entry.value.owner, rosterDiskBytes(roster.length) - rosterDiskBytes(file.rosterBytes));
      if (refused !== undefined) return fail(refused, 'for the roster');
      await this.#core.rosters.write(id, rosterId, { roster, signature });
      round.onFailure(() => this.#core.rosters.remove(id, rosterId));
      const writtenAtMs = Math.round(this.#core.clock.now().atMs);
      round.putRoster(entry.value, { rosterId, rosterBytes: roster.length, writtenAtMs });
      return ok(undefined);
    });
  }

  async roster(fileId: FileId): Promise<Result<SignedRoster, ReadFailure>> {
    const entry = this.#core.visible(fileId);
    if (entry === undefined || entry.file.rosterId === null) return fail('not-held');
    return this.#core.rosters.read(entry.id, entry.file.rosterId);
  }

  async rosterShardId({ fileId, segment, index }: ShardRef): Promise<ShardId | undefined> {
    const entry = this.#core.visible(fileId);
    if (entry === undefined || entry.file.rosterId === null) return undefined;
    return this.#core.rosters.shardId(entry.id, entry.file.rosterId, segment, index);
  }

  async release(fileId: FileId, refs?: readonly ShardRef[]): Promise<number> {
    const entry = this.#core.ledger.get(fileId);
    if (entry === undefined || this.#core.refusal() !== undefined) return 0;
    const dropped = await this.#core.drop(entry, refs?.map(placeOf) ?? 'all');
    return dropped.ok ? dropped.value : 0;
  }

  moved(fileId: FileId): MovedFile | undefined {
    this.#core.assertOpen();
    return this.#core.moved.get(fileId);
  }

  async planMove(fileId: FileId, host: NodeId): Promise<Result<void, StoreRefusal | 'not-held'>> {
    const entry = this.#durableEntry(fileId);
    return entry.ok ? this.#core.moved.note(entry.value, host, undefined) : entry;
  }

  /** Two rounds, so that a crash in between leaves the shard here, and never neither the shard nor where it went. */
  async move(ref: ShardRef, host: NodeId): Promise<Result<void, StoreRefusal | 'not-held'>> {
    const entry = this.#durableEntry(ref.fileId);
    if (!entry.ok) return entry;
    const noted = await this.#core.moved.note(entry.value, host, ref);
    if (!noted.ok) return noted;
    const dropped = await this.#core.drop(entry.value, [placeOf(ref)]);
    return dropped.ok ? ok(undefined) : dropped;
  }

  leavingSinceMs(): number | undefined {
    return this.#core.leaving.sinceMs;
  }

  setLeaving(sinceMs: number | undefined): Promise<void> {
    this.#core.assertOpen();
    return this.#core.committer.alone(() => this.#core.leaving.set(sinceMs));
  }

  *files(): Generator<HostedFile> {
    this.#core.assertOpen();
    for (const entry of this.#core.ledger.entries()) if (!entry.isTrashed && entry.places.length > 0) yield this.#described(entry.file);
  }

  async expire(nowMs: number): Promise<readonly FileId[]> {
    this.#core.assertOpen();
    const { clock, ledger, keeper } = this.#core;
    const { atMs } = clock.observe(nowMs);
    const gone: FileId[] = [];
    for (const entry of [...ledger.entries()]) {
      const state = judgeLease(entry.file, atMs);
      if (state === 'live' || state === 'grace') continue;
      if (!entry.isTrashed) gone.push(entry.file.fileId);
      entry.isTrashed = true;
      if (state === 'over') await this.#core.drop(entry, 'all');
    }
    await this.#core.moved.expire().catch((error: unknown) => this.#core.onFault(faultOf(error)));
    await clock.saveIfDue().catch((error: unknown) => this.#core.onFault(faultOf(error)));
    await keeper.dropOld(nowMs);
    return gone;
  }

  /** One pass at a time; a second caller waits for the pass under way. */
  async scrub(options: ScrubOptions): Promise<ScrubResult> {
    this.#core.assertOpen();
    this.#scrubbing ??= this.#scrub({ ...options, signal: AbortSignal.any([options.signal, this.#closing.signal]) }).finally(() => {
      this.#scrubbing = undefined;
    });
    return this.#scrubbing;
  }

  #scrub(options: ScrubOptions): Promise<ScrubResult> {
    const core = this.#core;
    const findings = {
      unreadable: this.#unreadable,
      onDamaged: (shardId: ShardId) => core.markDamaged(shardId),
      onMended: (shardId: ShardId) => core.clearDamage(shardId),
      onMissing: async (shardId: ShardId): Promise<void> => {
        await core.forgetMissing(shardId);
      },
      onLeavesLost: async (shardId: ShardId, leafHashes: readonly Uint8Array[]): Promise<void> => {
        await core.committer.run((round) => ok(round.edit.shard(shardId) && round.edit.putLeaves(shardId, leafHashes)));
      },
      onPage: (cursor: Uint8Array) => core.committer.alone(() => core.index.saveScrubCursor(cursor)).catch((error) => core.onFault(error)),
    };
    return scrubShards(this.#runtime, core, findings, options);
  }

  #described({ fileId, ownerKey, fileNonce, accessKey, leaseId, isCommitted, keepUntilMs, rosterId, ...lease }: FileRecord): HostedFile {
    const leaseUntilMs = toldLeaseEnd({ isCommitted, ...lease }, this.#core.clock.now());
    const kept = { fileId, ownerKey, fileNonce, accessKey, leaseId };
    return { ...kept, isCommitted, leaseUntilMs, keepUntilMs, rosterId: rosterId ?? undefined };
  }

  #hosted(fileId: FileId, row: PlaceRecord): HostedShard {
    return hostedShard({ fileId }, row, this.#core.isDamaged(row.shardId));
  }

  #row(ref: ShardRef): PlaceRecord | undefined {
    const entry = this.#core.visible(ref.fileId);
    if (entry === undefined || !isPlace(ref) || !hasPlace(entry, placeOf(ref))) return undefined;
    return this.#core.index.place(ref.fileId, placeOf(ref));
  }

  /** A file that can be changed: something of it is durable, though it may be in the trash. */
  #durableEntry(fileId: FileId): Result<HostedEntry, StoreRefusal | 'not-held'> {
    const refusal = this.#core.refusal();
    if (refusal !== undefined) return fail(refusal);
    const entry = this.#core.ledger.get(fileId);
    return entry === undefined || entry.places.length === 0 ? fail('not-held') : ok(entry);
  }
}
