// driven: the journals of the hosted files on disk: appended and synced, taken back, written anew.
import type { Random } from '@batchain/shared';
import { JOURNAL_BYTES_MAX } from '../limits.ts';
import { atomicWriteFile, isTemporaryName, readWhole, removeIfThere, writeAll } from './atomic-write.ts';
import { faultOf, synced } from './disk-fault.ts';
import { type JournalState, parseJournal } from './file-journal.ts';
import { errnoOf, type FileSystem, isMissing } from './file-system.ts';
import { isHexId, type StoreLayout } from './store-layout.ts';

/** Files are named by their ids in hex. */
export class JournalFiles {
  readonly #fs: FileSystem;
  readonly #names: Random;
  readonly #layout: StoreLayout;

  constructor(fs: FileSystem, names: Random, layout: StoreLayout) {
    this.#fs = fs;
    this.#names = names;
    this.#layout = layout;
  }

  /** Puts bytes behind the first `at` bytes, synced; a new journal's name is durable after `syncNames`. */
  async append(file: string, at: number, bytes: Uint8Array): Promise<void> {
    const path = this.#layout.journalPath(file);
    const open = await (at === 0 ? this.#openNew(path) : this.#fs.open(path, 'update'));
    try {
      await writeAll(open, bytes, at);
      await synced(open.datasync());
    } finally {
      await open.close();
    }
  }

  async syncNames(): Promise<void> {
    await synced(this.#fs.syncFolder(this.#layout.journalsPath));
  }

  /** Takes back what was appended behind the first `length` bytes. Whoever can not must stop writing. */
  async cutBack(file: string, length: number): Promise<void> {
    const path = this.#layout.journalPath(file);
    if (length === 0) return removeIfThere(this.#fs, path);
    const open = await this.#fs.open(path, 'update');
    try {
      await open.truncate(length);
      await synced(open.datasync());
    } finally {
      await open.close();
    }
  }

  /** Puts a whole journal in the place of the old one. */
  async replace(file: string, bytes: Uint8Array): Promise<void> {
    try {
      await atomicWriteFile(this.#fs, this.#names, this.#layout.journalPath(file), bytes, { existing: 'replace' });
    } catch (error) {
      throw faultOf(error);
    }
  }

  async remove(file: string): Promise<void> {
    await removeIfThere(this.#fs, this.#layout.journalPath(file));
  }

  /** Bytes of the journal; undefined when there is none. */
  async size(file: string): Promise<number | undefined> {
    try {
      return (await this.#fs.stat(this.#layout.journalPath(file))).bytes;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** What the journal says; undefined when it is absurdly long. */
  async read(file: string): Promise<JournalState | undefined> {
    const bytes = await readWhole(this.#fs, this.#layout.journalPath(file), JOURNAL_BYTES_MAX);
    return bytes.ok ? parseJournal(bytes.value) : undefined;
  }

  /** Ids of the files that have a journal; half-written ones are removed. */
  async list(): Promise<readonly string[]> {
    const names = await this.#fs.list(this.#layout.journalsPath);
    for (const name of names) if (isTemporaryName(name)) await this.#fs.remove(`${this.#layout.journalsPath}/${name}`);
    return names.filter(isHexId);
  }

  /** A journal of this name without a single acknowledged record may lie there; it is of no use. */
  async #openNew(path: string): Promise<Awaited<ReturnType<FileSystem['open']>>> {
    try {
      return await this.#fs.open(path, 'create');
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      await this.#fs.remove(path);
      return this.#fs.open(path, 'create');
    }
  }
}
