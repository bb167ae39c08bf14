// driven: the index of the store: typed rows over an ordered table; what it says can always be found again from the files.
import {
  BatChainError,
  boolean,
  bytesOf,
  type Codec,
  concatBytes,
  idOf,
  KiB,
  listOf,
  makeCodec,
  recordOf,
  type Shape,
  tupleOf,
  uintBytes,
  uintOf,
} from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import { SHARD_SHARERS_MAX } from '../limits.ts';
import { HASH_BYTES } from '../pipeline/merkle.ts';
import { faultOf } from './disk-fault.ts';
import { type FileRecord, fileRecordShape, type Place, type PlaceRecord, placeRecordShape } from './hosted-records.ts';
import type { KeyRange, KeyValueChange, KeyValueStore } from './key-value-store.ts';
import { type MovedRow, movedRowShape } from './moved-files.ts';

/** A file's row: its record and how much of its journal the index knows. */
export interface FileRow {
  readonly file: FileRecord;
  readonly journalBytes: number;
  /** Rows of places that belong to it, to notice lost ones. */
  readonly placeCount: number;
}

/** A place that shares a shard's bytes. */
export type Sharer = readonly [FileId, Place];

/** The row of one distinct shard: its bytes are stored once, whoever shares them. */
export interface ShardRow {
  readonly length: number;
  readonly isDamaged: boolean;
  readonly sharers: readonly Sharer[];
}

/** Names this very store and the layout of the rows. */
export interface IndexLabel {
  readonly schema: number;
  readonly storeId: Uint8Array;
}

export type ShardEntry = readonly [ShardId, ShardRow];

export type IndexRow =
  | { readonly kind: 'file'; readonly row: FileRow }
  | { readonly kind: 'place'; readonly fileId: FileId; readonly row: PlaceRecord }
  | { readonly kind: 'shard'; readonly shardId: ShardId; readonly row: ShardRow };

export const INDEX_SCHEMA = 1;

const KIND = { label: 1, file: 2, place: 3, shard: 4, leaves: 5, scrub: 6, moved: 7 } as const;
const LABEL_KEY: Uint8Array = Uint8Array.of(KIND.label);
const SCRUB_KEY: Uint8Array = Uint8Array.of(KIND.scrub);
const ROW_BYTES_MAX: number = 64 * KiB;

const codecOf = <T>(name: string, shape: Shape<T>): Codec<T> => makeCodec(name, ROW_BYTES_MAX, shape);
const labelCodec = codecOf<IndexLabel>('label', recordOf({ schema: uintOf(), storeId: bytesOf(32) }));
const fileCodec = codecOf<FileRow>('file row', recordOf({ file: fileRecordShape, journalBytes: uintOf(), placeCount: uintOf() }));
const placeCodec = codecOf<PlaceRecord>('place row', placeRecordShape);
const shardCodec = codecOf<ShardRow>(
  'shard row',
  recordOf({ length: uintOf(), isDamaged: boolean, sharers: listOf(tupleOf<Sharer>(idOf<FileId>(), uintOf()), SHARD_SHARERS_MAX) }),
);

const movedCodec = codecOf<MovedRow>('moved row', movedRowShape);

const keyOf = (kind: number, ...parts: readonly Uint8Array[]): Uint8Array => concatBytes(Uint8Array.of(kind), ...parts);
const rangeOf = (kind: number): KeyRange => ({ from: Uint8Array.of(kind), to: Uint8Array.of(kind + 1) });

/** Changes to the index; a missing `row` deletes. */
export interface IndexChanges {
  readonly files: Iterable<{ readonly fileId: FileId; readonly row: FileRow | undefined }>;
  readonly places: Iterable<{ readonly fileId: FileId; readonly place: Place; readonly row: PlaceRecord | undefined }>;
  readonly shards: Iterable<{ readonly shardId: ShardId; readonly row: ShardRow | undefined }>;
  readonly leaves: Iterable<{ readonly shardId: ShardId; readonly leafHashes: readonly Uint8Array[] }>;
  readonly moved: Iterable<{ readonly fileId: FileId; readonly row: MovedRow | undefined }>;
}

/** A row that does not decode counts as missing; single rows of a table that can not be read throw BAT_E_STORE_UNREADABLE. */
export class StoreIndex {
  readonly #table: KeyValueStore;
  #hasFailed = false;

  constructor(table: KeyValueStore) {
    this.#table = table;
  }

  /**
   * True after a write that the table did not take. LevelDB may go on to report success then and lose those rows when it
   * opens (its log has a hole), so the table must be opened anew before the next write; `onReopened` says that it was.
   */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  onReopened(): void {
    this.#hasFailed = false;
  }

  label(): IndexLabel | undefined {
    return this.#decoded(labelCodec, LABEL_KEY);
  }

  async writeLabel(label: IndexLabel): Promise<void> {
    await this.#write([{ type: 'put', key: LABEL_KEY, value: labelCodec.encode(label) }]);
  }

  place(fileId: FileId, place: Place): PlaceRecord | undefined {
    return this.#decoded(placeCodec, keyOf(KIND.place, fileId, uintBytes(place, 4)));
  }

  shard(shardId: ShardId): ShardRow | undefined {
    return this.#decoded(shardCodec, keyOf(KIND.shard, shardId));
  }

  leafHashes(shardId: ShardId): readonly Uint8Array[] | undefined {
    const bytes = this.#value(keyOf(KIND.leaves, shardId));
    if (bytes === undefined || bytes.length % HASH_BYTES !== 0) return undefined;
    return Array.from({ length: bytes.length / HASH_BYTES }, (_, leaf) => bytes.subarray(leaf * HASH_BYTES, (leaf + 1) * HASH_BYTES));
  }

  /** All rows of files, places and distinct shards; shards in order of their ids. */
  async *rows(): AsyncGenerator<IndexRow> {
    for await (const [, value] of this.#table.entries(rangeOf(KIND.file))) {
      const row = fileCodec.decode(value);
      if (row.ok) yield { kind: 'file', row: row.value };
    }
    for await (const [key, value] of this.#table.entries(rangeOf(KIND.place))) {
      const row = placeCodec.decode(value);
      if (row.ok) yield { kind: 'place', fileId: key.slice(1, 33) as FileId, row: row.value };
    }
    for await (const [shardId, row] of this.#shards(rangeOf(KIND.shard))) yield { kind: 'shard', shardId, row };
  }

  /** Shards whose ids begin with this byte. */
  shardsOf(firstByte: number): AsyncGenerator<ShardEntry> {
    const to = firstByte === 255 ? Uint8Array.of(KIND.shard + 1) : Uint8Array.of(KIND.shard, firstByte + 1);
    return this.#shards({ from: Uint8Array.of(KIND.shard, firstByte), to });
  }

  /** Up to `max` shards whose ids come after this one. */
  async shardsAfter(after: Uint8Array, max: number): Promise<readonly ShardEntry[]> {
    const page: ShardEntry[] = [];
    const range = { from: keyOf(KIND.shard, after, Uint8Array.of(0)), to: Uint8Array.of(KIND.shard + 1) };
    for await (const entry of this.#shards(range)) if (page.push(entry) >= max) break;
    return page;
  }

  moved(fileId: FileId): MovedRow | undefined {
    return this.#decoded(movedCodec, keyOf(KIND.moved, fileId));
  }

  async *movedRows(): AsyncGenerator<readonly [FileId, MovedRow]> {
    for await (const [key, value] of this.#table.entries(rangeOf(KIND.moved))) {
      const row = movedCodec.decode(value);
      if (row.ok) yield [key.slice(1) as FileId, row.value];
    }
  }

  /** Up to where the last scrub came; empty when it came to the end. */
  scrubCursor(): Uint8Array {
    return this.#value(SCRUB_KEY) ?? new Uint8Array(0);
  }

  async saveScrubCursor(cursor: Uint8Array): Promise<void> {
    await this.#write([{ type: 'put', key: SCRUB_KEY, value: cursor }]);
  }

  /** All or nothing, durable when it resolves. Rejects with a DiskFault. */
  async write(changes: IndexChanges): Promise<void> {
    const rows: KeyValueChange[] = [];
    const add = (key: Uint8Array, value: Uint8Array | undefined): void => {
      rows.push(value === undefined ? { type: 'del', key } : { type: 'put', key, value });
    };
    for (const { fileId, row } of changes.files) add(keyOf(KIND.file, fileId), row && fileCodec.encode(row));
    for (const { fileId, place, row } of changes.places) {
      add(keyOf(KIND.place, fileId, uintBytes(place, 4)), row && placeCodec.encode(row));
    }
    for (const { shardId, leafHashes } of changes.leaves) add(keyOf(KIND.leaves, shardId), concatBytes(...leafHashes));
    for (const { shardId, row } of changes.shards) {
      add(keyOf(KIND.shard, shardId), row && shardCodec.encode(row));
      if (row === undefined) add(keyOf(KIND.leaves, shardId), undefined);
    }
    for (const { fileId, row } of changes.moved) add(keyOf(KIND.moved, fileId), row && movedCodec.encode(row));
    if (rows.length > 0) await this.#write(rows);
  }

  async #write(rows: readonly KeyValueChange[]): Promise<void> {
    try {
      await this.#table.write(rows);
    } catch (error) {
      this.#hasFailed = true;
      throw faultOf(error, true);
    }
  }

  async *#shards(range: KeyRange): AsyncGenerator<ShardEntry> {
    for await (const [key, value] of this.#table.entries(range)) {
      const row = shardCodec.decode(value);
      if (row.ok) yield [key.slice(1) as ShardId, row.value];
    }
  }

  #decoded<T>(codec: Codec<T>, key: Uint8Array): T | undefined {
    const value = this.#value(key);
    const row = value && codec.decode(value);
    return row?.ok === true ? row.value : undefined;
  }

  #value(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#table.get(key);
    } catch (error) {
      throw new BatChainError('BAT_E_STORE_UNREADABLE', { what: 'the index of the hosted shards can not be read', cause: error });
    }
  }
}
