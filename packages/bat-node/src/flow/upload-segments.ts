// driven: the segments of one upload: read, hashed, sealed, coded and placed, as many at once as the buffers allow.
import { createHash, type Hash } from 'node:crypto';
import { BatChainError, equalBytes, fromHex, plainBytes, toHex } from '@batchain/shared';
import type { ShardId } from '../ids.ts';
import { drawSalt } from '../manifest/manifest-builder.ts';
import { segmentPlainBytes, shardLength } from '../pipeline/segment-layout.ts';
import type { SourceFile } from '../storage/source-file.ts';
import type { JournalSalt, JournalSegment, UploadJournal } from '../storage/upload-journal.ts';
import { segmentBufferBytes } from '../workers/segment-stages.ts';
import type { EncodedShard, SegmentBuffer } from '../workers/stage-pool.ts';
import type { FlowDeps } from './flow-deps.ts';
import type { HostPeer } from './host-peer.ts';
import type { SegmentPlacer } from './segment-placer.ts';
import type { UploadPlan } from './upload-plan.ts';
import type { UploadProgress } from './upload-progress.ts';

/** Read, hashed and given to the cipher in pieces: one turn of the event loop hashes one of them in 0.7 ms. */
const READ_BYTES: number = 1024 * 1024;
/** Beside the budget of buffers: many tiny segments at once would only wait for streams. */
const SEGMENTS_IN_FLIGHT_MAX = 16;

/** A segment as it stands: enough for the roster and for placing it again. */
export interface UploadedSegment extends JournalSalt {
  readonly shardLength: number;
  readonly shardIds: readonly ShardId[];
  /** Host per shard index, hex. */
  readonly hosts: readonly (string | undefined)[];
}

/** The file is no longer the one of the interrupted attempt: it becomes a file of its own. */
export class SourceDiffers extends Error {}

export interface UploadSegmentsParts {
  readonly plan: UploadPlan;
  readonly source: SourceFile;
  readonly journal: UploadJournal;
  readonly placer: SegmentPlacer;
  readonly progress: UploadProgress;
  readonly keepsShards: boolean;
  /** Throws when so few hosts are not enough for a segment. */
  readonly assertEnough: (placed: number) => void;
}

export class UploadSegments {
  readonly all: UploadedSegment[] = [];
  readonly #deps: FlowDeps;
  readonly #parts: UploadSegmentsParts;
  readonly #abort: AbortController;

  /** A segment that fails aborts with its reason. */
  constructor(deps: FlowDeps, parts: UploadSegmentsParts, abort: AbortController) {
    this.#deps = deps;
    this.#parts = parts;
    this.#abort = abort;
  }

  /** SHA-256 of the file. Throws SourceDiffers when an earlier attempt had read other bytes. */
  async placeAll(): Promise<Uint8Array> {
    const tasks = new Set<Promise<void>>();
    const hash = createHash('sha256');
    let failure: { readonly error: unknown } | undefined;
    const fail = (error: unknown): void => {
      failure ??= { error };
      this.#abort.abort(error);
    };
    try {
      for (let segment = 0; segment < this.#parts.plan.segmentCount && failure === undefined; segment++) {
        const task = await this.#begin(segment, hash);
        const tracked = task()
          .catch(fail)
          .finally(() => tasks.delete(tracked));
        tasks.add(tracked);
        if (tasks.size >= SEGMENTS_IN_FLIGHT_MAX) await Promise.race(tasks);
      }
    } catch (error) {
      fail(error);
    }
    await Promise.all(tasks);
    if (failure !== undefined) throw failure.error;
    return plainBytes(hash.digest());
  }

  /**
   * Stores the shards that nobody signed for at hosts that have none of their segment; false when none found a host. Throws
   * BAT_E_SOURCE_CHANGED when the bytes are other ones by now: nothing of those goes out.
   */
  async fillGaps(held: readonly ReadonlySet<number>[]): Promise<boolean> {
    const { placer, journal } = this.#parts;
    let isAny = false;
    for (const [segment, state] of this.all.entries()) {
      const isHeld = (index: number): boolean => held[segment]?.has(index) === true;
      const missing = state.shardIds.map((_, index) => index).filter((index) => !isHeld(index));
      if (missing.length === 0) continue;
      const kept = state.hosts.map((host, index) => (isHeld(index) ? host : undefined));
      const buffer = await this.#acquire(segment);
      try {
        await this.#read(segment, buffer);
        const shards = await this.#encode(segment, state.salt, buffer);
        if (!shards.every((shard, index) => equalBytes(shard.id, state.shardIds[index] as ShardId))) throw this.#changed();
        const toPlace = shards.filter(({ index }) => missing.includes(index)).map((shard) => ({ ...shard, shardId: shard.id }));
        const taken = kept.filter((host) => host !== undefined);
        const placed = await placer.place(segment, toPlace, taken, this.#abort.signal);
        toPlace.forEach(({ index }, i) => {
          kept[index] = placed[i]?.key;
        });
        isAny ||= placed.some((host) => host !== undefined);
        this.all[segment] = { ...state, hosts: kept };
        await journal.addSegment(toJournal(this.all[segment]));
      } finally {
        this.#deps.stagePool.release(buffer);
      }
    }
    return isAny;
  }

  /** Reads a segment; what remains to be done with it may run beside others. */
  async #begin(segment: number, hash: Hash): Promise<() => Promise<void>> {
    const { plan, progress } = this.#parts;
    const buffer = await this.#acquire(segment);
    try {
      await this.#read(segment, buffer, hash);
      const prefixSha256 = plainBytes(hash.copy().digest());
      const before = plan.earlier?.salts.get(segment);
      if (before !== undefined && !equalBytes(before.prefixSha256, prefixSha256)) throw new SourceDiffers();
      const earlier = plan.earlier?.segments.get(segment);
      if (earlier !== undefined) {
        this.all[segment] = this.#fromJournal(segment, earlier);
        progress.resumed(segment);
        this.#deps.stagePool.release(buffer);
        return async () => undefined;
      }
      const salt = before?.salt ?? drawSalt(this.#deps.runtime.entropy);
      return () => this.#place({ segment, salt, prefixSha256 }, before === undefined, buffer);
    } catch (error) {
      this.#deps.stagePool.release(buffer);
      throw error;
    }
  }

  async #place(drawn: JournalSalt, isNew: boolean, buffer: SegmentBuffer): Promise<void> {
    const { placer, journal, keepsShards, assertEnough } = this.#parts;
    const { segment, salt } = drawn;
    try {
      // Before anything goes out: whatever happens, these bytes are never sealed with another salt, nor others with this one.
      if (isNew) await journal.addSalt(drawn);
      const shards = await this.#encode(segment, salt, buffer);
      if (keepsShards) for (const shard of shards) await this.#deps.keepOwnShard(shard.id, shard.bytes);
      const toPlace = shards.map((shard) => ({ ...shard, shardId: shard.id }));
      const placed: (HostPeer | undefined)[] = await placer.place(segment, toPlace, [], this.#abort.signal);
      assertEnough(placed.filter((host) => host !== undefined).length);
      const state: UploadedSegment = {
        ...drawn,
        shardLength: shards[0]?.length ?? 0,
        shardIds: shards.map((shard) => shard.id),
        hosts: placed.map((host) => host?.key),
      };
      this.all[segment] = state;
      await journal.addSegment(toJournal(state));
    } finally {
      this.#deps.stagePool.release(buffer);
    }
  }

  #plainBytes(segment: number): number {
    const { bytes, segmentSizeBytes } = this.#parts.plan.start;
    return segmentPlainBytes(bytes, segmentSizeBytes, segment);
  }

  #acquire(segment: number): Promise<SegmentBuffer> {
    const { k, n } = this.#parts.plan.policy;
    return this.#deps.stagePool.acquire(segmentBufferBytes(this.#plainBytes(segment), k, n), { job: this, signal: this.#abort.signal });
  }

  /** Fills the buffer's front with the segment's plain bytes. */
  async #read(segment: number, buffer: SegmentBuffer, hash?: Hash): Promise<void> {
    const { plan, source } = this.#parts;
    const length = this.#plainBytes(segment);
    for (let at = 0; at < length; at += READ_BYTES) {
      this.#abort.signal.throwIfAborted();
      const part = buffer.bytes.subarray(at, Math.min(at + READ_BYTES, length));
      await source.read(part, segment * plan.start.segmentSizeBytes + at);
      hash?.update(part);
    }
  }

  #encode(segment: number, salt: Uint8Array, buffer: SegmentBuffer): Promise<readonly EncodedShard[]> {
    const { plan } = this.#parts;
    const job = { fileKey: plan.start.fileKey, salt, plainBytes: this.#plainBytes(segment), policy: plan.policy };
    return this.#deps.stagePool.sealAndEncode(buffer, job);
  }

  #fromJournal(segment: number, earlier: JournalSegment): UploadedSegment {
    return {
      ...earlier,
      shardLength: shardLength(this.#plainBytes(segment), this.#parts.plan.policy.k),
      shardIds: earlier.shardIds as readonly ShardId[],
      hosts: earlier.hosts.map((host) => (host === undefined ? undefined : toHex(host))),
    };
  }

  #changed(): BatChainError {
    const what = `${this.#parts.source.path} changed while it was being read`;
    return new BatChainError('BAT_E_SOURCE_CHANGED', { what, why: 'its bytes are not those that were stored' });
  }
}

function toJournal({ segment, salt, prefixSha256, shardIds, hosts }: UploadedSegment): JournalSegment {
  return { segment, salt, prefixSha256, shardIds, hosts: hosts.map((host) => (host === undefined ? undefined : fromHex(host))) };
}
