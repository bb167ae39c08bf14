// driven: one upload: cut, seal, code, place, commit, manifest; goes on where an interrupted attempt stopped (BN-11 to BN-22).
import { createHash, type Hash } from 'node:crypto';
import { basename } from 'node:path';
import { equalBytes, openContactRecord, plainBytes, toHex } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import { makeFileId } from '../manifest/manifest.ts';
import { drawSalt, ManifestBuilder } from '../manifest/manifest-builder.ts';
import { segmentPlainBytes, shardLength } from '../pipeline/segment-layout.ts';
import { planCandidates } from '../placement/placement-plan.ts';
import { askedCount, happyCount } from '../placement/policy.ts';
import { SourceFile } from '../storage/source-file.ts';
import { type JournalSalt, type JournalSegment, UploadJournal } from '../storage/upload-journal.ts';
import { segmentBufferBytes } from '../workers/segment-stages.ts';
import type { SegmentBuffer } from '../workers/stage-pool.ts';
import type { FlowDeps } from './flow-deps.ts';
import { notEnoughPeers } from './flow-errors.ts';
import type { UploadOptions, UploadResult } from './flow-types.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';
import { HostRecruiter, type RecruitReport } from './host-recruiter.ts';
import { HostSlots } from './host-slots.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { SegmentPlacer } from './segment-placer.ts';
import { commitRoster } from './upload-commit.ts';
import { finishUpload } from './upload-finish.ts';
import { chooseDefault, planUpload, type UploadPlan } from './upload-plan.ts';
import { UploadProgress } from './upload-progress.ts';

/** Read, hashed and given to the cipher in pieces: one turn of the event loop hashes one of them in 0.7 ms. */
const READ_BYTES: number = 1024 * 1024;
/** Rounds of placing what hosts turn out not to hold when they are asked to commit. */
const FILL_ROUNDS = 2;
const RELEASE_TIMEOUT_MS = 10_000;

/** A segment as it stands: enough for the roster and for placing it again. */
export interface UploadedSegment {
  readonly salt: Uint8Array;
  readonly shardLength: number;
  readonly shardIds: readonly ShardId[];
  /** Host per shard index, hex. */
  readonly hosts: (string | undefined)[];
}

/** The file is no longer the one of the interrupted attempt: it becomes a file of its own. */
class SourceDiffers extends Error {}

interface PreparedUpload {
  readonly plan: UploadPlan;
  readonly report: RecruitReport;
}

export interface UploadSource {
  /** Absolute. */
  readonly path: string;
  /** Names the journal; the path, unless that file is being uploaded already. */
  readonly journalName: string;
}

export class Upload {
  readonly #deps: FlowDeps;
  readonly #tools: PeerTools;
  readonly #source: SourceFile;
  readonly #options: UploadOptions;
  readonly #journal: UploadJournal;
  readonly #abort = new AbortController();
  readonly #peers = new Map<string, HostPeer>();
  readonly #segments: UploadedSegment[] = [];

  private constructor(deps: FlowDeps, tools: PeerTools, source: SourceFile, journalName: string, options: UploadOptions) {
    this.#deps = deps;
    this.#tools = tools;
    this.#source = source;
    this.#options = options;
    this.#journal = new UploadJournal(deps.journalFolder, journalName);
  }

  /** Uploads the file at an absolute path. Rejects with a BatChainError; what was stored then lapses or is resumed. */
  static async run(deps: FlowDeps, tools: PeerTools, from: UploadSource, options: UploadOptions): Promise<UploadResult> {
    const startedMs = deps.runtime.clock.monotonicMs();
    const source = await SourceFile.open(from.path);
    const upload = new Upload(deps, tools, source, from.journalName, options);
    const onAbort = (): void => upload.#abort.abort(options.signal?.reason);
    if (options.signal?.aborted === true) onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await upload.#run(startedMs);
    } catch (error) {
      if (!(error instanceof SourceDiffers)) throw error;
      await upload.#releaseAll();
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      upload.#abort.abort();
      await upload.#journal.close();
      await source.close();
    }
    return Upload.run(deps, tools, from, { ...options, isFresh: true });
  }

  /** Gives back what an attempt stored that will never be finished; leases that can not be given back lapse by themselves. */
  async #releaseAll(): Promise<void> {
    const state = await this.#journal.load();
    if (state === undefined) return;
    const signal = this.#deps.runtime.clock.timeoutSignal(RELEASE_TIMEOUT_MS);
    const fileId = makeFileId(this.#deps.signer.publicKey, state.start.fileNonce);
    await Promise.all(
      [...this.#peers.values()].map(async (peer) => {
        const client = await peer.client(signal);
        if (client.ok) await client.value.release(fileId, null, { signal });
      }),
    );
  }

  async #run(startedMs: number): Promise<UploadResult> {
    const { runtime, signer, locator } = this.#deps;
    const recruiter = new HostRecruiter(runtime, locator, this.#tools);
    const name = this.#options.name ?? basename(this.#source.path);
    const { plan, report } = await this.#prepare(recruiter, name);
    this.#assertEnough(plan, report.hosts.length, report);
    await this.#journal.open(plan.start, plan.earlier !== undefined);
    for (const peer of report.hosts) await this.#addPeer(peer);

    const progress = new UploadProgress(plan, this.#options.onProgress);
    const slots = new HostSlots(report.hosts, plan.policy.n);
    const file = { fileId: plan.fileId, ownerKey: signer.publicKey, fileNonce: plan.start.fileNonce, accessKey: plan.accessKey };
    const onNote = (note: string): void => this.#options.onNote?.(note);
    const placer = new SegmentPlacer(runtime, file, slots, { onNote, onStored: (host, bytes) => progress.stored(host, bytes) });
    const keeper = new LeaseKeeper(runtime, plan.fileId, () => this.#peers.values(), this.#abort.signal);
    const hash = createHash('sha256');
    try {
      await this.#placeAll(plan, placer, progress, hash, report);
      await this.#source.assertUnchanged();
      return await this.#finish(plan, placer, progress, plainBytes(hash.digest()), startedMs, report);
    } finally {
      keeper.stop();
    }
  }

  /** The plan, and hosts with room for it. */
  async #prepare(recruiter: HostRecruiter, name: string): Promise<PreparedUpload> {
    const first = await this.#planAndRecruit(recruiter, name, this.#options);
    const isPolicyGiven = this.#options.policy !== undefined || first.plan.earlier !== undefined;
    const usable = first.report.hosts.length;
    if (isPolicyGiven || usable >= first.plan.policy.n) return first;
    // The default counted hosts that turn out to be away or full: the policy is for those that answered.
    const policy = chooseDefault(name, usable, first.report.refusals);
    return this.#planAndRecruit(recruiter, name, { ...this.#options, policy });
  }

  async #planAndRecruit(recruiter: HostRecruiter, name: string, options: UploadOptions): Promise<PreparedUpload> {
    const { runtime, signer } = this.#deps;
    const { signal } = this.#abort;
    const findCandidates = (fileId: FileId) => recruiter.candidates(fileId, signal);
    const tools = { runtime, ownerKey: signer.publicKey, journal: this.#journal, findCandidates };
    const { plan, candidates } = await planUpload(tools, this.#source, name, options);
    const count = askedCount(plan.policy);
    const known = this.#earlierPeers(plan);
    const wanted = { count, needBytes: this.#bytesPerHost(plan), signal, known };
    return { plan, report: await recruiter.recruit(planCandidates(candidates, plan.policy), wanted) };
  }

  /** Shards of one host, when it gets one of every segment. */
  #bytesPerHost(plan: UploadPlan): number {
    const { bytes, segmentSizeBytes } = plan.start;
    const last = segmentPlainBytes(bytes, segmentSizeBytes, plan.segmentCount - 1);
    return shardLength(segmentSizeBytes, plan.policy.k) * (plan.segmentCount - 1) + shardLength(last, plan.policy.k);
  }

  #earlierPeers(plan: UploadPlan): HostPeer[] {
    const { runtime, crypto } = this.#deps;
    return (plan.earlier?.hosts ?? []).flatMap((host) => {
      const record = openContactRecord(crypto.verifier, host.record);
      if (!record.ok) return [];
      return new HostPeer(runtime, this.#tools, { nodeId: record.value.nodeId, record: record.value }, host.leaseId);
    });
  }

  async #addPeer(peer: HostPeer): Promise<void> {
    this.#peers.set(peer.key, peer);
    await this.#journal.addHost({ nodeId: peer.nodeId, leaseId: peer.leaseId, record: peer.record?.bytes ?? new Uint8Array(0) });
  }

  #assertEnough(plan: UploadPlan, found: number, report: RecruitReport): void {
    if (found < happyCount(plan.policy)) throw notEnoughPeers(plan.start.name, found, plan.policy, report.refusals);
  }

  /** Reads segment after segment; as many are coded and placed at once as the buffers allow. */
  async #placeAll(plan: UploadPlan, placer: SegmentPlacer, progress: UploadProgress, hash: Hash, report: RecruitReport): Promise<void> {
    const tasks = new Set<Promise<void>>();
    let failure: unknown;
    const fail = (error: unknown): void => {
      failure ??= error;
      this.#abort.abort(error);
    };
    try {
      for (let segment = 0; segment < plan.segmentCount && failure === undefined; segment++) {
        const buffer = await this.#acquire(plan, segment);
        const prefix = await this.#read(plan, segment, buffer, hash);
        const before = plan.earlier?.salts.get(segment);
        if (before !== undefined && !equalBytes(before.prefixSha256, prefix)) {
          this.#deps.stagePool.release(buffer);
          throw new SourceDiffers();
        }
        const earlier = plan.earlier?.segments.get(segment);
        if (earlier !== undefined) {
          this.#segments[segment] = this.#fromJournal(plan, segment, earlier);
          progress.resumed(segment);
          this.#deps.stagePool.release(buffer);
          continue;
        }
        const salt = before?.salt ?? drawSalt(this.#deps.runtime.entropy);
        if (before === undefined) await this.#journal.addSalt({ segment, salt, prefixSha256: prefix });
        const task = this.#placeSegment(plan, { segment, salt, prefixSha256: prefix }, buffer, placer, report)
          .catch(fail)
          .finally(() => tasks.delete(task));
        tasks.add(task);
      }
    } catch (error) {
      fail(error);
    }
    await Promise.all(tasks);
    if (failure !== undefined) throw failure;
  }

  #acquire(plan: UploadPlan, segment: number): Promise<SegmentBuffer> {
    const plain = segmentPlainBytes(plan.start.bytes, plan.start.segmentSizeBytes, segment);
    return this.#deps.stagePool.acquire(segmentBufferBytes(plain, plan.policy.k, plan.policy.n), this.#abort.signal);
  }

  /** Fills the buffer's front with the segment's plain bytes; SHA-256 of the file up to its end. Gives the buffer back on failure. */
  async #read(plan: UploadPlan, segment: number, buffer: SegmentBuffer, hash: Hash | undefined): Promise<Uint8Array> {
    const { bytes, segmentSizeBytes } = plan.start;
    const length = segmentPlainBytes(bytes, segmentSizeBytes, segment);
    try {
      for (let at = 0; at < length; at += READ_BYTES) {
        this.#abort.signal.throwIfAborted();
        const part = buffer.bytes.subarray(at, Math.min(at + READ_BYTES, length));
        await this.#source.read(part, segment * segmentSizeBytes + at);
        hash?.update(part);
      }
      return hash === undefined ? new Uint8Array(0) : plainBytes(hash.copy().digest());
    } catch (error) {
      this.#deps.stagePool.release(buffer);
      throw error;
    }
  }

  #fromJournal(plan: UploadPlan, segment: number, earlier: JournalSegment): UploadedSegment {
    const plain = segmentPlainBytes(plan.start.bytes, plan.start.segmentSizeBytes, segment);
    return {
      salt: earlier.salt,
      shardLength: shardLength(plain, plan.policy.k),
      shardIds: earlier.shardIds as readonly ShardId[],
      hosts: earlier.hosts.map((host) => (host === undefined ? undefined : toHex(host))),
    };
  }

  async #placeSegment(
    plan: UploadPlan,
    { segment, salt, prefixSha256 }: JournalSalt,
    buffer: SegmentBuffer,
    placer: SegmentPlacer,
    report: RecruitReport,
  ): Promise<void> {
    const { stagePool } = this.#deps;
    const plainLength = segmentPlainBytes(plan.start.bytes, plan.start.segmentSizeBytes, segment);
    try {
      const shards = await stagePool.sealAndEncode(buffer, {
        fileKey: plan.start.fileKey,
        salt,
        plainBytes: plainLength,
        policy: plan.policy,
      });
      const toPlace = shards.map((shard) => ({ ...shard, shardId: shard.id }));
      if (this.#options.keepsShards === true) for (const shard of shards) await this.#deps.keepOwnShard(shard.id, shard.bytes);
      const hosts = await placer.place(segment, toPlace, [], this.#abort.signal);
      const placed = hosts.filter((host) => host !== undefined).length;
      this.#assertEnough(plan, placed, report);
      const shardIds = shards.map((shard) => shard.id);
      this.#segments[segment] = { salt, shardLength: shards[0]?.length ?? 0, shardIds, hosts: hosts.map((host) => host?.key) };
      await this.#journal.addSegment({ segment, salt, prefixSha256, shardIds, hosts: hosts.map((host) => host?.nodeId) });
    } finally {
      stagePool.release(buffer);
    }
  }

  /** Commits the roster at every host, places again what is missing, and writes the manifest. */
  async #finish(
    plan: UploadPlan,
    placer: SegmentPlacer,
    progress: UploadProgress,
    sha256: Uint8Array,
    startedMs: number,
    report: RecruitReport,
  ): Promise<UploadResult> {
    const { signer, runtime } = this.#deps;
    const { fileNonce, fileKey, accessSeed, segmentSizeBytes } = plan.start;
    const builder = new ManifestBuilder(signer, {
      keys: { fileNonce, fileKey, accessSeed },
      scheme: { requiredShards: plan.policy.k, totalShards: plan.policy.n },
      segmentSizeBytes,
    });
    this.#segments.forEach((segment, index) => {
      builder.addSegment(index, segment);
    });
    const signed = builder.signRoster();
    progress.finishing();
    let committed = await commitRoster(runtime, this.#peers.values(), signed, this.#abort.signal);
    for (let round = 0; round < FILL_ROUNDS && committed.worst() < plan.policy.n; round++) {
      if (!(await this.#fillGaps(plan, placer, committed.holders))) break;
      committed = await commitRoster(runtime, this.#peers.values(), signed, this.#abort.signal);
    }
    const placed = committed.worst();
    this.#assertEnough(plan, placed, report);
    const result = await finishUpload(this.#deps, this.#source, this.#options, { plan, builder, signed, committed, sha256, placed });
    await this.#journal.remove();
    return {
      ...result,
      durationMs: Math.round(runtime.clock.monotonicMs() - startedMs),
      resumedBytes: progress.resumedBytes,
    };
  }

  /** Stores the shards that nobody committed at hosts that have none of their segment; false when there was nothing to try. */
  async #fillGaps(
    plan: UploadPlan,
    placer: SegmentPlacer,
    holders: (segment: number, index: number) => readonly string[],
  ): Promise<boolean> {
    let isAny = false;
    for (const [segment, state] of this.#segments.entries()) {
      const missing = state.shardIds.flatMap((_, index) => (holders(segment, index).length === 0 ? [index] : []));
      if (missing.length === 0) continue;
      const taken = state.shardIds.flatMap((_, index) => holders(segment, index));
      if (![...this.#peers.values()].some((peer) => peer.isUsable && !taken.includes(peer.key))) continue;
      isAny = true;
      const buffer = await this.#acquire(plan, segment);
      try {
        await this.#read(plan, segment, buffer, undefined);
        const plainLength = segmentPlainBytes(plan.start.bytes, plan.start.segmentSizeBytes, segment);
        const job = { fileKey: plan.start.fileKey, salt: state.salt, plainBytes: plainLength, policy: plan.policy };
        const shards = await this.#deps.stagePool.sealAndEncode(buffer, job);
        const toPlace = shards.filter((shard) => missing.includes(shard.index)).map((shard) => ({ ...shard, shardId: shard.id }));
        await placer.place(segment, toPlace, taken, this.#abort.signal);
      } finally {
        this.#deps.stagePool.release(buffer);
      }
    }
    return isAny;
  }
}
