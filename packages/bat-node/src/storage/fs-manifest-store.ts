// driven: ManifestStore on disk: files of mode 0600 in a folder of mode 0700, written whole or not at all.
import { basename, join } from 'node:path';
import { BatChainError, hour, type Random } from '@batchain/shared';
import { MANIFEST_BYTES_MAX } from '../limits.ts';
import { atomicWriteFile, isTemporaryName, readWhole, removeIfThere } from './atomic-write.ts';
import { diskWords } from './disk-words.ts';
import { type FileSystem, isMissing } from './file-system.ts';
import { MANIFEST_SUFFIX, type ManifestStore, manifestFileName, type StoredManifest } from './manifest-store.ts';

/** Manifests of one name; whoever has so many has a loop somewhere. */
const COPIES_MAX = 10_000;
/** Older than this no half-written file is still being written. */
const LEFTOVER_MS: number = 1 * hour;

export class FsManifestStore implements ManifestStore {
  readonly #fs: FileSystem;
  readonly #names: Random;
  readonly #folder: string;

  /** `folder` is made when the first manifest is saved; `names` draws temporary names. */
  constructor(fs: FileSystem, names: Random, folder: string) {
    this.#fs = fs;
    this.#names = names;
    this.#folder = folder;
  }

  async save(name: string, bytes: Uint8Array): Promise<string> {
    const taken = await this.#prepareFolder();
    for (let copy = 1; copy <= COPIES_MAX; copy++) {
      const fileName = manifestFileName(name, copy);
      const path = join(this.#folder, fileName);
      // The list only spares attempts; the write itself never replaces what came since.
      if (taken.has(fileName) || !(await this.#write(path, bytes, 'refuse'))) continue;
      await this.#sweep(path, taken);
      return path;
    }
    throw new BatChainError('BAT_E_TARGET_EXISTS', { what: `${COPIES_MAX} manifests of the name ${name} are there already` });
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    await this.#write(path, bytes, 'replace');
  }

  async list(): Promise<readonly StoredManifest[]> {
    const manifests: StoredManifest[] = [];
    for (const fileName of await this.#namesInFolder()) {
      if (!fileName.endsWith(MANIFEST_SUFFIX) || isTemporaryName(fileName)) continue;
      const path = join(this.#folder, fileName);
      const stat = await this.#fs.stat(path).catch(() => undefined);
      if (stat !== undefined) manifests.push({ name: basename(fileName, MANIFEST_SUFFIX), path, ...stat });
    }
    return manifests.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async read(path: string): Promise<Uint8Array> {
    try {
      const bytes = await readWhole(this.#fs, path, MANIFEST_BYTES_MAX);
      if (bytes.ok) return bytes.value;
      throw new BatChainError('BAT_E_MANIFEST_MALFORMED', { what: `${path} is no manifest`, why: bytes.detail ?? bytes.reason });
    } catch (error) {
      if (error instanceof BatChainError) throw error;
      const why = isMissing(error) ? 'nothing is at that path' : diskWords(error);
      throw new BatChainError('BAT_E_REF_NOT_FOUND', { what: `no manifest can be read at ${path}`, why, cause: error });
    }
  }

  async remove(path: string): Promise<void> {
    await removeIfThere(this.#fs, path);
  }

  /** What a crash left half-written holds keys, so it goes with the next save. */
  async #sweep(newPath: string, present: Iterable<string>): Promise<void> {
    const { modifiedMs } = await this.#fs.stat(newPath);
    for (const name of present) {
      if (!isTemporaryName(name)) continue;
      const path = join(this.#folder, name);
      const left = await this.#fs.stat(path).catch(() => undefined);
      if (left !== undefined && modifiedMs - left.modifiedMs > LEFTOVER_MS) await removeIfThere(this.#fs, path);
    }
  }

  async #prepareFolder(): Promise<ReadonlySet<string>> {
    try {
      await this.#fs.makeFolder(this.#folder);
      return new Set(await this.#fs.list(this.#folder));
    } catch (error) {
      throw unwritable(this.#folder, error);
    }
  }

  async #namesInFolder(): Promise<readonly string[]> {
    try {
      return await this.#fs.list(this.#folder);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  /** False when the name is taken. */
  async #write(path: string, bytes: Uint8Array, existing: 'replace' | 'refuse'): Promise<boolean> {
    try {
      return (await atomicWriteFile(this.#fs, this.#names, path, bytes, { existing })).ok;
    } catch (error) {
      throw unwritable(path, error);
    }
  }
}

function unwritable(path: string, error: unknown): BatChainError {
  return new BatChainError('BAT_E_TARGET_UNWRITABLE', { what: `can not write ${path}`, why: diskWords(error), cause: error });
}
