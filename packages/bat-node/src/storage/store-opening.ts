// driven: opens what lies on the disk: format, lock, index, then everything that a crash may have left is put right.
import { BatChainError, equalBytes, type Logger, type Runtime, toHex } from '@batchain/shared';
import type { ShardId } from '../ids.ts';
import { isTemporaryName } from './atomic-write.ts';
import { diskBytes, rosterDiskBytes } from './disk-blocks.ts';
import { errnoOf, type FileSystem } from './file-system.ts';
import type { KeyValueStore } from './key-value-store.ts';
import { readStoreFormat, writeStoreFormat } from './store-format.ts';
import { INDEX_SCHEMA, type ShardRow } from './store-index.ts';
import { isHexId, type StoreLayout, shardOfPart } from './store-layout.ts';
import { type IndexView, isIndexWhole, readIndex, StoreRecovery } from './store-recovery.ts';
import type { StoreParts } from './store-transaction.ts';

/** Rejects with BAT_E_STORE_UNREADABLE for whatever the disk says; errors of BatChain pass. */
export async function opening<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BatChainError) throw error;
    const code = errnoOf(error);
    const why = code === '' ? String(error) : `the system says ${code}`;
    throw new BatChainError('BAT_E_STORE_UNREADABLE', { what, why, cause: error });
  }
}

/** Opens the table, which locks it; a broken one is removed and begun anew. */
async function openTable(table: KeyValueStore, log: Logger): Promise<void> {
  let opened = await table.open();
  if (!opened.ok && opened.reason === 'corrupt') {
    log.warn('bat.store.index-broken', { detail: opened.detail });
    await table.destroy();
    opened = await table.open();
  }
  if (opened.ok) return;
  if (opened.reason === 'locked') {
    throw new BatChainError('BAT_E_HOME_IN_USE', { what: 'another process has the hosted shards of this home open' });
  }
  throw new BatChainError('BAT_E_STORE_UNREADABLE', { what: 'the index of the hosted shards can not be made', why: opened.detail ?? '' });
}

export class StoreOpening {
  readonly #runtime: Runtime;
  readonly #fs: FileSystem;
  readonly #table: KeyValueStore;
  readonly #layout: StoreLayout;
  readonly #parts: StoreParts;
  #storeId: Uint8Array = new Uint8Array(0);

  constructor(runtime: Runtime, fs: FileSystem, table: KeyValueStore, layout: StoreLayout, parts: StoreParts) {
    this.#runtime = runtime;
    this.#fs = fs;
    this.#table = table;
    this.#layout = layout;
    this.#parts = parts;
  }

  /** Takes the lock and checks that folder and index are of one store, or makes a new one. */
  async open(): Promise<void> {
    const found = await readStoreFormat(this.#fs, this.#layout.formatPath);
    await openTable(this.#table, this.#parts.log);
    const label = this.#labelOrNone();
    if (found === undefined && label !== undefined) {
      throw new BatChainError('BAT_E_STORE_DAMAGED', {
        what: `the hosted shards are not at ${this.#layout.hostedPath}`,
        why: 'the index knows a store there, but the folder is empty',
      });
    }
    for (const folder of this.#layout.folders()) await this.#fs.makeFolder(folder);
    await this.#fs.syncFolder(this.#layout.hostedPath);
    this.#storeId = found ?? (await writeStoreFormat(this.#fs, this.#runtime.entropy, this.#layout.formatPath));
    if (label !== undefined && label.schema === INDEX_SCHEMA && equalBytes(label.storeId, this.#storeId)) return;
    await this.#beginIndex();
  }

  /** Brings index and journals into step and fills ledger and quota. */
  async load(): Promise<void> {
    const recovery = new StoreRecovery(this.#parts);
    let view = await this.#readable();
    if (!isIndexWhole(view)) {
      this.#parts.log.warn('bat.store.index-lost-rows');
      await recovery.saveFromIndex(view);
      await this.#beginIndex();
      view = await readIndex(this.#parts.index);
    }
    if ((await recovery.reconcile(view)) > 0) view = await readIndex(this.#parts.index);
    const { ledger, quota } = this.#parts;
    ledger.clear();
    quota.reset();
    for (const { row, places, placeBytes } of view.files.values()) {
      if (row === undefined) continue;
      const entry = ledger.add(row.file, row.journalBytes);
      for (const place of places) entry.places.push(place);
      quota.addPlaces(entry.owner, places.length, placeBytes);
      quota.addJournal(entry.owner, diskBytes(row.journalBytes));
      quota.addRoster(entry.owner, rosterDiskBytes(row.file.rosterBytes));
    }
    quota.addUsed(view.usedBytes);
  }

  /** Shard files that no row names become parts; returns the rows whose files are missing. */
  async sweepShards(): Promise<readonly (readonly [ShardId, ShardRow])[]> {
    const { index, shards, log } = this.#parts;
    const missing: (readonly [ShardId, ShardRow])[] = [];
    for (const [byte, folder] of this.#layout.shardFolders().entries()) {
      const strays = new Set((await this.#fs.list(folder)).filter(isHexId));
      for await (const [shardId, row] of index.shardsOf(byte)) if (!strays.delete(toHex(shardId))) missing.push([shardId, row]);
      for (const stray of strays) await shards.unpublish(stray);
      if (strays.size > 0) log.info('bat.store.strays', { folder: byte, count: strays.size });
    }
    return missing;
  }

  /** The parts that may be resumed, oldest first; anything else in their folder is removed. */
  async sweepParts(): Promise<readonly { readonly shard: string; readonly bytes: number; readonly sinceMs: number }[]> {
    const parts: { shard: string; bytes: number; sinceMs: number }[] = [];
    for (const name of await this.#parts.shards.listParts()) {
      const path = `${this.#layout.partsPath}/${name}`;
      const shard = shardOfPart(name);
      const { bytes, modifiedMs } = await this.#fs.stat(path);
      if (shard === undefined || bytes === 0) await this.#fs.remove(path);
      else parts.push({ shard, bytes, sinceMs: modifiedMs });
    }
    return parts.sort((a, b) => a.sinceMs - b.sinceMs);
  }

  /** Removes rosters that no file names, and half-written files. */
  async sweepRosters(): Promise<void> {
    const { hostedPath } = this.#layout;
    for (const name of await this.#fs.list(hostedPath)) if (isTemporaryName(name)) await this.#fs.remove(`${hostedPath}/${name}`);
    const named = new Set<string>();
    for (const { id, file } of this.#parts.ledger.entries()) if (file.rosterId !== null) named.add(`${id}.${toHex(file.rosterId)}`);
    await this.#parts.rosters.sweep((name) => named.has(name));
  }

  async #readable(): Promise<IndexView> {
    try {
      return await readIndex(this.#parts.index);
    } catch (error) {
      this.#parts.log.warn('bat.store.index-broken', { error });
      await this.#beginIndex();
      return readIndex(this.#parts.index);
    }
  }

  #labelOrNone(): { readonly schema: number; readonly storeId: Uint8Array } | undefined {
    try {
      return this.#parts.index.label();
    } catch {
      return undefined;
    }
  }

  async #beginIndex(): Promise<void> {
    await this.#table.close();
    await this.#table.destroy();
    await openTable(this.#table, this.#parts.log);
    await this.#parts.index.writeLabel({ schema: INDEX_SCHEMA, storeId: this.#storeId });
  }
}
