// driven: one upload: hosts found, segments placed, roster committed, manifest; goes on where an interrupted attempt stopped (BN-11 to BN-22).
import { basename } from 'node:path';
import { BatChainError, type ContactRecord } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { ManifestBuilder } from '../manifest/manifest-builder.ts';
import { segmentPlainBytes, shardLength } from '../pipeline/segment-layout.ts';
import { planCandidates } from '../placement/placement-plan.ts';
import { askedCount, happyCount } from '../placement/policy.ts';
import type { SaveManifestOptions } from '../storage/owner-store.ts';
import { SourceFile } from '../storage/source-file.ts';
import { UploadJournal } from '../storage/upload-journal.ts';
import type { FlowDeps } from './flow-deps.ts';
import { type HostRefusal, manifestUnwritten, notEnoughPeers } from './flow-errors.ts';
import type { UploadOptions, UploadResult } from './flow-types.ts';
import type { HostPeer, PeerTools } from './host-peer.ts';
import { HostRecruiter } from './host-recruiter.ts';
import { HostSlots } from './host-slots.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { saidOnce } from './said-once.ts';
import { SegmentPlacer } from './segment-placer.ts';
import { createAbort } from './signals.ts';
import { commitRoster } from './upload-commit.ts';
import { type FinishedUpload, finishUpload } from './upload-finish.ts';
import { chooseDefault, planUpload, type UploadPlan, withPolicy } from './upload-plan.ts';
import { UploadProgress } from './upload-progress.ts';
import { journalPeers, releaseAttempt, releaseUnsigned } from './upload-release.ts';
import { SourceDiffers, UploadSegments } from './upload-segments.ts';

/** Rounds of placing what hosts turn out not to hold when they are asked to commit. */
const FILL_ROUNDS = 2;

export interface UploadSource {
  /** Absolute. */
  readonly path: string;
  /** Nobody will repeat this very upload (the file is being uploaded already): what it stored is given back when it fails. */
  readonly isOnce: boolean;
}

/** What an upload works with once its hosts are known. */
interface UploadWork {
  readonly plan: UploadPlan;
  readonly hosts: readonly HostPeer[];
  /** In the order in which they are asked. */
  readonly candidates: readonly ContactRecord[];
  /** Of an earlier attempt. */
  readonly known: readonly HostPeer[];
  readonly manifest: SaveManifestOptions;
}

export class Upload {
  readonly #deps: FlowDeps;
  readonly #tools: PeerTools;
  readonly #source: SourceFile;
  readonly #options: UploadOptions;
  readonly #onNote: (note: string) => void;
  readonly #isOnce: boolean;
  readonly #journal: UploadJournal;
  readonly #recruiter: HostRecruiter;
  readonly #abort = createAbort();
  /** All hosts that were given something, by id. */
  readonly #peers = new Map<string, HostPeer>();
  #finding: Promise<boolean> | undefined;
  #givingBack: Promise<void> | undefined;

  private constructor(
    deps: FlowDeps,
    tools: PeerTools,
    source: SourceFile,
    journal: UploadJournal,
    options: UploadOptions & { readonly isOnce: boolean },
  ) {
    this.#isOnce = options.isOnce;
    this.#deps = deps;
    this.#tools = tools;
    this.#source = source;
    this.#options = options;
    this.#onNote = saidOnce(options.onNote);
    this.#journal = journal;
    this.#recruiter = new HostRecruiter(deps.runtime, deps.locator, tools);
  }

  /** Uploads the file at an absolute path. Rejects with a BatChainError; what was stored then lapses or is resumed. */
  static async run(deps: FlowDeps, tools: PeerTools, from: UploadSource, options: UploadOptions): Promise<UploadResult> {
    const startedMs = deps.runtime.clock.monotonicMs();
    const source = await SourceFile.open(from.path);
    const { journalFolder, runtime } = deps;
    const journal = from.isOnce ? UploadJournal.once(journalFolder, runtime.random) : new UploadJournal(journalFolder, from.path);
    const upload = new Upload(deps, tools, source, journal, { ...options, isOnce: from.isOnce });
    const onAbort = (): void => upload.#abort.abort(options.signal?.reason);
    if (options.signal?.aborted === true) onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await upload.#run(startedMs);
    } catch (error) {
      const isOver = error instanceof SourceDiffers;
      if (isOver || from.isOnce) await upload.#giveBack();
      if (!isOver) throw error;
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      upload.#abort.abort();
      await upload.#givingBack;
      await journal.close();
      await source.close();
    }
    return Upload.run(deps, tools, from, { ...options, isFresh: true });
  }

  /** What this attempt stored, as its journal tells. */
  async #giveBack(): Promise<void> {
    const state = await this.#journal.load();
    if (state !== undefined) await releaseAttempt(this.#deps, this.#tools, state);
    await this.#journal.remove();
  }

  async #run(startedMs: number): Promise<UploadResult> {
    const { runtime, signer } = this.#deps;
    const { plan, stale, candidates, manifest } = await this.#plan();
    const work = { ...(await this.#recruit(plan, candidates)), manifest };
    this.#assertEnough(work, work.hosts.length);
    await this.#journal.open(work.plan.start, work.plan.earlier !== undefined);
    // What an attempt that is not continued has stored: given back beside the work, its leases end anyway.
    if (stale !== undefined) this.#givingBack = releaseAttempt(this.#deps, this.#tools, stale, this.#abort.signal);
    for (const peer of work.hosts) await this.#addPeer(peer);

    const { fileId, accessKey, policy, start } = work.plan;
    const progress = new UploadProgress(runtime.clock, work.plan, this.#options.onProgress);
    const slots = new HostSlots(work.hosts, policy.n);
    const file = { fileId, ownerKey: signer.publicKey, fileNonce: start.fileNonce, accessKey };
    const placer = new SegmentPlacer(runtime, file, slots, {
      onNote: this.#onNote,
      onSent: (host, bytes, counted) => progress.sent(host, bytes, counted),
      onStored: () => progress.stored(),
      findMore: () => this.#findMore(work, slots),
    });
    const keepsShards = this.#options.keepsShards === true;
    const assertEnough = (placed: number): void => this.#assertEnough(work, placed);
    const parts = { plan: work.plan, source: this.#source, journal: this.#journal, placer, progress, keepsShards, assertEnough };
    const segments = new UploadSegments(this.#deps, parts, this.#abort);
    const keeper = new LeaseKeeper(runtime, fileId, () => this.#peers.values(), this.#abort.signal);
    try {
      const sha256 = await segments.placeAll();
      await this.#source.assertUnchanged();
      await placer.settled();
      progress.finishing();
      const result = await this.#finish(work, segments, placer, sha256);
      return { ...result, durationMs: Math.round(runtime.clock.monotonicMs() - startedMs), resumedBytes: progress.resumedBytes };
    } finally {
      keeper.stop();
    }
  }

  #plan(): ReturnType<typeof planUpload> {
    const { runtime, signer, crypto, ownerStore } = this.#deps;
    const findCandidates = (fileId: FileId) => this.#recruiter.candidates(fileId, this.#abort.signal);
    const tools = { runtime, ownerKey: signer.publicKey, journal: this.#journal, verifier: crypto.verifier, ownerStore, findCandidates };
    return planUpload(tools, this.#source, this.#options.name ?? basename(this.#source.path), this.#options);
  }

  /** The plan with hosts that have room for it; a default policy is for the hosts that answered. */
  async #recruit(first: UploadPlan, found: readonly ContactRecord[]): Promise<Omit<UploadWork, 'manifest'>> {
    const isPolicyGiven = this.#options.policy !== undefined || first.earlier !== undefined;
    const known = first.earlier === undefined ? [] : journalPeers(this.#deps, this.#tools, first.earlier);
    const knownRecords = known.flatMap(({ record }) => record ?? []);
    for (let plan = first; ; ) {
      const candidates = planCandidates([...knownRecords, ...found], plan.policy);
      const count = Math.max(askedCount(plan.policy), known.length);
      const needBytes = bytesPerHost(plan);
      const hosts = await this.#recruiter.recruit({
        known,
        candidates,
        count,
        enough: plan.policy.n,
        needBytes,
        signal: this.#abort.signal,
      });
      if (isPolicyGiven || hosts.length >= plan.policy.n) return { plan, hosts, candidates, known };
      // Some are away or full. A smaller policy may need more room at each host, so those that are left are asked again.
      const refusals = this.#recruiter.refusals(needBytes, this.#peers);
      const policy = chooseDefault(plan.start.name, hosts.length, refusals);
      for (const { key, reason } of refusals)
        this.#onNote(`${key.slice(0, 8)} ${reason}, so any ${policy.k} of ${policy.n} are to restore the file`);
      plan = withPolicy(plan, policy, this.#source, this.#options);
    }
  }

  /** Candidates that were not asked so far, when those that were do not suffice (BN-13). */
  #findMore({ plan, candidates, known }: UploadWork, slots: HostSlots<HostPeer>): Promise<boolean> {
    const find = async (): Promise<boolean> => {
      const count = Math.max(1, askedCount(plan.policy) - plan.policy.n);
      const request = {
        known,
        candidates,
        count,
        enough: 1,
        needBytes: bytesPerHost(plan),
        except: this.#peers,
        signal: this.#abort.signal,
      };
      const hosts = await this.#recruiter.recruit(request);
      for (const peer of hosts) {
        await this.#addPeer(peer);
        slots.add(peer);
      }
      return hosts.length > 0;
    };
    this.#finding ??= find().finally(() => {
      this.#finding = undefined;
    });
    return this.#finding;
  }

  async #addPeer(peer: HostPeer): Promise<void> {
    this.#peers.set(peer.key, peer);
    await this.#journal.addHost({ nodeId: peer.nodeId, leaseId: peer.leaseId, record: peer.record?.bytes ?? new Uint8Array(0) });
  }

  #assertEnough({ plan }: UploadWork, found: number): void {
    if (found >= happyCount(plan.policy)) return;
    throw notEnoughPeers(plan.start.name, found, plan.policy, this.#refusals(plan));
  }

  #refusals(plan: UploadPlan): HostRefusal[] {
    return this.#recruiter.refusals(bytesPerHost(plan), this.#peers);
  }

  /** Commits the roster at every host, places again what is missing, and writes the manifest. */
  async #finish(
    work: UploadWork,
    segments: UploadSegments,
    placer: SegmentPlacer,
    sha256: Uint8Array,
  ): Promise<Omit<UploadResult, 'durationMs' | 'resumedBytes'>> {
    const { plan } = work;
    const { fileNonce, fileKey, accessSeed, segmentSizeBytes } = plan.start;
    const builder = new ManifestBuilder(this.#deps.signer, {
      keys: { fileNonce, fileKey, accessSeed },
      scheme: { requiredShards: plan.policy.k, totalShards: plan.policy.n },
      segmentSizeBytes,
    });
    segments.all.forEach((segment, index) => {
      builder.addSegment(index, segment);
    });
    const signed = builder.signRoster();
    const commit = () => commitRoster(this.#deps.runtime, this.#peers, segments.all, signed, this.#abort.signal);
    let committed = await commit();
    for (let round = 0; round < FILL_ROUNDS && committed.worst < plan.policy.n; round++) {
      if (!(await segments.fillGaps(committed.held))) break;
      await placer.settled();
      committed = await commit();
    }
    this.#assertEnough(work, committed.worst);
    // From here on a manifest may exist: what it names is not to be given back.
    await this.#journal.markFinishing();
    const done = { plan, builder, signed, committed, sha256, manifest: work.manifest };
    const result = await this.#write(done);
    await this.#journal.remove();
    const signers = new Set(committed.hosts.filter(({ shards }) => shards.length > 0).map(({ peer }) => peer.key));
    const unsigned = [...this.#peers.values()].filter(({ key }) => !signers.has(key));
    await releaseUnsigned(this.#deps.runtime, plan.fileId, unsigned, this.#abort.signal);
    return result;
  }

  /** When manifest and record can not be written after all, the upload can be gone on with, or given back. */
  async #write(done: FinishedUpload): ReturnType<typeof finishUpload> {
    try {
      return await finishUpload(this.#deps, this.#source, done);
    } catch (error) {
      await this.#journal.markUnfinished().catch(() => undefined);
      throw error instanceof BatChainError ? manifestUnwritten(error, this.#isOnce) : error;
    }
  }
}

/** Shards of one host, when it gets one of every segment. */
function bytesPerHost({ start, policy, segmentCount }: UploadPlan): number {
  const { bytes, segmentSizeBytes } = start;
  const last = segmentPlainBytes(bytes, segmentSizeBytes, segmentCount - 1);
  return shardLength(segmentSizeBytes, policy.k) * (segmentCount - 1) + shardLength(last, policy.k);
}
