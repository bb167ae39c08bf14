// pure: bytes as pieces under one hash: data pieces, and above them index pieces that list hashes (BD-58, DF-16).
import {
  bytesOf,
  type Codec,
  concatBytes,
  extensionsOf,
  fail,
  makeCodec,
  NO_EXTENSIONS,
  ok,
  type Result,
  recordOf,
  sha256,
  uintOf,
  VALUE_BYTES_MAX,
} from '@batchain/shared';
import { VALUE_PIECE_BYTES_MIN, VALUE_PIECES_MAX } from '../limits.ts';

const HASH_BYTES = 32;
const VERSION = 1;
/** As many as fit beside the frame of an index piece: 27 hashes are 864 bytes. */
export const INDEX_FANOUT = 27;
/** Room for extensions of an index piece. */
const EXTENSION_BYTES_MAX = 16;

const indexCodec: Codec<{ version: number; level: number; hashes: Uint8Array; extensions: ReadonlyMap<number, Uint8Array> }> = makeCodec(
  'index piece',
  VALUE_BYTES_MAX,
  recordOf({
    version: uintOf(VERSION, VERSION),
    level: uintOf(8, 1),
    hashes: bytesOf(HASH_BYTES, INDEX_FANOUT * HASH_BYTES),
    extensions: extensionsOf([], EXTENSION_BYTES_MAX),
  }),
);

/** How bytes of this length lie in pieces. All of it follows from the two lengths, so a tree can not be deeper or wider than it should. */
export interface TreeShape {
  readonly bytes: number;
  readonly pieceBytes: number;
  readonly pieces: number;
  /** Pieces of each level, data first, the one root last. */
  readonly levels: readonly number[];
}

/** `1` to whatever VALUE_PIECES_MAX pieces hold; refuses lengths that no writer of ours makes. */
export function shapeOf(bytes: number, pieceBytes: number): Result<TreeShape, string> {
  if (!Number.isSafeInteger(bytes) || bytes < 1) return fail('no bytes');
  if (!Number.isSafeInteger(pieceBytes) || pieceBytes < VALUE_PIECE_BYTES_MIN || pieceBytes > VALUE_BYTES_MAX)
    return fail(`pieces of ${pieceBytes} bytes, not ${VALUE_PIECE_BYTES_MIN} to ${VALUE_BYTES_MAX}`);
  const pieces = Math.ceil(bytes / pieceBytes);
  if (pieces > VALUE_PIECES_MAX) return fail(`${pieces} pieces, at most ${VALUE_PIECES_MAX}`);
  const levels = [pieces];
  for (let count = pieces; count > 1; ) {
    count = Math.ceil(count / INDEX_FANOUT);
    levels.push(count);
  }
  return ok({ bytes, pieceBytes, pieces, levels });
}

export interface Piece {
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface PieceTree {
  readonly shape: TreeShape;
  readonly root: Uint8Array;
  /** Data pieces, then index pieces; equal ones once. */
  readonly pieces: readonly Piece[];
}

export function buildTree(bytes: Uint8Array, pieceBytes: number): Result<PieceTree, string> {
  const shape = shapeOf(bytes.length, pieceBytes);
  if (!shape.ok) return shape;
  const made = new Map<string, Piece>();
  const add = (piece: Uint8Array): Uint8Array => {
    const hash = sha256(piece);
    made.set(hash.join(), { hash, bytes: piece });
    return hash;
  };
  let hashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) hashes.push(add(bytes.slice(at, at + pieceBytes)));
  for (let level = 1; hashes.length > 1; level++) {
    const above: Uint8Array[] = [];
    for (let at = 0; at < hashes.length; at += INDEX_FANOUT) {
      const listed = concatBytes(...hashes.slice(at, at + INDEX_FANOUT));
      above.push(add(indexCodec.encode({ version: VERSION, level, hashes: listed, extensions: NO_EXTENSIONS })));
    }
    hashes = above;
  }
  return ok({ shape: shape.value, root: hashes[0] as Uint8Array, pieces: [...made.values()] });
}

/** The hashes in an index piece, which must be exactly those that its place in the tree asks for. */
export function readIndex(bytes: Uint8Array, level: number, count: number): Result<readonly Uint8Array[], string> {
  const decoded = indexCodec.decode(bytes);
  if (!decoded.ok) return fail(`an index piece is ${decoded.reason}`);
  const { hashes } = decoded.value;
  if (decoded.value.level !== level) return fail(`an index piece of level ${decoded.value.level} where level ${level} belongs`);
  if (hashes.length !== count * HASH_BYTES) return fail(`an index piece lists ${hashes.length / HASH_BYTES} hashes, not ${count}`);
  return ok(Array.from({ length: count }, (_, i) => hashes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES)));
}

/** How many hashes the index piece at a place of a level (1 and above) lists. */
export function childCount(shape: TreeShape, level: number, index: number): number {
  const below = shape.levels[level - 1] as number;
  return Math.min(INDEX_FANOUT, below - index * INDEX_FANOUT);
}

/** Length of the data piece at an index. */
export function pieceLength(shape: TreeShape, index: number): number {
  return Math.min(shape.pieceBytes, shape.bytes - index * shape.pieceBytes);
}
