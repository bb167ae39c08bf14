// driven: StagePool over worker threads (tinypool) and shared buffers: the event loop stays free while segments are worked on.
import { MiB, ok, type Result, second } from '@batchain/shared';
import { Tinypool } from 'tinypool';
import type { ShardId } from '../ids.ts';
import type { ShardDigest } from '../pipeline/types.ts';
import { SegmentBuffers } from './segment-buffers.ts';
import { encodedShardAt, rebuiltShard } from './segment-stages.ts';
import type { BufferWish, DecodeJob, EncodedShard, EncodeJob, RebuildJob, SegmentBuffer, StagePool } from './stage-pool.ts';
import type { FlatDigests, StageTask } from './stage-worker.ts';
import { findWorkerCode } from './worker-code.ts';

/** One thread works through 400 MB of file in a second: more would only fight the event loop for the cores. */
const THREADS = 1;
/**
 * All segments on their way in one process, coded shards included: of the default size five with 4 of 6, three with 10 of 24.
 * With it a process that uploads stays below 350 MB (measured 260 MB for the stages alone).
 */
const BUDGET_BYTES: number = 100 * MiB;
/** Sealing leaves pieces of 64 KiB behind; a small young generation gives them back at once instead of every 30 MB. */
const YOUNG_GENERATION_MB = 4;
/** A thread that had nothing to do for so long ends, and its memory with it. */
const IDLE_TIMEOUT_MS: number = 30 * second;
const HASH_BYTES = 32;

const sliced = (bytes: Uint8Array, length: number): Uint8Array[] =>
  Array.from({ length: bytes.length / length }, (_, i) => bytes.subarray(i * length, (i + 1) * length));

function unflatten(flat: FlatDigests): ShardDigest[] {
  const ids = sliced(flat.ids, HASH_BYTES);
  const hashes = ids.length === 0 ? [] : sliced(flat.leafHashes, flat.leafHashes.length / ids.length);
  return ids.map((id, i) => ({
    id: id as ShardId,
    length: flat.shardLength,
    leafHashes: sliced(hashes[i] as Uint8Array, HASH_BYTES),
  }));
}

export class ThreadStagePool implements StagePool {
  readonly #buffers = new SegmentBuffers(BUDGET_BYTES);
  readonly #pool: Tinypool;
  readonly #pending = new Set<(error: unknown) => void>();

  constructor() {
    this.#pool = new Tinypool({
      ...findWorkerCode(),
      name: 'runStage',
      minThreads: 0,
      maxThreads: THREADS,
      idleTimeout: IDLE_TIMEOUT_MS,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      runtime: 'worker_threads',
    });
    // A thread that fails outside of a job (it could not start) would leave the jobs that wait for it without an end.
    this.#pool.on('error', (error: unknown) => {
      for (const reject of this.#pending) reject(error);
    });
  }

  acquire(bytes: number, wish?: BufferWish): Promise<SegmentBuffer> {
    return this.#buffers.acquire(bytes, wish);
  }

  release(buffer: SegmentBuffer): void {
    this.#buffers.release(buffer);
  }

  async sealAndEncode(buffer: SegmentBuffer, job: EncodeJob): Promise<readonly EncodedShard[]> {
    const flat = (await this.#run({ kind: 'encode', buffer: buffer.bytes, job })) as FlatDigests;
    return unflatten(flat).map((digest, index) => ({
      ...digest,
      index,
      bytes: encodedShardAt(buffer.bytes, job.policy, flat.shardLength, index),
    }));
  }

  async decodeAndOpen(buffer: SegmentBuffer, job: DecodeJob): Promise<Result<Uint8Array, 'wrong-length' | 'bad-seal'>> {
    const opened = (await this.#run({ kind: 'decode', buffer: buffer.bytes, job })) as Result<number, 'wrong-length' | 'bad-seal'>;
    return opened.ok ? ok(buffer.bytes.subarray(0, opened.value)) : opened;
  }

  async rebuildShards(buffer: SegmentBuffer, job: RebuildJob): Promise<readonly EncodedShard[]> {
    const flat = (await this.#run({ kind: 'rebuild', buffer: buffer.bytes, job })) as FlatDigests;
    return unflatten(flat).map((digest, i) => rebuiltShard(buffer.bytes, job, i, digest));
  }

  async close(): Promise<void> {
    this.#buffers.clear();
    await this.#pool.destroy();
  }

  #run(task: StageTask): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      this.#pool
        .run(task)
        .then(resolve, reject)
        .finally(() => this.#pending.delete(reject));
    });
  }
}
