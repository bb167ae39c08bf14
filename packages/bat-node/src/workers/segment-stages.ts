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

/** Bytes of a buffer in which a segment becomes its shards. With k = 1 all of them are the same bytes, which stand there once. */
export function segmentBufferBytes(plainBytes: number, requiredShards: number, totalShards: number): number {
  return shardLength(plainBytes, requiredShards) * (requiredShards === 1 ? 1 : totalShards);
}

/**
 * Slots for the shards of a segment that is fetched: one for each index. With k = 1 any shard will do in any slot, and there
 * are two: a holder may be tried beside a slow one.
 */
export function fetchSlots(requiredShards: number, totalShards: number): number {
  return requiredShards === 1 ? Math.min(2, totalShards) : totalShards;
}

/** Bytes of a buffer for the shards of a segment that is fetched. */
export function fetchBufferBytes(plainBytes: number, requiredShards: number, totalShards: number): number {
  return shardLength(plainBytes, requiredShards) * fetchSlots(requiredShards, totalShards);
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

/**
 * Any k verified shards, each in the slot of its index (with k = 1 in any slot), become the wanted ones, each at its place (with
 * k = 1 the first); their digests in the order of `wanted`.
 */
export function rebuildShards(buffer: Uint8Array, { policy, shardLength: length, indexes, wanted }: RebuildJob): ShardDigest[] {
  if (policy.k === 1) {
    buffer.copyWithin(0, (indexes[0] ?? 0) * length, ((indexes[0] ?? 0) + 1) * length);
    return new Array<ShardDigest>(wanted.length).fill(digestShard(buffer.subarray(0, length)));
  }
  const all = slots(buffer, length, 0, policy.n);
  const shards = all.map((shard, index) => (indexes.includes(index) ? shard : undefined));
  const targets = wanted.map((index) => ({ index, into: all[index] as Uint8Array }));
  erasureCode.reconstruct({ requiredShards: policy.k, totalShards: policy.n }, shards, targets);
  return targets.map(({ into }) => digestShard(into));
}

/** The `at`-th of the wanted shards, with its bytes where they stand. */
export function rebuiltShard(
  buffer: Uint8Array,
  { policy, shardLength: length, wanted }: RebuildJob,
  at: number,
  digest: ShardDigest,
): EncodedShard {
  const index = wanted[at] as number;
  return { ...digest, index, bytes: encodedShardAt(buffer, policy, length, index) };
}

/** Any k verified shards, each in the slot of its index (with k = 1 in any slot), become the plain bytes at the front of the buffer. */
export function decodeAndOpen(buffer: Uint8Array, job: DecodeJob): Result<number, 'wrong-length' | 'bad-seal'> {
  const { k, n } = job.policy;
  const length = shardLength(job.plainBytes, k);
  if (k === 1) buffer.copyWithin(0, (job.indexes[0] ?? 0) * length, ((job.indexes[0] ?? 0) + 1) * length);
  else rebuildData(slots(buffer, length, 0, n), job);
  const keys = deriveSegmentKeys(job.fileKey, job.salt);
  const opened = openSegment(keys, buffer.subarray(0, sealedLength(job.plainBytes)), job.plainBytes, buffer);
  return opened.ok ? ok(job.plainBytes) : opened;
}

/** Codes the data shards that are missing anew from those that are there. */
function rebuildData(all: readonly Uint8Array[], { policy: { k, n }, indexes }: DecodeJob): void {
  const shards = all.map((shard, index) => (indexes.includes(index) ? shard : undefined));
  const wanted = Array.from({ length: k }, (_, index) => index)
    .filter((index) => shards[index] === undefined)
    .map((index) => ({ index, into: all[index] as Uint8Array }));
  erasureCode.reconstruct({ requiredShards: k, totalShards: n }, shards, wanted);
}
