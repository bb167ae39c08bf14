// driven: OwnerStore on disk: one small JSON file per file of ours, and the manifests beside them.
import { join } from 'node:path';
import { BatChainError, parseGuardedJson, type Random, utf8Bytes } from '@batchain/shared';
import { MANIFEST_BYTES_MAX } from '../limits.ts';
import { atomicWriteFile, isTemporaryName, readWhole, removeIfThere } from './atomic-write.ts';
import { diskWords } from './disk-words.ts';
import { errnoOf, type FileSystem, isMissing } from './file-system.ts';
import { FsManifestStore } from './fs-manifest-store.ts';
import type { OwnedFile, OwnerStore, SaveManifestOptions } from './owner-store.ts';

/** One record: 256 hosts with a place in each of 4,096 segments. */
const RECORD_BYTES_MAX: number = 8 * 1024 * 1024;
const RECORD_LIMITS = { bytesMax: RECORD_BYTES_MAX, depthMax: 4, valuesMax: 4096 } as const;
const RECORD_NAME = /^([0-9a-f]{64})\.json$/;

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

  /** Oldest first. A record that can not be read is passed over: its manifest is still there. */
  async list(): Promise<readonly OwnedFile[]> {
    const names = await this.#fs.list(this.#paths.records).catch((): readonly string[] => []);
    const files = await Promise.all(names.map((name) => this.get(RECORD_NAME.exec(name)?.[1] ?? '')));
    return files.filter((file) => file !== undefined).sort((a, b) => a.addedAtMs - b.addedAtMs);
  }

  async get(id: string): Promise<OwnedFile | undefined> {
    if (id === '') return undefined;
    try {
      const bytes = await readWhole(this.#fs, this.#recordPath(id), RECORD_BYTES_MAX);
      const json = bytes.ok ? parseGuardedJson(bytes.value, RECORD_LIMITS) : bytes;
      return json.ok ? (json.value as unknown as OwnedFile) : undefined;
    } catch (error) {
      if (errnoOf(error) === '') throw error;
      return undefined;
    }
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

  async saveManifest(name: string, bytes: Uint8Array, options: SaveManifestOptions = {}): Promise<string> {
    if (options.path !== undefined) {
      const isWritten = await this.#write(options.path, bytes, options.isForced === true ? 'replace' : 'refuse');
      if (!isWritten) throw new BatChainError('BAT_E_TARGET_EXISTS', { what: `${options.path} is there already` });
      return options.path;
    }
    return this.#manifests.save(name, bytes);
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
      throw new BatChainError('BAT_E_REF_NOT_FOUND', {
        what: `no file of yours and no manifest: ${path}`,
        why: isMissing(error) ? 'nothing is at that path' : diskWords(error),
        cause: error,
      });
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
      throw new BatChainError('BAT_E_TARGET_UNWRITABLE', { what: `can not write ${path}`, why: diskWords(error), cause: error });
    }
  }
}
