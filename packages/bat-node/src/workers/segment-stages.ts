// pure: what a worker does with one segment in one buffer; nothing bulky is copied or allocated beside it.
import { ok, type Result } from '@batchain/shared';
import { openSegment, padSegment, sealSegment } from '../pipeline/cipher.ts';
import { deriveSegmentKeys } from '../pipeline/content-key.ts';
import { createErasureCode } from '../pipeline/erasure/fastest-code.ts';
import { sealedLength, shardLength } from '../pipeline/segment-layout.ts';
import { digestShard } from '../pipeline/shard.ts';
import type { ShardDigest } from '../pipeline/types.ts';
import type { DecodeJob, EncodedShard, EncodeJob, RebuildJob } from './stage-pool.ts';

const erasureCode = createErasureCode();

/** Bytes of a buffer that holds a segment with all its shards. */
export function segmentBufferBytes(plainBytes: number, requiredShards: number, totalShards: number): number {
  return shardLength(plainBytes, requiredShards) * totalShards;
}

const slots = (buffer: Uint8Array, length: number, from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, i) => buffer.subarray((from + i) * length, (from + i + 1) * length));

/** Where an encoded shard stands in the buffer. With k = 1 all shards are the same bytes, which stand there once. */
export function encodedShardAt(buffer: Uint8Array, policy: EncodeJob['policy'], length: number, index: number): Uint8Array {
  const at = policy.k === 1 ? 0 : index * length;
  return buffer.subarray(at, at + length);
}

/** Plain bytes at the front of the buffer become n shards; the digest of each. */
export function sealAndEncode(buffer: Uint8Array, job: EncodeJob): ShardDigest[] {
  const { k, n } = job.policy;
  const length = shardLength(job.plainBytes, k);
  const keys = deriveSegmentKeys(job.fileKey, job.salt);
  sealSegment(keys, buffer.subarray(0, job.plainBytes), buffer);
  padSegment(keys, buffer.subarray(sealedLength(job.plainBytes), k * length));
  if (k === 1) return new Array<ShardDigest>(n).fill(digestShard(buffer.subarray(0, length)));
  erasureCode.encode(slots(buffer, length, 0, k), slots(buffer, length, k, n));
  return slots(buffer, length, 0, n).map(digestShard);
}

/** Any k verified shards become the wanted ones, each at its place; their digests in the order of `wanted`. */
export function rebuildShards(buffer: Uint8Array, { policy, shardLength: length, indexes, wanted }: RebuildJob): ShardDigest[] {
  const all = slots(buffer, length, 0, policy.n);
  const shards = all.map((shard, index) => (indexes.includes(index) ? shard : undefined));
  const targets = wanted.map((index) => ({ index, into: all[index] as Uint8Array }));
  erasureCode.reconstruct({ requiredShards: policy.k, totalShards: policy.n }, shards, targets);
  return targets.map(({ into }) => digestShard(into));
}

/** The `at`-th of the wanted shards, with its bytes where they stand. */
export function rebuiltShard(
  buffer: Uint8Array,
  { shardLength: length, wanted }: RebuildJob,
  at: number,
  digest: ShardDigest,
): EncodedShard {
  const index = wanted[at] as number;
  return { ...digest, index, bytes: buffer.subarray(index * length, (index + 1) * length) };
}

/** Any k verified shards become the plain bytes at the front of the buffer. */
export function decodeAndOpen(buffer: Uint8Array, job: DecodeJob): Result<number, 'wrong-length' | 'bad-seal'> {
  const { k, n } = job.policy;
  const length = shardLength(job.plainBytes, k);
  const all = slots(buffer, length, 0, n);
  const shards = all.map((shard, index) => (job.indexes.includes(index) ? shard : undefined));
  const wanted = Array.from({ length: k }, (_, index) => index)
    .filter((index) => shards[index] === undefined)
    .map((index) => ({ index, into: all[index] as Uint8Array }));
  erasureCode.reconstruct({ requiredShards: k, totalShards: n }, shards, wanted);
  const keys = deriveSegmentKeys(job.fileKey, job.salt);
  const opened = openSegment(keys, buffer.subarray(0, sealedLength(job.plainBytes)), job.plainBytes, buffer);
  return opened.ok ? ok(job.plainBytes) : opened;
}
