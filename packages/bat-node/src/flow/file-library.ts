// driven: the owner's files: what `ls`, `info` and every REF work on; needs no daemon.
import { BatChainError, fromHex, type NodeId, nodeIdFromPublicKey, parseNodeId, toHex, type Verifier } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { type Manifest, manifestName, shardIdsOf, totalBytes } from '../manifest/manifest.ts';
import { parseManifest } from '../manifest/manifest-codec.ts';
import type { OwnedFile, OwnerStore } from '../storage/owner-store.ts';
import type { FileEntry, FileInfo } from './flow-types.ts';

/** A REF resolved: the manifest, where it lies, and what the home knows of the file (nothing for a stranger's manifest). */
export interface FoundFile {
  readonly manifest: Manifest;
  readonly path: string;
  readonly owned: OwnedFile | undefined;
}

const ID_PREFIX = /^[0-9a-f]{4,64}$/;

export class FileLibrary {
  readonly #store: OwnerStore;
  readonly #verifier: Verifier;

  constructor(store: OwnerStore, verifier: Verifier) {
    this.#store = store;
    this.#verifier = verifier;
  }

  async list(): Promise<readonly FileEntry[]> {
    const files = await this.#store.list();
    return files.map((file) => ({
      fileId: fromHex(file.id) as FileId,
      name: file.name,
      bytes: file.bytes,
      policy: file.policy,
      health: file.health,
      shardsHealthy: file.shardsHealthy,
      shardsTotal: file.policy.n,
      addedAtMs: file.addedAtMs,
      checkedAtMs: file.checkedAtMs ?? undefined,
      manifestPath: file.manifestPath,
    }));
  }

  /**
   * A manifest path, a unique id prefix (4 digits or more) or a name. Throws BAT_E_REF_NOT_FOUND, BAT_E_REF_AMBIGUOUS (with the
   * candidates), and BAT_E_MANIFEST_* for a manifest that is not in order.
   */
  async find(ref: string): Promise<FoundFile> {
    if (ref.includes('/') || ref.endsWith('.batchain')) return this.#fromPath(ref);
    const files = await this.#store.list();
    const byName = files.filter((file) => file.name === ref);
    const matches = byName.length > 0 ? byName : ID_PREFIX.test(ref) ? files.filter((file) => file.id.startsWith(ref)) : [];
    if (matches.length > 1) throw ambiguous(ref, matches);
    const [owned] = matches;
    if (owned === undefined) return this.#fromPath(ref);
    return { manifest: await this.#open(owned.manifestPath), path: owned.manifestPath, owned };
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

  async #fromPath(path: string): Promise<FoundFile> {
    const manifest = await this.#open(path);
    return { manifest, path, owned: await this.#store.get(toHex(manifest.roster.fileId)) };
  }

  async #open(path: string): Promise<Manifest> {
    const parsed = parseManifest(this.#verifier, await this.#store.readManifest(path));
    if (parsed.ok) return parsed.value;
    throw new BatChainError(parsed.reason, { what: `${path} is no manifest that can be used`, why: parsed.detail ?? parsed.reason });
  }
}

function ambiguous(ref: string, matches: readonly OwnedFile[]): BatChainError {
  const shown = matches.slice(0, 5).map((file) => `${file.id.slice(0, 12)} ${file.name}`);
  return new BatChainError('BAT_E_REF_AMBIGUOUS', {
    what: `${ref} fits ${matches.length} files`,
    why: shown.join(', ') + (matches.length > shown.length ? ', ...' : ''),
    details: { candidates: matches.map((file) => file.id) },
  });
}
