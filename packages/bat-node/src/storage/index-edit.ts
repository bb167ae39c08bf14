// pure: edits to the index collected for one write: reads see the edits made so far.
import { equalBytes, toHex } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import { SHARD_SHARERS_MAX } from '../limits.ts';
import { diskBytes } from './disk-blocks.ts';
import { type Place, type PlaceRecord, placeOf } from './hosted-records.ts';
import type { MovedRow } from './moved-files.ts';
import type { FileRow, IndexChanges, ShardRow, Sharer } from './store-index.ts';

/** The rows as they are before the edits. */
export interface IndexRows {
  place(fileId: FileId, place: Place): PlaceRecord | undefined;
  shard(shardId: ShardId): ShardRow | undefined;
}

interface EditedShard {
  readonly shardId: ShardId;
  readonly before: ShardRow | undefined;
  row: ShardRow | undefined;
}

const isSharer = ([fileId, place]: Sharer, otherId: FileId, otherPlace: Place): boolean =>
  place === otherPlace && equalBytes(fileId, otherId);

export class IndexEdit {
  readonly #rows: IndexRows;
  readonly #files = new Map<string, { fileId: FileId; row: FileRow | undefined }>();
  readonly #places = new Map<string, { fileId: FileId; place: Place; row: PlaceRecord | undefined }>();
  readonly #shards = new Map<string, EditedShard>();
  readonly #leaves = new Map<string, { shardId: ShardId; leafHashes: readonly Uint8Array[] }>();
  readonly #moved = new Map<string, { fileId: FileId; row: MovedRow | undefined }>();

  constructor(rows: IndexRows) {
    this.#rows = rows;
  }

  place(fileId: FileId, place: Place): PlaceRecord | undefined {
    const edited = this.#places.get(`${toHex(fileId)}${place}`);
    return edited === undefined ? this.#rows.place(fileId, place) : edited.row;
  }

  shard(shardId: ShardId): ShardRow | undefined {
    const edited = this.#shards.get(toHex(shardId));
    return edited === undefined ? this.#rows.shard(shardId) : edited.row;
  }

  putFile(fileId: FileId, row: FileRow | undefined): void {
    this.#files.set(toHex(fileId), { fileId, row });
  }

  /** Fills a place with new bytes that are whole on the disk. Leaf hashes are needed when the index may lack them. */
  putPlace(fileId: FileId, row: PlaceRecord, leafHashes?: readonly Uint8Array[]): void {
    this.#share(fileId, row, { length: row.length, isDamaged: false, sharers: this.shard(row.shardId)?.sharers ?? [] });
    if (leafHashes !== undefined) this.putLeaves(row.shardId, leafHashes);
  }

  /** Fills a place with bytes that another place has. False when none has them any more, or too many do. */
  sharePlace(fileId: FileId, row: PlaceRecord): boolean {
    const shard = this.shard(row.shardId);
    if (shard === undefined || shard.sharers.length >= SHARD_SHARERS_MAX) return false;
    this.#share(fileId, row, shard);
    return true;
  }

  /** Empties a place; the shard's row goes with its last sharer. */
  dropPlace(fileId: FileId, place: Place): PlaceRecord | undefined {
    const row = this.place(fileId, place);
    if (row === undefined) return undefined;
    this.#places.set(`${toHex(fileId)}${place}`, { fileId, place, row: undefined });
    const shard = this.shard(row.shardId);
    if (shard === undefined) return row;
    const sharers = shard.sharers.filter((sharer) => !isSharer(sharer, fileId, place));
    this.#putShard(row.shardId, sharers.length === 0 ? undefined : { ...shard, sharers });
    return row;
  }

  markDamaged(shardId: ShardId): void {
    const row = this.shard(shardId);
    if (row !== undefined) this.#putShard(shardId, { ...row, isDamaged: true });
  }

  clearDamaged(shardId: ShardId): void {
    const row = this.shard(shardId);
    if (row?.isDamaged === true) this.#putShard(shardId, { ...row, isDamaged: false });
  }

  putLeaves(shardId: ShardId, leafHashes: readonly Uint8Array[]): void {
    this.#leaves.set(toHex(shardId), { shardId, leafHashes });
  }

  /** What is remembered of the file's shards that went elsewhere, as this edit has it. */
  moved(fileId: FileId): MovedRow | undefined {
    return this.#moved.get(toHex(fileId))?.row;
  }

  putMoved(fileId: FileId, row: MovedRow | undefined): void {
    this.#moved.set(toHex(fileId), { fileId, row });
  }

  /** What distinct shards that came take of the disk, less those that went. */
  usedDelta(): number {
    let bytes = 0;
    for (const { before, row } of this.#shards.values()) bytes += diskBytes(row?.length ?? 0) - diskBytes(before?.length ?? 0);
    return bytes;
  }

  /** Shards (hex) that had a row and have none any more. */
  emptied(): string[] {
    return [...this.#shards].filter(([, { before, row }]) => before !== undefined && row === undefined).map(([shard]) => shard);
  }

  changes(): IndexChanges {
    return {
      files: this.#files.values(),
      places: this.#places.values(),
      shards: this.#shards.values(),
      leaves: this.#leaves.values(),
      moved: this.#moved.values(),
    };
  }

  #share(fileId: FileId, row: PlaceRecord, shard: ShardRow): void {
    const place = placeOf(row);
    this.#places.set(`${toHex(fileId)}${place}`, { fileId, place, row });
    const others = shard.sharers.filter((sharer) => !isSharer(sharer, fileId, place));
    this.#putShard(row.shardId, { ...shard, sharers: [...others, [fileId, place]] });
  }

  #putShard(shardId: ShardId, row: ShardRow | undefined): void {
    const shard = toHex(shardId);
    const edited = this.#shards.get(shard);
    if (edited !== undefined) edited.row = row;
    else this.#shards.set(shard, { shardId, before: this.#rows.shard(shardId), row });
  }
}
