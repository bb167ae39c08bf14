// driven: the way in: whether a shard may be stored, and the writer that takes it to the disk.
import { equalBytes, fail, ok, type Result, toHex } from '@batchain/shared';
import { DISK_BLOCK_BYTES, SHARDS_PER_FILE_MAX, STORES_UNDER_WAY_MAX } from '../limits.ts';
import { checkLeafHashes } from '../pipeline/shard.ts';
import type { HostedShard, ShardWriter, StoreOrder, StoreRefusal, StoreStart } from '../ports.ts';
import { diskBytes } from './disk-blocks.ts';
import { faultOf } from './disk-fault.ts';
import type { HostedEntry } from './hosted-ledger.ts';
import { type FileRecord, isPlace, type Place, type PlaceRecord, placeOf } from './hosted-records.ts';
import { extendLease } from './leases.ts';
import { CountingWriter, type PartFate, PartWriter, type WriterHost } from './shard-writers.ts';
import { findSlow, type StoreUnderWay } from './slow-stores.ts';
import type { StoreCore } from './store-core.ts';
import type { ShardRow } from './store-index.ts';
import type { StoreTransaction } from './store-transaction.ts';

/** Where the bytes of an order stand already. */
type Presence =
  /** At this very place. */
  | 'held'
  /** At another place of the same owner, who has sent them once. */
  | 'own'
  /** At a place of another owner. */
  | 'foreign'
  | 'absent';

/** A store that was let in. */
interface Admitted {
  readonly order: StoreOrder;
  readonly leafHashes: readonly Uint8Array[];
  readonly leaseUntilMs: number;
  readonly entry: HostedEntry;
  /** Shard id, hex. */
  readonly shard: string;
  readonly place: Place;
  readonly presence: Presence;
  /** Of the offer, until the place is filled. */
  readonly neededBytes: number;
}

/** A store that keeps room while its bytes come. */
interface PacedStore {
  readonly writer: PartWriter;
  readonly startOffset: number;
  /** Monotonic. */
  readonly sinceMs: number;
  readonly announcedBytes: number;
  readonly reservedBytes: number;
}

export class StoreIntake {
  readonly #core: StoreCore;
  readonly #paced = new Set<PacedStore>();
  /** Shards and places being stored, as hex keys. */
  readonly #underWay = new Set<string>();

  constructor(core: StoreCore) {
    this.#core = core;
  }

  async begin(order: StoreOrder, leafHashes: readonly Uint8Array[], leaseUntilMs: number): Promise<Result<StoreStart, StoreRefusal>> {
    const refusal = this.#core.refusal();
    if (refusal !== undefined) return fail(refusal);
    if (!isPlace(order)) return fail('bad-bytes', 'no file has such a segment or index');
    if (!areIdsWhole(order)) return fail('bad-bytes', 'an id or a key has the wrong length');
    if (!checkLeafHashes(order.shardId, order.length, leafHashes))
      return fail('bad-bytes', 'the leaf hashes are not those of the shard id');
    try {
      await this.#core.gauge.refresh();
      const unchecked = await this.#checkBytes(order);
      if (unchecked !== undefined) return fail(unchecked, 'the bytes that were here are gone, which can not be written down');
      if (this.#core.gauge.room() < order.length && this.#core.keeper.bytes > 0) await this.#clearParts();
      let admitted = this.#admit(order, leafHashes, leaseUntilMs);
      for (const { writer } of admitted.ok ? [] : this.#givingWay(order, admitted.reason)) {
        await writer.giveWay();
        admitted = this.#admit(order, leafHashes, leaseUntilMs);
        if (admitted.ok) break;
      }
      // In the same turn: what was granted is reserved before anybody else asks.
      return admitted.ok ? await this.#start(admitted.value) : admitted;
    } catch (error) {
      const fault = faultOf(error);
      this.#core.onFault(fault);
      return fail(fault.refusal, fault.message);
    }
  }

  /** A row whose file is gone or cut short must not answer for bytes that nobody has. */
  async #checkBytes({ shardId }: StoreOrder): Promise<StoreRefusal | undefined> {
    const row = this.#core.index.shard(shardId);
    if (row === undefined || row.isDamaged) return undefined;
    const size = await this.#core.shards.size(toHex(shardId));
    if (size === undefined) return this.#core.forgetMissing(shardId);
    if (size !== row.length) await this.#core.markDamaged(shardId);
    return undefined;
  }

  /** Room that stores under way would give to a new one. */
  slowBytes(): { readonly reserved: number; readonly owed: number } {
    const bytes = { reserved: 0, owed: 0 };
    for (const { reservedBytes, writer } of findSlow(this.#underPace())) {
      bytes.reserved += reservedBytes;
      bytes.owed += writer.owedBytes;
    }
    return bytes;
  }

  *#underPace(): Generator<StoreUnderWay & PacedStore> {
    const nowMs = this.#core.runtime.clock.monotonicMs();
    for (const store of this.#paced) {
      const receivedBytes = store.writer.offset - store.startOffset;
      yield { ...store, receivedBytes, elapsedMs: nowMs - store.sinceMs };
    }
  }

  /** Stores that may be ended so that this one finds the room that it was refused; none when it would find none all the same. */
  #givingWay({ length }: StoreOrder, refusal: StoreRefusal): readonly PacedStore[] {
    if (refusal !== 'no-room' && refusal !== 'disk-full') return [];
    const { quota, gauge } = this.#core;
    const { reserved, owed } = this.slowBytes();
    const bytes = diskBytes(length) + DISK_BLOCK_BYTES;
    return bytes > quota.freeBytes + reserved || bytes > gauge.room() + owed ? [] : findSlow(this.#underPace());
  }

  /** Interrupted stores give way to new ones. */
  async #clearParts(): Promise<void> {
    await this.#core.keeper.shrink(0);
    this.#core.gauge.forgetSample();
    await this.#core.gauge.refresh();
  }

  /** All checks and the reservation in one turn: a hundred callers at once can not share the same room. */
  #admit(order: StoreOrder, leafHashes: readonly Uint8Array[], leaseUntilMs: number): Result<Admitted, StoreRefusal> {
    const refusal = this.#core.refusal();
    if (refusal !== undefined) return fail(refusal);
    const { ledger, clock } = this.#core;
    const known = ledger.get(order.fileId);
    if (known !== undefined && !isSameFile(known.file, order))
      return fail('conflict', 'the file has another owner, access key or lease id');
    const place = placeOf(order);
    const shard = toHex(order.shardId);
    const placed = known && this.#core.index.place(order.fileId, place);
    if (placed !== undefined && !equalBytes(placed.shardId, order.shardId)) return fail('conflict', 'the place has another shard');
    if (this.#underWay.has(shard) || this.#underWay.has(placeKey(order, place))) return fail('busy', 'it is being stored');
    const filled = (known?.places.length ?? 0) + (known?.writers ?? 0);
    if (placed === undefined && filled >= SHARDS_PER_FILE_MAX) return fail('too-many-shards', 'of this file');
    if (this.#underWay.size >= 2 * STORES_UNDER_WAY_MAX) return fail('busy', 'too many stores at once');
    const presence = this.#presence(order, placed);
    const owner = toHex(order.ownerKey);
    // The journal of a file begins with its first shard.
    const journalBytes = known === undefined || known.journalBytes === 0 ? DISK_BLOCK_BYTES : 0;
    const neededBytes = (presence === 'absent' ? diskBytes(order.length) : 0) + journalBytes;
    const refusedRoom = presence === 'held' ? undefined : this.#judgeRoom(owner, neededBytes);
    if (refusedRoom !== undefined) return fail(refusedRoom);
    const entry = known ?? ledger.add(provisionalFile(order, leaseUntilMs, clock.now()));
    entry.writers++;
    this.#underWay.add(shard).add(placeKey(order, place));
    return ok({ order, leafHashes, leaseUntilMs, entry, shard, place, presence, neededBytes });
  }

  #presence({ shardId, ownerKey }: StoreOrder, placed: PlaceRecord | undefined): Presence {
    const row = this.#core.index.shard(shardId);
    if (row === undefined || this.#core.isDamaged(shardId)) return 'absent';
    if (placed !== undefined) return 'held';
    return this.#hasOwner(row, ownerKey) ? 'own' : 'foreign';
  }

  #hasOwner({ sharers }: ShardRow, ownerKey: Uint8Array): boolean {
    return sharers.some(([fileId]) => equalBytes(this.#core.ledger.get(fileId)?.file.ownerKey ?? new Uint8Array(0), ownerKey));
  }

  #judgeRoom(owner: string, bytes: number): StoreRefusal | undefined {
    return this.#core.quota.judge(owner, bytes) ?? (bytes > this.#core.gauge.room() ? 'disk-full' : undefined);
  }

  async #start(admitted: Admitted): Promise<Result<StoreStart, StoreRefusal>> {
    const { presence, order } = admitted;
    if (presence === 'absent') return this.#startPart(admitted);
    if (presence === 'foreign') {
      const end = (): Promise<void> => this.#leave(admitted);
      return ok({
        kind: 'writing',
        writer: this.#writer(
          admitted,
          () => this.#share(admitted),
          end,
          (host) => new CountingWriter(host, order.length),
        ),
      });
    }
    const shared = await this.#share(admitted);
    await this.#leave(admitted);
    return shared.ok ? ok({ kind: 'held', shard: shared.value }) : shared;
  }

  async #startPart(admitted: Admitted): Promise<Result<StoreStart, StoreRefusal>> {
    const { order, leafHashes, shard, entry, neededBytes } = admitted;
    const { gauge, keeper, quota, runtime, shards } = this.#core;
    const reservation = quota.reserve(entry.owner, neededBytes);
    gauge.promise(order.length);
    let paced: PacedStore | undefined;
    const giveBack = async (fate: PartFate | undefined): Promise<void> => {
      if (paced !== undefined) this.#paced.delete(paced);
      quota.giveBack(reservation);
      if (fate?.kind === 'keep' && fate.bytes > 0) await keeper.keep(shard, fate.bytes, this.#core.runtime.clock.nowMs());
      else if (fate !== undefined) await shards.removePart(shard).catch((error: unknown) => this.#core.onFault(error));
      await this.#leave(admitted);
    };
    try {
      await keeper.take(shard);
      await keeper.shrink(Math.max(0, quota.freeBytes));
      const part = await shards.openPart(shard, order.length, leafHashes);
      gauge.release(part.offset);
      const make = (host: WriterHost): ShardWriter => {
        const writer = new PartWriter(host, gauge, part, order.length);
        paced = {
          writer,
          startOffset: part.offset,
          sinceMs: runtime.clock.monotonicMs(),
          announcedBytes: order.length - part.offset,
          reservedBytes: neededBytes,
        };
        this.#paced.add(paced);
        return writer;
      };
      return ok({ kind: 'writing', writer: this.#writer(admitted, () => this.#publish(admitted), giveBack, make) });
    } catch (error) {
      gauge.release(order.length);
      await giveBack({ kind: 'remove' });
      throw error;
    }
  }

  /** A writer that the store knows until it ends. */
  #writer(
    { entry }: Admitted,
    keep: () => Promise<Result<HostedShard, StoreRefusal>>,
    end: (fate: PartFate | undefined) => Promise<void>,
    make: (host: WriterHost) => ShardWriter,
  ): ShardWriter {
    const { writers, ledger } = this.#core;
    const writer = make({
      refusal: () => this.#core.refusal() ?? (ledger.has(entry) ? undefined : 'busy'),
      onFault: (error) => this.#core.onFault(error),
      keep,
      end: (fate) => {
        writers.delete(writer);
        return end(fate);
      },
    });
    writers.add(writer);
    return writer;
  }

  /** Gives the part its final name and makes the place durable. */
  #publish(admitted: Admitted): Promise<Result<HostedShard, StoreRefusal>> {
    const { order, leafHashes, place, entry } = admitted;
    return this.#core.committer.run((round): Result<HostedShard, StoreRefusal> => {
      const refusal = this.#judgePlace(round, admitted);
      if (refusal !== undefined) return fail(refusal);
      const row = this.#rowOf(admitted);
      this.#revive(round, admitted);
      round.keepNew(entry, row, place, leafHashes);
      round.onDurable(() => this.#core.forgetDamage(order.shardId));
      return ok(hostedShard(order, row, false));
    });
  }

  /** Makes the place durable with bytes that are here. */
  #share(admitted: Admitted): Promise<Result<HostedShard, StoreRefusal>> {
    const { order, place, entry } = admitted;
    return this.#core.committer.run((round): Result<HostedShard, StoreRefusal> => {
      const refusal = this.#judgePlace(round, admitted);
      if (refusal !== undefined) return fail(refusal);
      this.#revive(round, admitted);
      const placed = round.edit.place(order.fileId, place);
      if (placed !== undefined) return ok(hostedShard(order, placed, this.#core.isDamaged(order.shardId)));
      const row = this.#rowOf(admitted);
      if (!round.keepShared(entry, row, place)) return fail('busy', 'the shared bytes were released meanwhile');
      return ok(hostedShard(order, row, false));
    });
  }

  #judgePlace(round: StoreTransaction, { order, place, entry }: Admitted): StoreRefusal | undefined {
    // Its last place was released in the meantime: the next try finds no trace of the file and begins it anew.
    if (round.file(entry) === undefined) return 'busy';
    const placed = round.edit.place(order.fileId, place);
    return placed !== undefined && !equalBytes(placed.shardId, order.shardId) ? 'conflict' : undefined;
  }

  /** A store takes its file out of the trash again. */
  #revive(round: StoreTransaction, { entry, leaseUntilMs }: Admitted): void {
    const file = round.file(entry);
    if (!entry.isTrashed || file === undefined) return;
    const time = this.#core.clock.now();
    round.putFile(entry, { ...file, ...extendLease(file, leaseUntilMs, false, time), writtenAtMs: Math.round(time.atMs) });
    round.onDurable(() => {
      entry.isTrashed = false;
    });
  }

  #rowOf({ order }: Admitted): PlaceRecord {
    const { segment, index, shardId, length } = order;
    return { segment, index, shardId, length, durableSinceMs: Math.max(0, Math.round(this.#core.runtime.clock.nowMs())) };
  }

  /** The store came to its end, one way or the other. A file of which nothing was kept is forgotten. */
  async #leave({ entry, order, shard, place }: Admitted): Promise<void> {
    this.#underWay.delete(shard);
    this.#underWay.delete(placeKey(order, place));
    entry.writers--;
    if (entry.writers > 0 || entry.places.length > 0) return;
    if (entry.journalBytes === 0) this.#core.ledger.remove(entry);
    else await this.#core.drop(entry, 'all');
  }
}

/** What is written down must be readable again. */
function areIdsWhole({ fileId, ownerKey, fileNonce, accessKey, shardId, leaseId }: StoreOrder): boolean {
  return [fileId, ownerKey, fileNonce, accessKey, shardId].every(({ length }) => length === 32) && leaseId.length === 16;
}

const placeKey = (order: StoreOrder, place: Place): string => `${toHex(order.fileId)}:${place}`;

function isSameFile(file: FileRecord, order: StoreOrder): boolean {
  return (
    equalBytes(file.leaseId, order.leaseId) && equalBytes(file.ownerKey, order.ownerKey) && equalBytes(file.accessKey, order.accessKey)
  );
}

function provisionalFile(order: StoreOrder, leaseUntilMs: number, time: Parameters<typeof extendLease>[3]): FileRecord {
  const { fileId, ownerKey, fileNonce, accessKey, leaseId } = order;
  return {
    ...extendLease(undefined, leaseUntilMs, false, time),
    fileId,
    ownerKey,
    fileNonce,
    accessKey,
    leaseId,
    keepUntilMs: 0,
    rosterId: null,
    rosterBytes: 0,
    writtenAtMs: Math.round(time.atMs),
  };
}

export function hostedShard({ fileId }: { fileId: StoreOrder['fileId'] }, row: PlaceRecord, isDamaged: boolean): HostedShard {
  return { fileId, ...row, isDamaged };
}
