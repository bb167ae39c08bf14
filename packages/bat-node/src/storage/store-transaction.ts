// driven: one round of changes to the store, made durable together: names and journals first, then the index.
import { type Logger, toHex } from '@batchain/shared';
import { DISK_BLOCK_BYTES, PLACES_PER_TURN } from '../limits.ts';
import type { StoreRefusal } from '../ports.ts';
import { diskBytes, rosterDiskBytes } from './disk-blocks.ts';
import { DiskFault, faultOf } from './disk-fault.ts';
import { compactJournal, encodeJournal, type JournalRecord } from './file-journal.ts';
import { addPlace, type HostedEntry, type HostedLedger, removePlace } from './hosted-ledger.ts';
import type { FileRecord, Place, PlaceRecord } from './hosted-records.ts';
import { IndexEdit } from './index-edit.ts';
import type { JournalFiles } from './journal-files.ts';
import type { Quota } from './quota.ts';
import type { RosterFiles } from './roster-files.ts';
import type { ShardFiles } from './shard-files.ts';
import type { StoreIndex } from './store-index.ts';

/** The parts of an open store that a round of changes works on. */
export interface StoreParts {
  readonly log: Logger;
  readonly shards: ShardFiles;
  readonly journals: JournalFiles;
  readonly rosters: RosterFiles;
  readonly index: StoreIndex;
  readonly ledger: HostedLedger;
  readonly quota: Quota;
  /** Told of every fault of the disk, also where the work goes on. */
  onFault(fault: DiskFault): void;
  /** Lets the event loop do everything else, in the middle of a long round. */
  breathe(): Promise<void>;
  /** Why no round may be made durable, if so. */
  writeRefusal(): StoreRefusal | undefined;
}

/** What a round does to one file. */
interface Touched {
  readonly entry: HostedEntry;
  file: FileRecord;
  /** Filled in this round. */
  readonly added: Set<Place>;
  placeCount: number;
  isEnded: boolean;
  readonly records: JournalRecord[];
}

const LIVE_ROW_BYTES = 64;
const LIVE_FILE_BYTES = 400;

export class StoreTransaction {
  readonly edit: IndexEdit;
  readonly #parts: StoreParts;
  readonly #touched = new Map<HostedEntry, Touched>();
  readonly #published: { readonly shard: string; readonly isReplacing: boolean }[] = [];
  readonly #rostersGone: { readonly entry: HostedEntry; readonly rosterId: Uint8Array }[] = [];
  readonly #onDurable: (() => void)[] = [];
  readonly #onFailure: (() => Promise<void>)[] = [];

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.edit = new IndexEdit(parts.index);
  }

  /** The file as it is after the changes so far; undefined when it is not hosted any more. */
  file(entry: HostedEntry): FileRecord | undefined {
    const touched = this.#touched.get(entry);
    if (touched !== undefined) return touched.isEnded ? undefined : touched.file;
    return this.#parts.ledger.has(entry) ? entry.file : undefined;
  }

  /** Filled places after the changes so far. */
  placeCount(entry: HostedEntry): number {
    return this.#touched.get(entry)?.placeCount ?? entry.places.length;
  }

  putFile(entry: HostedEntry, file: FileRecord): void {
    const touched = this.#touch(entry);
    touched.file = file;
    touched.records.push({ kind: 'file', file });
  }

  /** The file has this roster from now on, which is on the disk; the old one goes when the round is durable. */
  putRoster(entry: HostedEntry, roster: Pick<FileRecord, 'rosterId' | 'rosterBytes' | 'writtenAtMs'>): void {
    const { file } = this.#touch(entry);
    const { quota } = this.#parts;
    // Counted at once: another one of the same round must find less room.
    const bytes = rosterDiskBytes(roster.rosterBytes);
    quota.addRoster(entry.owner, bytes);
    this.#onFailure.push(async () => quota.addRoster(entry.owner, -bytes));
    this.#rosterGoes(entry, file);
    this.putFile(entry, { ...file, ...roster });
  }

  /** A place whose bytes are synced in a part, which gets its final name with the round. */
  keepNew(entry: HostedEntry, row: PlaceRecord, place: Place, leafHashes: readonly Uint8Array[]): void {
    const shard = toHex(row.shardId);
    this.#published.push({ shard, isReplacing: this.edit.shard(row.shardId) !== undefined });
    const isFilled = this.edit.place(entry.file.fileId, place) !== undefined;
    this.edit.putPlace(entry.file.fileId, row, leafHashes);
    this.#keep(entry, row, place, isFilled);
  }

  /** A place that shares the bytes of another; false when they are gone. */
  keepShared(entry: HostedEntry, row: PlaceRecord, place: Place): boolean {
    const isFilled = this.edit.place(entry.file.fileId, place) !== undefined;
    if (!this.edit.sharePlace(entry.file.fileId, row)) return false;
    this.#keep(entry, row, place, isFilled);
    return true;
  }

  /** How many of the places had been filled. */
  dropPlaces(entry: HostedEntry, places: readonly Place[]): number {
    const { fileId } = entry.file;
    const dropped: Place[] = [];
    for (const place of places) {
      const row = this.edit.dropPlace(fileId, place);
      if (row === undefined) continue;
      dropped.push(place);
      this.#onDurable.push(() => {
        if (removePlace(entry, place)) this.#parts.quota.addPlaces(entry.owner, -1, -diskBytes(row.length));
      });
    }
    if (dropped.length === 0) return 0;
    const touched = this.#touch(entry);
    touched.placeCount -= dropped.length;
    for (const place of dropped) touched.added.delete(place);
    touched.records.push({ kind: 'dropped', places: dropped });
    return dropped.length;
  }

  /** Forgets the file with all its places, and says how many those were. */
  endFile(entry: HostedEntry): number {
    const touched = this.#touch(entry);
    const count = this.dropPlaces(entry, [...entry.places, ...touched.added]);
    this.#rosterGoes(entry, touched.file);
    touched.isEnded = true;
    touched.records.splice(0, touched.records.length, { kind: 'ended' });
    return count;
  }

  /** Runs in the turn in which the round is durable. */
  onDurable(work: () => void): void {
    this.#onDurable.push(work);
  }

  /** Runs when the round failed, before the next begins. */
  onFailure(work: () => Promise<void>): void {
    this.#onFailure.push(work);
  }

  /** Rejects with a DiskFault; then nothing of the round is in the ledger and what could be taken back was. */
  async execute(): Promise<void> {
    const appends = [...this.#touched.values()].map((touched) => ({ touched, bytes: encodeJournal(touched.records) }));
    for (const { touched, bytes } of appends) {
      const { entry, file, placeCount, isEnded } = touched;
      const row = isEnded ? undefined : { file, journalBytes: entry.journalBytes + bytes.length, placeCount };
      this.edit.putFile(file.fileId, row);
    }
    const outcomes = await Promise.allSettled([this.#publishAll(), this.#appendAll(appends)]);
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) return this.#takeBack(failure.reason);
    try {
      await this.#parts.index.write(this.edit.changes());
    } catch (error) {
      return this.#takeBack(error);
    }
    this.#parts.quota.addUsed(this.edit.usedDelta());
    for (const { touched, bytes } of appends) this.#settle(touched, bytes.length);
    for (const work of this.#onDurable) work();
    await this.#tidy();
  }

  #rosterGoes(entry: HostedEntry, { rosterId, rosterBytes }: FileRecord): void {
    if (rosterId === null) return;
    this.#rostersGone.push({ entry, rosterId });
    this.#onDurable.push(() => this.#parts.quota.addRoster(entry.owner, -rosterDiskBytes(rosterBytes)));
  }

  #touch(entry: HostedEntry): Touched {
    const known = this.#touched.get(entry);
    if (known !== undefined) return known;
    const touched: Touched = {
      entry,
      file: entry.file,
      added: new Set(),
      placeCount: entry.places.length,
      isEnded: false,
      records: [],
    };
    if (entry.journalBytes === 0) touched.records.push({ kind: 'file', file: entry.file });
    this.#touched.set(entry, touched);
    return touched;
  }

  #keep(entry: HostedEntry, row: PlaceRecord, place: Place, wasFilled: boolean): void {
    const touched = this.#touch(entry);
    if (!wasFilled) touched.placeCount++;
    touched.added.add(place);
    touched.records.push({ kind: 'kept', places: [row] });
    this.#onDurable.push(() => {
      if (addPlace(entry, place)) this.#parts.quota.addPlaces(entry.owner, 1, diskBytes(row.length));
    });
  }

  /** Names first, then their folders synced, each once. */
  async #publishAll(): Promise<void> {
    const { shards } = this.#parts;
    await allOf(this.#published.map(({ shard }) => shards.publish(shard)));
    const folders = new Set(this.#published.map(({ shard }) => shards.folderOf(shard)));
    await allOf([...folders].map((folder) => shards.syncFolder(folder)));
  }

  async #appendAll(appends: readonly { touched: Touched; bytes: Uint8Array }[]): Promise<void> {
    const { journals } = this.#parts;
    await allOf(appends.map(({ touched, bytes }) => journals.append(touched.entry.id, touched.entry.journalBytes, bytes)));
    if (appends.some(({ touched }) => touched.entry.journalBytes === 0)) await journals.syncNames();
  }

  #settle({ entry, file, isEnded }: Touched, appendedBytes: number): void {
    entry.file = file;
    const countedBytes = diskBytes(entry.journalBytes);
    entry.journalBytes += appendedBytes;
    this.#parts.quota.addJournal(entry.owner, (isEnded ? 0 : diskBytes(entry.journalBytes)) - countedBytes);
    if (isEnded) this.#parts.ledger.remove(entry);
  }

  async #takeBack(reason: unknown): Promise<never> {
    let fault = faultOf(reason);
    for (const undo of this.#onFailure) await undo().catch(() => undefined);
    // A shard that nobody answers for becomes a part again; one that replaced damaged bytes does no harm.
    for (const { shard, isReplacing } of this.#published) {
      if (!isReplacing) await this.#parts.shards.unpublish(shard).catch(() => undefined);
    }
    for (const { entry } of this.#touched.values()) {
      try {
        await this.#parts.journals.cutBack(entry.id, entry.journalBytes);
      } catch (error) {
        fault = new DiskFault(error, true);
      }
    }
    throw fault;
  }

  /** What is left to clean up is no part of the promise: a crash or a fault here is made good when the store opens again. */
  async #tidy(): Promise<void> {
    const { shards, journals, rosters, log, onFault } = this.#parts;
    try {
      const emptied = this.edit.emptied();
      for (let at = 0; at < emptied.length; at += PLACES_PER_TURN) {
        await allOf(emptied.slice(at, at + PLACES_PER_TURN).map((shard) => shards.remove(shard)));
      }
      for (const { entry, rosterId } of this.#rostersGone) await rosters.remove(entry.id, rosterId);
      for (const { entry, isEnded } of this.#touched.values()) {
        if (isEnded) await journals.remove(entry.id);
        else await this.#compact(entry);
      }
    } catch (error) {
      log.warn('bat.store.tidy-failed', { error });
      onFault(faultOf(error));
    }
  }

  async #compact(entry: HostedEntry): Promise<void> {
    const liveBytes = LIVE_FILE_BYTES + entry.places.length * LIVE_ROW_BYTES;
    if (entry.journalBytes < DISK_BLOCK_BYTES || entry.journalBytes < 3 * liveBytes) return;
    const { index, journals, quota } = this.#parts;
    const { file } = entry;
    const rows: PlaceRecord[] = [];
    for (const [count, place] of [...entry.places].entries()) {
      if (count > 0 && count % PLACES_PER_TURN === 0) await this.#parts.breathe();
      const row = index.place(file.fileId, place);
      if (row !== undefined) rows.push(row);
    }
    const bytes = compactJournal(file, rows);
    await journals.replace(entry.id, bytes);
    quota.addJournal(entry.owner, diskBytes(bytes.length) - diskBytes(entry.journalBytes));
    entry.journalBytes = bytes.length;
    const edit = new IndexEdit(index);
    edit.putFile(file.fileId, { file, journalBytes: bytes.length, placeCount: entry.places.length });
    await index.write(edit.changes());
  }
}

/** Waits for all, then rejects with the first failure: nothing goes on in the background. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(work);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
