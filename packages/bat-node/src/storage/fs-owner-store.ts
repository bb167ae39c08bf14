// driven: OwnerStore on disk: one small JSON file per file of ours, and the manifests beside them.
import { dirname, join } from 'node:path';
import { BatChainError, parseGuardedJson, type Random, utf8Bytes } from '@batchain/shared';
import { MANIFEST_BYTES_MAX } from '../limits.ts';
import { atomicWriteFile, isTemporaryName, readWhole, removeIfThere } from './atomic-write.ts';
import { diskWords } from './disk-words.ts';
import { temporaryName } from './file-names.ts';
import { errnoOf, type FileSystem, isMissing } from './file-system.ts';
import { FsManifestStore } from './fs-manifest-store.ts';
import { manifestExists } from './manifest-exists.ts';
import { manifestFileName } from './manifest-store.ts';
import type { OwnedFile, OwnerStore, SaveManifestOptions } from './owner-store.ts';

/** One record: 256 hosts with a place in each of 4,096 segments. */
const RECORD_BYTES_MAX: number = 8 * 1024 * 1024;
const RECORD_LIMITS = { bytesMax: RECORD_BYTES_MAX, depthMax: 4, valuesMax: 4096 } as const;
const RECORD_NAME = /^([0-9a-f]{64})\.json$/;
/** However many files there are: a process has a thousand descriptors or so for everything. */
const READ_AT_ONCE_MAX = 16;

export interface OwnerStorePaths {
  /** Where manifests go. */
  readonly manifests: string;
  /** Where the records of our files go. */
  readonly records: string;
}

export class FsOwnerStore implements OwnerStore {
  readonly #fs: FileSystem;
  readonly #names: Random;
  readonly #paths: OwnerStorePaths;
  readonly #manifests: FsManifestStore;
  #lastWrite: Promise<unknown> = Promise.resolve();

  constructor(fs: FileSystem, names: Random, paths: OwnerStorePaths) {
    this.#fs = fs;
    this.#names = names;
    this.#paths = paths;
    this.#manifests = new FsManifestStore(fs, names, paths.manifests);
  }

  async open(): Promise<void> {
    await this.#fs.makeFolder(this.#paths.manifests);
    await this.#fs.makeFolder(this.#paths.records);
    await this.#removeLeftovers();
  }

  /** Records and manifests that a killed process left half written: who has the home is the only one that writes there. */
  async #removeLeftovers(): Promise<void> {
    for (const folder of [this.#paths.records, this.#paths.manifests]) {
      for (const name of await this.#fs.list(folder)) if (isTemporaryName(name)) await removeIfThere(this.#fs, join(folder, name));
    }
  }

  async ids(): Promise<readonly string[]> {
    const { records } = this.#paths;
    const names = await this.#fs.list(records).catch((error: unknown): readonly string[] => {
      if (isMissing(error)) return [];
      throw unreadable(records, diskWords(error), error);
    });
    return names.flatMap((name) => RECORD_NAME.exec(name)?.[1] ?? []).sort();
  }

  /** Oldest first. */
  async list(): Promise<readonly OwnedFile[]> {
    const ids = [...(await this.ids())];
    const files: OwnedFile[] = [];
    const readNext = async (): Promise<void> => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
        const file = await this.get(id);
        if (file !== undefined) files.push(file);
      }
    };
    await Promise.all(Array.from({ length: READ_AT_ONCE_MAX }, readNext));
    return files.sort((a, b) => a.addedAtMs - b.addedAtMs || (a.id < b.id ? -1 : 1));
  }

  async get(id: string): Promise<OwnedFile | undefined> {
    const path = this.#recordPath(id);
    let bytes: Awaited<ReturnType<typeof readWhole>>;
    try {
      bytes = await readWhole(this.#fs, path, RECORD_BYTES_MAX);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw unreadable(path, diskWords(error), error);
    }
    const json = bytes.ok ? parseGuardedJson(bytes.value, RECORD_LIMITS) : bytes;
    if (json.ok && isRecordOf(json.value, id)) return json.value as unknown as OwnedFile;
    throw new BatChainError('BAT_E_HOME_UNUSABLE', {
      what: `${path} is damaged: what is known of that file can not be read`,
      why: json.ok ? 'it is no record of a file' : (json.detail ?? json.reason),
      fix: `rm '${path}' takes the file off your list; its manifest still restores it`,
    });
  }

  put(file: OwnedFile): Promise<void> {
    return this.#inTurn(() => this.#putNow(file));
  }

  update(id: string, change: (file: OwnedFile) => OwnedFile): Promise<OwnedFile | undefined> {
    return this.#inTurn(async () => {
      const file = await this.get(id);
      if (file === undefined) return undefined;
      const changed = change(file);
      await this.#putNow(changed);
      return changed;
    });
  }

  remove(id: string): Promise<void> {
    return this.#inTurn(() => removeIfThere(this.#fs, this.#recordPath(id)));
  }

  async #putNow(file: OwnedFile): Promise<void> {
    await this.#write(this.#recordPath(file.id), utf8Bytes(JSON.stringify(file)), 'replace');
  }

  /** Writes of records go one after the other, so that no change is lost and nothing that was removed comes back. */
  #inTurn<T>(write: () => Promise<T>): Promise<T> {
    const turn = this.#lastWrite.then(write);
    this.#lastWrite = turn.catch(() => undefined);
    return turn;
  }

  async planManifest(name: string, { path, isForced }: SaveManifestOptions = {}): Promise<string | undefined> {
    if (path === undefined) {
      await this.#probe(this.#paths.manifests, (folder) => this.#fs.makeFolder(folder));
      return undefined;
    }
    // A folder takes it under its own name.
    const target = /[/\\]$/.test(path) || (await this.#isFolder(path)) ? join(path, manifestFileName(name, 1)) : path;
    const folder = dirname(target);
    if (!(await this.#isFolder(folder)))
      throw new BatChainError('BAT_E_TARGET_UNWRITABLE', {
        what: `can not write ${target}`,
        why: `there is no folder ${folder}`,
        fix: `mkdir -p '${folder}', or choose another path with --manifest`,
      });
    if (isForced !== true && (await this.#isThere(target))) throw manifestExists(target);
    await this.#probe(folder);
    return target;
  }

  async #isThere(path: string): Promise<boolean> {
    try {
      await this.#fs.stat(path);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw unwritable(path, error);
    }
  }

  #isFolder(path: string): Promise<boolean> {
    return this.#fs.list(path).then(
      () => true,
      (error: unknown) => !['ENOENT', 'ENOTDIR'].includes(errnoOf(error)),
    );
  }

  /** Throws when no file can be made in the folder. */
  async #probe(folder: string, prepare = async (_folder: string): Promise<void> => undefined): Promise<void> {
    const path = join(folder, temporaryName(this.#names));
    try {
      await prepare(folder);
      await (await this.#fs.open(path, 'create')).close();
      await removeIfThere(this.#fs, path);
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  async saveManifest(name: string, bytes: Uint8Array, options: SaveManifestOptions = {}): Promise<string> {
    if (options.path !== undefined) {
      const isWritten = await this.#write(options.path, bytes, options.isForced === true ? 'replace' : 'refuse');
      if (!isWritten) throw manifestExists(options.path);
      return options.path;
    }
    return this.#manifests.save(name, bytes);
  }

  async manifestVersion(path: string): Promise<string | undefined> {
    try {
      const { bytes, modifiedMs } = await this.#fs.stat(path);
      return `${bytes}/${modifiedMs}`;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw unreadableManifest(path, error);
    }
  }

  async readManifest(path: string): Promise<Uint8Array> {
    try {
      const bytes = await readWhole(this.#fs, path, MANIFEST_BYTES_MAX);
      if (bytes.ok) return bytes.value;
      throw new BatChainError('BAT_E_MANIFEST_MALFORMED', {
        what: `${path} is no manifest that can be used`,
        why: bytes.detail ?? bytes.reason,
      });
    } catch (error) {
      if (error instanceof BatChainError) throw error;
      if (!isMissing(error)) throw unreadableManifest(path, error);
      const what = `no file of yours and no manifest: ${path}`;
      throw new BatChainError('BAT_E_REF_NOT_FOUND', { what, why: 'nothing is at that path', cause: error });
    }
  }

  async removeManifest(path: string): Promise<void> {
    await removeIfThere(this.#fs, path);
  }

  #recordPath(id: string): string {
    return join(this.#paths.records, `${id}.json`);
  }

  async #write(path: string, bytes: Uint8Array, existing: 'replace' | 'refuse'): Promise<boolean> {
    try {
      return (await atomicWriteFile(this.#fs, this.#names, path, bytes, { existing })).ok;
    } catch (error) {
      throw unwritable(path, error);
    }
  }
}

function isRecordOf(json: unknown, id: string): boolean {
  return typeof json === 'object' && json !== null && 'id' in json && json.id === id && 'leases' in json && Array.isArray(json.leases);
}

function unwritable(path: string, error: unknown): BatChainError {
  return new BatChainError('BAT_E_TARGET_UNWRITABLE', { what: `can not write ${path}`, why: diskWords(error), cause: error });
}

function unreadableManifest(path: string, error: unknown): BatChainError {
  return new BatChainError('BAT_E_FILE_UNREADABLE', { what: `can not read ${path}`, why: diskWords(error), cause: error });
}

function unreadable(path: string, why: string, cause: unknown): BatChainError {
  return new BatChainError('BAT_E_HOME_UNUSABLE', { what: `can not read ${path}`, why, cause });
}
