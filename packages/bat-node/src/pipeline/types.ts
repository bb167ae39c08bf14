// pure: the item types between the stages of upload and download; stages import nothing of one another but these.
import type { ShardId } from '../ids.ts';

/** A slice of the plaintext: full length, or shorter when it is the file's last. */
export interface PlainSegment {
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** What is known of a shard's bytes: enough to check every leaf of them. */
export interface ShardDigest {
  readonly id: ShardId;
  /** Bytes. */
  readonly length: number;
  /** One 32-byte hash for each 16 KiB. */
  readonly leafHashes: readonly Uint8Array[];
}

/** The two keys of one segment, both from its file key and salt. */
export interface SegmentKeys {
  /** AES-256-GCM, for the pieces. */
  readonly sealing: Uint8Array;
  /** AES-256-CTR, for the bytes that fill the last parts. */
  readonly padding: Uint8Array;
}
