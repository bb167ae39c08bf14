// driven: whether the manifests of our files are still there and good; each is read again only when its file has changed.
import { BatChainError, toHex, type Verifier } from '@batchain/shared';
import type { Manifest } from '../manifest/manifest.ts';
import { parseManifest } from '../manifest/manifest-codec.ts';
import type { OwnedFile, OwnerStore } from '../storage/owner-store.ts';

/** Beside the daemon's other descriptors. */
const READ_AT_ONCE_MAX = 16;

/** Where the file names what it is, so that a caller may look up its record. */
export interface ManifestFaultDetails {
  readonly fileId: string;
}

export class ManifestCheck {
  readonly #store: OwnerStore;
  readonly #verifier: Verifier;
  /** By file id: what was found, and in which version of the manifest file. */
  readonly #known = new Map<string, { readonly version: string; readonly fault: BatChainError | undefined }>();

  constructor(store: OwnerStore, verifier: Verifier) {
    this.#store = store;
    this.#verifier = verifier;
  }

  /** The manifest at a path. Throws BAT_E_REF_NOT_FOUND, BAT_E_FILE_UNREADABLE, BAT_E_MANIFEST_*. */
  async open(path: string): Promise<Manifest> {
    const parsed = parseManifest(this.#verifier, await this.#store.readManifest(path));
    if (parsed.ok) return parsed.value;
    throw new BatChainError(parsed.reason, { what: `${path} is no manifest that can be used`, why: parsed.detail ?? parsed.reason });
  }

  /** The manifest of a file of ours. The same errors, in the words of the file. */
  async openOf(file: OwnedFile): Promise<Manifest> {
    let manifest: Manifest;
    try {
      manifest = await this.open(file.manifestPath);
    } catch (error) {
      throw error instanceof BatChainError ? faultOf(file, error) : error;
    }
    if (toHex(manifest.roster.fileId) === file.id) return manifest;
    throw faultOf(file, new BatChainError('BAT_E_MANIFEST_MALFORMED', { what: '', why: 'it is the manifest of another file' }));
  }

  /** What is wrong with the manifests of these files, by id. */
  async faults(files: readonly OwnedFile[]): Promise<ReadonlyMap<string, BatChainError>> {
    const faults = new Map<string, BatChainError>();
    const queue = [...files];
    const next = async (): Promise<void> => {
      for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
        const fault = await this.#faultOf(file);
        if (fault !== undefined) faults.set(file.id, fault);
      }
    };
    await Promise.all(Array.from({ length: READ_AT_ONCE_MAX }, next));
    const ids = new Set(files.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    return faults;
  }

  async #faultOf(file: OwnedFile): Promise<BatChainError | undefined> {
    try {
      const version = await this.#store.manifestVersion(file.manifestPath);
      const known = this.#known.get(file.id);
      if (version !== undefined && known?.version === version) return known.fault;
      const fault = await this.openOf(file).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (fault !== undefined && !(fault instanceof BatChainError)) throw fault;
      if (version !== undefined) this.#known.set(file.id, { version, fault });
      return fault;
    } catch (error) {
      if (error instanceof BatChainError) return faultOf(file, error);
      throw error;
    }
  }
}

function faultOf({ id, name, manifestPath }: OwnedFile, { code, why, cause }: BatChainError): BatChainError {
  const state = code === 'BAT_E_REF_NOT_FOUND' ? 'gone' : code === 'BAT_E_FILE_UNREADABLE' ? 'not readable' : 'damaged';
  return new BatChainError(code, {
    what: `the manifest of ${name} is ${state}`,
    why: state === 'gone' ? `nothing is at ${manifestPath}` : `${manifestPath}: ${why}`,
    fix:
      state === 'not readable'
        ? `make ${manifestPath} readable`
        : `put a copy back at ${manifestPath}, or give the file up: batchain rm ${id.slice(0, 8)}`,
    details: { fileId: id } satisfies ManifestFaultDetails,
    cause,
  });
}
