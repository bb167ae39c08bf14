// driven: StagePool on the calling thread: for simulation and unit tests, where determinism counts more than the event loop.
import { ok, type Result } from '@batchain/shared';
import { SegmentBuffers } from './segment-buffers.ts';
import { decodeAndOpen, encodedShardAt, rebuildShards, rebuiltShard, sealAndEncode } from './segment-stages.ts';
import type { BufferWish, DecodeJob, EncodedShard, EncodeJob, RebuildJob, SegmentBuffer, StagePool } from './stage-pool.ts';

/** Room for a few segments of tests. */
const BUDGET_BYTES: number = 64 * 1024 * 1024;

export class InlineStagePool implements StagePool {
  readonly #buffers = new SegmentBuffers(BUDGET_BYTES);

  acquire(bytes: number, wish?: BufferWish): Promise<SegmentBuffer> {
    return this.#buffers.acquire(bytes, wish);
  }

  release(buffer: SegmentBuffer): void {
    this.#buffers.release(buffer);
  }

  async sealAndEncode(buffer: SegmentBuffer, job: EncodeJob): Promise<readonly EncodedShard[]> {
    const digests = sealAndEncode(buffer.bytes, job);
    return digests.map((digest, index) => ({ ...digest, index, bytes: encodedShardAt(buffer.bytes, job.policy, digest.length, index) }));
  }

  async decodeAndOpen(buffer: SegmentBuffer, job: DecodeJob): Promise<Result<Uint8Array, 'wrong-length' | 'bad-seal'>> {
    const opened = decodeAndOpen(buffer.bytes, job);
    return opened.ok ? ok(buffer.bytes.subarray(0, opened.value)) : opened;
  }

  async rebuildShards(buffer: SegmentBuffer, job: RebuildJob): Promise<readonly EncodedShard[]> {
    return rebuildShards(buffer.bytes, job).map((digest, i) => rebuiltShard(buffer.bytes, job, i, digest));
  }

  async close(): Promise<void> {
    this.#buffers.clear();
  }
}
