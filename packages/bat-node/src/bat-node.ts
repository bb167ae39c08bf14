// driven: BatNode: keeps shards for others, and uploads, downloads, audits and releases files of its owner.
import { BatChainError, type Crypto, type Runtime, type Signer, toBatChainError, toHex } from '@batchain/shared';
import type { BatNodeApi, FileRef } from './bat-node-api.ts';
import { ContainedKeeper } from './flow/contained-keeper.ts';
import { downloadFile, downloadStream } from './flow/download-file.ts';
import { auditFile } from './flow/file-audit.ts';
import { FileLibrary } from './flow/file-library.ts';
import type { FlowDeps } from './flow/flow-deps.ts';
import type {
  AuditOptions,
  DownloadOptions,
  DownloadResult,
  FileAudit,
  FileEntry,
  FileInfo,
  FlowOptions,
  ReleaseResult,
  StreamOptions,
  UploadOptions,
  UploadResult,
} from './flow/flow-types.ts';
import { HostKeeper } from './flow/host-keeper.ts';
import type { PeerTools } from './flow/host-peer.ts';
import { PlacingKeeper } from './flow/placing-keeper.ts';
import { findReleaseTarget, releaseFile } from './flow/release.ts';
import { Renewer } from './flow/renewer.ts';
import { createAbort, joinSignals } from './flow/signals.ts';
import { Upload } from './flow/upload.ts';
import type { FileId, ShardId } from './ids.ts';
import { OWNER_TIMES } from './limits.ts';
import { decodeCapability, encodeCapability } from './manifest/capability-codec.ts';
import type { Manifest } from './manifest/manifest.ts';
import type { Connector, Locator, ShardStore, StoreUsage } from './ports.ts';
import type { OwnerStore } from './storage/owner-store.ts';
import { partPath } from './storage/part-file.ts';
import { UploadJournal } from './storage/upload-journal.ts';
import type { StagePool } from './workers/stage-pool.ts';

export interface BatNodeParts {
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly locator: Locator;
  readonly connector: Connector;
  readonly ownerStore: OwnerStore;
  readonly shardStore: ShardStore;
  readonly stagePool: StagePool;
  /** Keeps an own copy of a shard (`--keep-shards`). */
  readonly keepOwnShard: (shardId: ShardId, bytes: Uint8Array) => Promise<void>;
}

export interface BatNodeConfig {
  /** Folder of upload journals. */
  readonly journalFolder: string;
  /** How fast the owner's daemon does what it does by itself; `normal` by default. */
  readonly profile?: keyof typeof OWNER_TIMES;
}

export class BatNode implements BatNodeApi {
  readonly library: FileLibrary;
  readonly #parts: BatNodeParts;
  readonly #deps: FlowDeps;
  readonly #tools: PeerTools;
  readonly #renewer: Renewer;
  readonly #keeper: HostKeeper;
  readonly #placing: PlacingKeeper;
  readonly #contained: ContainedKeeper;
  readonly #abort = createAbort();
  readonly #running = new Set<Promise<unknown>>();
  /** Source paths being uploaded right now: each journal has one writer. */
  readonly #uploading = new Set<string>();
  /** Part files that downloads write right now. */
  readonly #downloading = new Set<string>();

  constructor(runtime: Runtime, parts: BatNodeParts, config: BatNodeConfig) {
    const { signer, crypto, locator, connector, ownerStore, stagePool, keepOwnShard } = parts;
    this.#parts = parts;
    const times = OWNER_TIMES[config.profile ?? 'normal'];
    const { journalFolder } = config;
    const holdsFile = (fileId: FileId): boolean => parts.shardStore.file(fileId) !== undefined;
    this.#deps = { runtime, signer, crypto, locator, connector, ownerStore, stagePool, keepOwnShard, holdsFile, times, journalFolder };
    this.#tools = { connector, clientOptions: { signer, verifier: crypto.verifier } };
    this.library = new FileLibrary(ownerStore, crypto.verifier);
    this.#renewer = new Renewer(this.#deps, this.#tools);
    this.#placing = new PlacingKeeper(this.#deps, this.#tools, (fileId) => this.audit(fileId));
    this.#contained = new ContainedKeeper(this.#deps, this.#tools, this.library);
    this.#keeper = new HostKeeper(runtime, parts.shardStore, locator);
  }

  async start(): Promise<void> {
    await this.#parts.ownerStore.open();
    await this.#parts.shardStore.open();
    await UploadJournal.removeOnce(this.#deps.journalFolder);
    this.#keeper.start();
    this.#renewer.start();
    this.#placing.start();
    this.#contained.start();
  }

  /** Cancels the work under way, waits for it to end, and closes the stores. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#placing.stop();
    await this.#contained.stop();
    await this.#renewer.stop();
    await this.#keeper.stop();
    await Promise.allSettled(this.#running);
    await this.#parts.stagePool.close();
    await this.#parts.shardStore.close();
  }

  /** The shard server calls this when a shard of the file has become durable here (BN-02, BN-21). */
  shardHeld(fileId: FileId): void {
    this.#keeper.shardHeld(fileId);
  }

  async upload(path: string, options: UploadOptions = {}): Promise<UploadResult> {
    // A second upload of the same file at the same time is a file of its own, with a journal of its own.
    const isOnce = options.isOnce === true || this.#uploading.has(path);
    if (!isOnce) this.#uploading.add(path);
    try {
      const result = await this.#track(Upload.run(this.#deps, this.#tools, { path, isOnce }, this.#withStop(options)));
      if (result.placed < result.policy.n) this.#placing.wake();
      return result;
    } finally {
      if (!isOnce) this.#uploading.delete(path);
    }
  }

  async download(ref: FileRef, targetPath: string, options: DownloadOptions = {}): Promise<DownloadResult> {
    const manifest = await this.library.manifest(ref);
    // Two writers of one part file would cut off and overwrite one another's bytes.
    const part = partPath(targetPath, toHex(manifest.roster.fileId));
    if (this.#downloading.has(part)) {
      throw new BatChainError('BAT_E_TARGET_EXISTS', {
        what: `${targetPath} is being downloaded already`,
        why: 'another download writes it',
      });
    }
    this.#downloading.add(part);
    try {
      return await this.#track(downloadFile(this.#deps, this.#tools, manifest, targetPath, this.#withStop(options)));
    } finally {
      this.#downloading.delete(part);
    }
  }

  async *downloadStream(ref: FileRef | Uint8Array, options: StreamOptions = {}): AsyncGenerator<Uint8Array, DownloadResult> {
    const manifest = typeof ref === 'string' ? await this.library.manifest(ref) : this.#openCapability(ref);
    try {
      return yield* downloadStream(this.#deps, this.#tools, manifest, this.#withStop(options));
    } catch (error) {
      throw toBatChainError(error);
    }
  }

  async capability(ref: FileRef): Promise<Uint8Array> {
    const encoded = encodeCapability(await this.library.manifest(ref));
    if (encoded.ok) return encoded.value;
    throw new BatChainError('BAT_E_FILE_TOO_LARGE', { what: `${ref} has no compact capability`, why: encoded.detail ?? encoded.reason });
  }

  #openCapability(bytes: Uint8Array): Manifest {
    const decoded = decodeCapability(this.#parts.crypto.verifier, bytes);
    if (decoded.ok) return decoded.value;
    throw new BatChainError(decoded.reason, { what: 'the capability can not be used', why: decoded.detail ?? decoded.reason });
  }

  async audit(ref: FileRef, options: AuditOptions = {}): Promise<FileAudit> {
    const found = await this.library.find(ref);
    const audit = await this.#track(auditFile(this.#deps, this.#tools, found, this.#withStop(options)));
    if (audit.rows.some(({ outcome }) => outcome === 'contained')) this.#contained.wake();
    return audit;
  }

  list(): Promise<readonly FileEntry[]> {
    return this.library.list();
  }

  info(ref: FileRef): Promise<FileInfo> {
    return this.library.info(ref);
  }

  async release(ref: FileRef, options: FlowOptions = {}): Promise<ReleaseResult> {
    const target = await findReleaseTarget(this.library, ref);
    const release = () => releaseFile(this.#deps, this.#tools, target, this.#withStop(options));
    return this.#track(this.#placing.without(toHex(target.fileId), release));
  }

  usage(): StoreUsage {
    return this.#parts.shardStore.usage();
  }

  /** Renews the leases that are due now; the daemon does so by itself. */
  renewLeases(): Promise<number> {
    return this.#track(this.#renewer.renewDue());
  }

  /** The caller's signal, joined with the end of this node. */
  #withStop<T extends FlowOptions>(options: T): T & { readonly signal: AbortSignal } {
    return { ...options, signal: joinSignals(options.signal, this.#abort.signal) };
  }

  /** Waited for at the end of this node; what it rejects with is a BatChainError. */
  async #track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } catch (error) {
      throw toBatChainError(error);
    } finally {
      this.#running.delete(work);
    }
  }
}
