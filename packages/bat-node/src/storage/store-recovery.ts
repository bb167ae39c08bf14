// driven: brings index, journals and shard files of a store into step when it opens; what was acknowledged is kept.
import { equalBytes, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { COMMIT_BATCH_MAX } from '../limits.ts';
import { diskBytes } from './disk-blocks.ts';
import { compactJournal, type JournalState } from './file-journal.ts';
import { type FileRecord, type Place, type PlaceRecord, placeOf } from './hosted-records.ts';
import { IndexEdit } from './index-edit.ts';
import type { FileRow, StoreIndex } from './store-index.ts';
import type { StoreParts } from './store-transaction.ts';

/** What the index says of one file. */
export interface IndexedFile {
  readonly fileId: FileId;
  row: FileRow | undefined;
  readonly places: Place[];
  /** Of the disk. */
  placeBytes: number;
  /** Places that the rows of shards name. */
  sharedCount: number;
}

export interface IndexView {
  /** By file id, hex. */
  readonly files: ReadonlyMap<string, IndexedFile>;
  /** What distinct shards take of the disk. */
  readonly usedBytes: number;
}

/** A file as it should be after recovery. */
interface Target {
  readonly file: FileRecord;
  readonly places: ReadonlyMap<Place, PlaceRecord>;
}

const unpaced = async (): Promise<void> => undefined;

/** Reads all rows but the leaf hashes. Rejects when the table is broken. */
export async function readIndex(index: StoreIndex): Promise<IndexView> {
  const files = new Map<string, IndexedFile>();
  let usedBytes = 0;
  const of = (fileId: FileId): IndexedFile => {
    const id = toHex(fileId);
    const known = files.get(id) ?? { fileId, row: undefined, places: [], placeBytes: 0, sharedCount: 0 };
    files.set(id, known);
    return known;
  };
  for await (const found of index.rows()) {
    if (found.kind === 'file') of(found.row.file.fileId).row = found.row;
    else if (found.kind === 'place') {
      const file = of(found.fileId);
      file.places.push(placeOf(found.row));
      file.placeBytes += diskBytes(found.row.length);
    } else {
      usedBytes += diskBytes(found.row.length);
      for (const [fileId] of found.row.sharers) of(fileId).sharedCount++;
    }
  }
  return { files, usedBytes };
}

/** False when rows are missing: rounds are written whole, so the table lost some. */
export function isIndexWhole({ files }: IndexView): boolean {
  const isWhole = ({ row, places, sharedCount }: IndexedFile): boolean =>
    sharedCount === places.length && (row?.placeCount ?? 0) === places.length;
  return [...files.values()].every(isWhole);
}

/**
 * Each file's journal is compared with the index by its length, one look per file; only where they differ (a crash
 * between journal and index, a lost index, a damaged journal) it is read, and bytes that the index does not know are
 * hashed before they count as held.
 */
export class StoreRecovery {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Makes index and journals agree. Returns how many files had to be mended. */
  async reconcile(view: IndexView): Promise<number> {
    const { journals, log } = this.#parts;
    const unknown = new Set(await journals.list());
    let mended = 0;
    for (const [id, known] of view.files) {
      const isInStep = unknown.delete(id) && (await journals.size(id)) === known.row?.journalBytes;
      if (isInStep) continue;
      await this.#mend(id, known);
      mended++;
    }
    for (const id of unknown) {
      await this.#mend(id, undefined);
      mended++;
    }
    if (mended > 0) log.warn('bat.store.mended', { files: mended });
    return mended;
  }

  /** Writes the journals that are missing from what the index has, before the index is given up. */
  async saveFromIndex(view: IndexView): Promise<void> {
    const { journals } = this.#parts;
    for (const [id, known] of view.files) {
      if (known.row === undefined || (await journals.size(id)) !== undefined) continue;
      await journals.replace(id, compactJournal(known.row.file, [...this.#indexedPlaces(known).values()]));
    }
  }

  async #mend(id: string, known: IndexedFile | undefined): Promise<void> {
    const { journals, log } = this.#parts;
    const hasJournal = (await journals.size(id)) !== undefined;
    const target = this.#target(known, hasJournal ? await journals.read(id) : undefined);
    if (target === undefined || toHex(target.file.fileId) !== id) {
      log.warn('bat.store.file-dropped', { file: id });
      if (known !== undefined) await this.#dropFile(known);
      if (hasJournal) await journals.remove(id);
      return;
    }
    const held = await this.#writePlaces(target);
    const kept = new Set(held.map(placeOf));
    await this.#dropPlaces(
      target.file.fileId,
      (known?.places ?? []).filter((place) => !kept.has(place)),
    );
    const bytes = compactJournal(target.file, held);
    await journals.replace(id, bytes);
    const row = { file: target.file, journalBytes: bytes.length, placeCount: held.length };
    await this.#write((edit) => edit.putFile(target.file.fileId, row));
  }

  #indexedPlaces({ fileId, places }: IndexedFile): Map<Place, PlaceRecord> {
    const rows = places.flatMap((place) => this.#parts.index.place(fileId, place) ?? []);
    return new Map(rows.map((row) => [placeOf(row), row]));
  }

  /** The journal is right unless it lost something; then both together are. */
  #target(known: IndexedFile | undefined, journal: JournalState | undefined): Target | undefined {
    const indexed = known === undefined ? new Map<Place, PlaceRecord>() : this.#indexedPlaces(known);
    const row = known?.row;
    if (journal?.file === undefined) return row && { file: row.file, places: new Map([...indexed, ...(journal?.places ?? [])]) };
    if (!journal.isDamaged) return { file: journal.file, places: journal.places };
    const isIndexNewer = row !== undefined && row.file.writtenAtMs > journal.file.writtenAtMs;
    return { file: isIndexNewer ? row.file : journal.file, places: new Map([...indexed, ...journal.places]) };
  }

  /** Puts the places into the index whose bytes are there, and returns those. */
  async #writePlaces({ file, places }: Target): Promise<PlaceRecord[]> {
    const rows = [...places.values()].sort((a, b) => placeOf(a) - placeOf(b));
    const held: PlaceRecord[] = [];
    for (let at = 0; at < rows.length; at += COMMIT_BATCH_MAX) {
      const edit = new IndexEdit(this.#parts.index);
      for (const row of rows.slice(at, at + COMMIT_BATCH_MAX)) if (await this.#writePlace(edit, file.fileId, row)) held.push(row);
      await this.#parts.index.write(edit.changes());
    }
    return held;
  }

  async #writePlace(edit: IndexEdit, fileId: FileId, row: PlaceRecord): Promise<boolean> {
    const { index, shards, log } = this.#parts;
    if (index.leafHashes(row.shardId) !== undefined && edit.sharePlace(fileId, row)) return true;
    const digest = await shards.digest(toHex(row.shardId), row.length, unpaced);
    const isSound = digest.ok && equalBytes(digest.value.id, row.shardId);
    if (!isSound) {
      const reason = digest.ok ? 'damaged' : digest.reason;
      log.warn('bat.store.shard-lost', { file: toHex(fileId), segment: row.segment, index: row.index, reason });
      if (reason === 'not-held') return false;
    }
    edit.putPlace(fileId, row, isSound ? digest.value.leafHashes : undefined);
    if (!isSound) edit.markDamaged(row.shardId);
    return true;
  }

  async #dropFile({ fileId, places }: IndexedFile): Promise<void> {
    await this.#dropPlaces(fileId, places);
    await this.#write((edit) => edit.putFile(fileId, undefined));
  }

  async #dropPlaces(fileId: FileId, places: readonly Place[]): Promise<void> {
    for (let at = 0; at < places.length; at += COMMIT_BATCH_MAX) {
      await this.#write((edit) => {
        for (const place of places.slice(at, at + COMMIT_BATCH_MAX)) edit.dropPlace(fileId, place);
      });
    }
  }

  async #write(work: (edit: IndexEdit) => void): Promise<void> {
    const edit = new IndexEdit(this.#parts.index);
    work(edit);
    await this.#parts.index.write(edit.changes());
  }
}
