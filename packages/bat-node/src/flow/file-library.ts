// driven: the owner's files: what `ls`, `info` and every REF work on; needs no daemon.
import { BatChainError, fromHex, type NodeId, nodeIdFromPublicKey, parseNodeId, toHex, type Verifier } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { type Manifest, manifestName, shardIdsOf, totalBytes } from '../manifest/manifest.ts';
import type { OwnedFile, OwnerStore } from '../storage/owner-store.ts';
import type { FileEntry, FileInfo } from './flow-types.ts';
import { ManifestCheck } from './manifest-check.ts';

/** A REF resolved: the manifest, where it lies, and what the home knows of the file (nothing for a stranger's manifest). */
export interface FoundFile {
  readonly manifest: Manifest;
  readonly path: string;
  readonly owned: OwnedFile | undefined;
}

const ID = /^[0-9a-f]{64}$/;
const ID_PREFIX = /^[0-9a-f]{1,64}$/;

export class FileLibrary {
  readonly #store: OwnerStore;
  readonly #check: ManifestCheck;

  constructor(store: OwnerStore, verifier: Verifier) {
    this.#store = store;
    this.#check = new ManifestCheck(store, verifier);
  }

  async list(): Promise<readonly FileEntry[]> {
    const files = await this.#store.list();
    const faults = await this.#check.faults(files);
    return files.map((file) => {
      const manifestFault = faults.get(file.id);
      return {
        fileId: fromHex(file.id) as FileId,
        name: file.name,
        bytes: file.bytes,
        policy: file.policy,
        health: manifestFault === undefined ? file.health : 'unknown',
        shardsHealthy: file.shardsHealthy,
        shardsTotal: file.policy.n,
        addedAtMs: file.addedAtMs,
        checkedAtMs: file.checkedAtMs ?? undefined,
        manifestPath: file.manifestPath,
        ...(manifestFault === undefined ? {} : { manifestFault }),
      };
    });
  }

  /**
   * A manifest path, a unique id prefix or a name. Throws BAT_E_REF_NOT_FOUND, BAT_E_REF_AMBIGUOUS (with the
   * candidates), and BAT_E_MANIFEST_* or BAT_E_FILE_UNREADABLE for a manifest that is not in order.
   */
  async find(ref: string): Promise<FoundFile> {
    const owned = await this.#findByWord(ref);
    if (owned !== undefined) return { manifest: await this.#check.openOf(owned), path: owned.manifestPath, owned };
    const manifest = await this.#openAt(ref);
    return { manifest, path: ref, owned: await this.#store.get(toHex(manifest.roster.fileId)) };
  }

  /** The manifest alone: a file comes back by its manifest, whatever became of our records. The same errors. */
  async manifest(ref: string): Promise<Manifest> {
    return isPath(ref) ? this.#openAt(ref) : (await this.find(ref)).manifest;
  }

  /** What the home knows of a file, whatever became of its manifest. */
  async findRecord(ref: string): Promise<OwnedFile | undefined> {
    return (await this.#findByWord(ref)) ?? this.#findByPath(ref);
  }

  async info(ref: string): Promise<FileInfo> {
    const { manifest, owned } = await this.find(ref);
    const { roster } = manifest;
    const hinted = manifest.hints.map((hint) => hint.nodeId);
    const leased = (owned?.leases ?? []).map((lease) => parseNodeId(lease.host)).filter((id): id is NodeId => id !== undefined);
    const hosts = new Map([...hinted, ...leased].map((id) => [toHex(id), id]));
    return {
      fileId: roster.fileId,
      name: manifestName(manifest),
      ownerId: nodeIdFromPublicKey(roster.ownerKey),
      bytes: totalBytes(manifest.secret.entries),
      policy: { k: roster.scheme.requiredShards, n: roster.scheme.totalShards },
      segments: roster.segments.map((segment, index) => ({ index, shardIds: shardIdsOf(segment) })),
      hosts: [...hosts.values()],
    };
  }

  async #openAt(path: string): Promise<Manifest> {
    try {
      return await this.#check.open(path);
    } catch (error) {
      // When it should be the manifest of a file of ours, the error names that file.
      const lost = await this.#findByPath(path).catch(() => undefined);
      if (lost !== undefined) await this.#check.openOf(lost);
      throw error;
    }
  }

  /** By id or name; undefined when none fits. */
  async #findByWord(ref: string): Promise<OwnedFile | undefined> {
    if (isPath(ref)) return undefined;
    const whole = ID.test(ref) ? await this.#store.get(ref) : undefined;
    if (whole !== undefined) return whole;
    const files = await this.#store.list();
    const byName = files.filter((file) => file.name === ref);
    const matches = byName.length > 0 ? byName : ID_PREFIX.test(ref) ? files.filter((file) => file.id.startsWith(ref)) : [];
    if (matches.length > 1) throw ambiguous(ref, matches);
    return matches[0];
  }

  async #findByPath(path: string): Promise<OwnedFile | undefined> {
    return (await this.#store.list()).find((file) => file.manifestPath === path);
  }
}

function isPath(ref: string): boolean {
  return ref.includes('/') || ref.endsWith('.batchain');
}

function ambiguous(ref: string, matches: readonly OwnedFile[]): BatChainError {
  const shown = matches.slice(0, 5).map((file) => `${file.id.slice(0, 12)} ${file.name}`);
  return new BatChainError('BAT_E_REF_AMBIGUOUS', {
    what: `${ref} fits ${matches.length} files`,
    why: shown.join(', ') + (matches.length > shown.length ? ', ...' : ''),
    details: { candidates: matches.map((file) => file.id) },
  });
}
