// driven: OwnerStore in memory, with the same rules: for simulation and unit tests.
import { BatChainError } from '@batchain/shared';
import { manifestExists } from './manifest-exists.ts';
import type { OwnedFile, OwnerStore, SaveManifestOptions } from './owner-store.ts';

export class MemoryOwnerStore implements OwnerStore {
  readonly #files = new Map<string, OwnedFile>();
  readonly #manifests = new Map<string, Uint8Array>();
  /** How often each path was written. */
  readonly #versions = new Map<string, number>();

  async open(): Promise<void> {
    // Nothing to open.
  }

  async ids(): Promise<readonly string[]> {
    return [...this.#files.keys()];
  }

  async list(): Promise<readonly OwnedFile[]> {
    return [...this.#files.values()];
  }

  async get(id: string): Promise<OwnedFile | undefined> {
    return this.#files.get(id);
  }

  async put(file: OwnedFile): Promise<void> {
    this.#files.set(file.id, file);
  }

  async update(id: string, change: (file: OwnedFile) => OwnedFile): Promise<OwnedFile | undefined> {
    const file = this.#files.get(id);
    if (file === undefined) return undefined;
    const changed = change(file);
    this.#files.set(id, changed);
    return changed;
  }

  async remove(id: string): Promise<void> {
    this.#files.delete(id);
  }

  async planManifest(_name: string, { path, isForced }: SaveManifestOptions = {}): Promise<string | undefined> {
    if (path !== undefined && this.#manifests.has(path) && isForced !== true) throw manifestExists(path);
    return path;
  }

  async saveManifest(name: string, bytes: Uint8Array, options: SaveManifestOptions = {}): Promise<string> {
    let path = options.path ?? `/manifest/${name}.batchain`;
    if (options.path !== undefined && this.#manifests.has(path) && options.isForced !== true) {
      throw manifestExists(path);
    }
    for (let copy = 2; options.path === undefined && this.#manifests.has(path); copy++) path = `/manifest/${name}-${copy}.batchain`;
    this.#manifests.set(path, bytes);
    this.#versions.set(path, (this.#versions.get(path) ?? 0) + 1);
    return path;
  }

  async manifestVersion(path: string): Promise<string | undefined> {
    return this.#manifests.has(path) ? String(this.#versions.get(path)) : undefined;
  }

  async readManifest(path: string): Promise<Uint8Array> {
    const bytes = this.#manifests.get(path);
    if (bytes === undefined) throw new BatChainError('BAT_E_REF_NOT_FOUND', { what: `no file of yours and no manifest: ${path}` });
    return bytes;
  }

  async removeManifest(path: string): Promise<void> {
    this.#manifests.delete(path);
  }
}
