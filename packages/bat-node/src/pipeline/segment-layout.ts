// pure: lengths: plain to sealed, sealed to shards, and which pieces hold a range.
import { PIECE_BYTES, SHARD_ALIGN_BYTES } from '../limits.ts';

/** The authentication tag after each sealed piece. */
export const TAG_BYTES = 16;
/** A full piece with its tag. */
export const SEALED_PIECE_BYTES: number = PIECE_BYTES + TAG_BYTES;

/** Pieces of a segment of so many plain bytes; an empty segment has one empty piece. */
export function pieceCount(plainBytes: number): number {
  return Math.max(1, Math.ceil(plainBytes / PIECE_BYTES));
}

/** Bytes of the sealed segment, without padding. */
export function sealedLength(plainBytes: number): number {
  return plainBytes + pieceCount(plainBytes) * TAG_BYTES;
}

/** The smallest multiple of 64 of which `requiredShards` hold the sealed segment. */
export function shardLength(plainBytes: number, requiredShards: number): number {
  return Math.ceil(Math.ceil(sealedLength(plainBytes) / requiredShards) / SHARD_ALIGN_BYTES) * SHARD_ALIGN_BYTES;
}

/** Number of segments of a file; an empty file has one empty segment. */
export function segmentCount(fileBytes: number, segmentSizeBytes: number): number {
  return Math.max(1, Math.ceil(fileBytes / segmentSizeBytes));
}

/** Plain bytes of one segment: full, or what is left for the last. */
export function segmentPlainBytes(fileBytes: number, segmentSizeBytes: number, segment: number): number {
  return Math.min(segmentSizeBytes, fileBytes - segment * segmentSizeBytes);
}

/** The pieces that hold a plain range of a segment. */
export interface PieceRange {
  readonly firstPiece: number;
  /** One past the last. */
  readonly endPiece: number;
  /** The bytes of the sealed segment to fetch. */
  readonly sealedStart: number;
  readonly sealedEnd: number;
  /** Where the wanted bytes begin within the opened pieces. */
  readonly skipBytes: number;
}

/** Which pieces to open for `length` (at least 1) bytes from `start` of a segment of `plainBytes`. The range must lie inside. */
export function planPieces(plainBytes: number, start: number, length: number): PieceRange {
  const firstPiece = Math.floor(start / PIECE_BYTES);
  const endPiece = Math.ceil((start + length) / PIECE_BYTES);
  return {
    firstPiece,
    endPiece,
    sealedStart: firstPiece * SEALED_PIECE_BYTES,
    sealedEnd: Math.min(endPiece * SEALED_PIECE_BYTES, sealedLength(plainBytes)),
    skipBytes: start - firstPiece * PIECE_BYTES,
  };
}
