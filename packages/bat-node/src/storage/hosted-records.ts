// pure: what a host keeps on disk about a file and a shard, and its coding; shared by the journals and the index.
import { boolean, bytesOf, idOf, nullable, recordOf, type Shape, uintOf } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import { SEGMENTS_MAX, TOTAL_SHARDS_MAX } from '../limits.ts';
import type { ShardRef } from '../ports.ts';
import type { Lease } from './leases.ts';

/** All that is kept of a hosted file but its shards. */
export interface FileRecord extends Lease {
  readonly fileId: FileId;
  readonly ownerKey: Uint8Array;
  readonly fileNonce: Uint8Array;
  readonly accessKey: Uint8Array;
  readonly leaseId: Uint8Array;
  readonly keepUntilMs: number;
  readonly rosterId: Uint8Array | null;
  readonly rosterBytes: number;
  /** Cautious time of this record, to set the clock by when its own file is lost. */
  readonly writtenAtMs: number;
}

/** One filled place of a file. */
export interface PlaceRecord {
  readonly segment: number;
  readonly index: number;
  readonly shardId: ShardId;
  readonly length: number;
  readonly durableSinceMs: number;
}

/** Segment and index as one number, in the order of (segment, index). */
export type Place = number;

export function placeOf(ref: Pick<ShardRef, 'segment' | 'index'>): Place {
  return ref.segment * TOTAL_SHARDS_MAX + ref.index;
}

/** True for places that a file can have. */
export function isPlace(ref: Pick<ShardRef, 'segment' | 'index'>): boolean {
  const fits = (value: number, max: number): boolean => Number.isInteger(value) && value >= 0 && value < max;
  return fits(ref.segment, SEGMENTS_MAX) && fits(ref.index, TOTAL_SHARDS_MAX);
}

export const fileRecordShape: Shape<FileRecord> = recordOf({
  fileId: idOf<FileId>(),
  ownerKey: bytesOf(32),
  fileNonce: bytesOf(32),
  accessKey: bytesOf(32),
  leaseId: bytesOf(16),
  isCommitted: boolean,
  endsAtMs: uintOf(),
  leaseUntilMs: uintOf(),
  keepUntilMs: uintOf(),
  rosterId: nullable(bytesOf(32)),
  rosterBytes: uintOf(),
  writtenAtMs: uintOf(),
});

export const placeRecordShape: Shape<PlaceRecord> = recordOf({
  segment: uintOf(SEGMENTS_MAX - 1),
  index: uintOf(TOTAL_SHARDS_MAX - 1),
  shardId: idOf<ShardId>(),
  length: uintOf(),
  durableSinceMs: uintOf(),
});
