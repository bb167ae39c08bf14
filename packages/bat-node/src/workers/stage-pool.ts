// pure: the StagePool port: the heavy stages of a segment (seal, code, hash; decode, open), off the event loop in production.
import type { Result } from '@batchain/shared';
import type { ShardDigest } from '../pipeline/types.ts';
import type { Policy } from '../placement/policy.ts';

/** The plain segment stands at the front of the buffer; the shards stand there afterwards, one after the other (with k = 1 once). */
export interface EncodeJob {
  readonly fileKey: Uint8Array;
  readonly salt: Uint8Array;
  readonly plainBytes: number;
  readonly policy: Policy;
}

/** An encoded shard: its digest, and its bytes inside the buffer. */
export interface EncodedShard extends ShardDigest {
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Verified shards stand in the buffer, each in the slot of its index; with k = 1 in any of its slots. */
export interface DecodeJob {
  readonly fileKey: Uint8Array;
  readonly salt: Uint8Array;
  readonly plainBytes: number;
  readonly policy: Policy;
  /** Which slots have a shard: at least k of n. */
  readonly indexes: readonly number[];
}

/** Verified shards stand in the buffer, each at the place of its index; others are made beside them, of ciphertext alone. */
export interface RebuildJob {
  readonly policy: Policy;
  /** Bytes of each shard. */
  readonly shardLength: number;
  /** Which shards are there: at least k of n. */
  readonly indexes: readonly number[];
  /** Which are to be made. */
  readonly wanted: readonly number[];
}

/** Room for one segment on its way; given back with `release`. */
export interface SegmentBuffer {
  readonly bytes: Uint8Array;
}

export interface BufferWish {
  /** The upload or download that it is for: none gets a second buffer while another has none. */
  readonly job?: object;
  /** For a job that may stop for as long as somebody likes: beyond its first buffer it leaves room for another one of the same size. */
  readonly leavesRoom?: boolean;
  readonly signal?: AbortSignal;
}

export interface StagePool {
  /** A buffer of `bytes`, as soon as all buffers together stay within the budget. Rejects when aborted. */
  acquire(bytes: number, wish?: BufferWish): Promise<SegmentBuffer>;
  release(buffer: SegmentBuffer): void;
  /** Seals in place, codes and hashes. The buffer has segmentBufferBytes. */
  sealAndEncode(buffer: SegmentBuffer, job: EncodeJob): Promise<readonly EncodedShard[]>;
  /** Rebuilds missing data shards and opens in place, in a buffer of fetchBufferBytes; the plain bytes are the front of the buffer. */
  decodeAndOpen(buffer: SegmentBuffer, job: DecodeJob): Promise<Result<Uint8Array, 'wrong-length' | 'bad-seal'>>;
  /** Makes the wanted shards out of those that are there, byte-identical to the first ones; no key is needed. */
  rebuildShards(buffer: SegmentBuffer, job: RebuildJob): Promise<readonly EncodedShard[]>;
  /** Ends workers; jobs under way are rejected. */
  close(): Promise<void>;
}
