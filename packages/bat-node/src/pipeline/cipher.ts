// pure: seals and opens segments: AES-256-GCM over 64 KiB pieces in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015; as age).
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { assert, fail, ok, type Result } from '@batchain/shared';
import { PIECE_BYTES } from '../limits.ts';
import { pieceCount, SEALED_PIECE_BYTES, sealedLength, TAG_BYTES } from './segment-layout.ts';
import type { SegmentKeys } from './types.ts';

const NONCE_BYTES = 12;
const COUNTER_IV = new Uint8Array(16);

export type OpenFailure = 'wrong-length' | 'bad-seal';

/** 11 bytes of piece number, big-endian, then 1 for the last piece of the segment and 0 for all others. */
function pieceNonce(piece: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(piece, NONCE_BYTES - 5);
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
}

/**
 * Seals a whole segment into `out`, which has room for sealedLength(plain.length) bytes and may begin where `plain` begins:
 * pieces are sealed from the last to the first, so that none is overwritten before it is read.
 */
export function sealSegment(keys: SegmentKeys, plain: Uint8Array, out: Uint8Array): void {
  assert(out.length >= sealedLength(plain.length), 'there is room for the sealed segment');
  const count = pieceCount(plain.length);
  for (let piece = count - 1; piece >= 0; piece--) {
    const part = plain.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', keys.sealing, pieceNonce(piece, piece === count - 1), { authTagLength: TAG_BYTES });
    const sealed = cipher.update(part);
    cipher.final();
    const at = piece * SEALED_PIECE_BYTES;
    out.set(sealed, at);
    out.set(cipher.getAuthTag(), at + sealed.length);
  }
}

/** Fills `out` with the keystream that stands after the sealed segment: AES-256-CTR from counter 0 over zeros. */
export function padSegment(keys: SegmentKeys, out: Uint8Array): void {
  out.set(createCipheriv('aes-256-ctr', keys.padding, COUNTER_IV).update(new Uint8Array(out.length)));
}

/**
 * Opens a whole sealed segment (without padding) of `plainBytes` plain bytes into `out`, which may begin where `sealed`
 * begins. Bytes are written only after their piece was authenticated; a wrong key, order, length or truncation fails.
 */
export function openSegment(keys: SegmentKeys, sealed: Uint8Array, plainBytes: number, out: Uint8Array): Result<Uint8Array, OpenFailure> {
  return openPieces(keys, sealed, plainBytes, { firstPiece: 0, endPiece: pieceCount(plainBytes) }, out);
}

/**
 * Opens the pieces firstPiece to endPiece - 1 of a segment of `plainBytes`; `sealed` holds exactly those pieces. The opened
 * bytes are the front of `out`.
 */
export function openPieces(
  keys: SegmentKeys,
  sealed: Uint8Array,
  plainBytes: number,
  pieces: { readonly firstPiece: number; readonly endPiece: number },
  out: Uint8Array,
): Result<Uint8Array, OpenFailure> {
  const count = pieceCount(plainBytes);
  const { firstPiece, endPiece } = pieces;
  assert(firstPiece >= 0 && firstPiece < endPiece && endPiece <= count, 'the pieces are of this segment');
  const openedBytes = Math.min(endPiece * PIECE_BYTES, plainBytes) - firstPiece * PIECE_BYTES;
  assert(out.length >= openedBytes, 'there is room for the opened pieces');
  if (sealed.length !== openedBytes + (endPiece - firstPiece) * TAG_BYTES) {
    return fail('wrong-length', `${sealed.length} sealed bytes for ${openedBytes} plain ones`);
  }
  for (let piece = firstPiece; piece < endPiece; piece++) {
    const at = (piece - firstPiece) * SEALED_PIECE_BYTES;
    const part = sealed.subarray(at, at + SEALED_PIECE_BYTES);
    const opened = openPiece(keys, part, piece, piece === count - 1);
    if (opened === undefined) return fail('bad-seal', `piece ${piece}`);
    out.set(opened, (piece - firstPiece) * PIECE_BYTES);
  }
  return ok(out.subarray(0, openedBytes));
}

function openPiece(keys: SegmentKeys, part: Uint8Array, piece: number, isLast: boolean): Uint8Array | undefined {
  const decipher = createDecipheriv('aes-256-gcm', keys.sealing, pieceNonce(piece, isLast), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(part.subarray(part.length - TAG_BYTES));
  const opened = decipher.update(part.subarray(0, part.length - TAG_BYTES));
  try {
    decipher.final();
    return opened;
  } catch {
    return undefined;
  }
}
