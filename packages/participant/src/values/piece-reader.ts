// driven: a range of bytes that lie in pieces: fetched some ahead, each checked against its hash and the length its place asks for.
import { equalBytes, sha256 } from '@batchain/shared';
import { VALUE_PIECES_AT_ONCE } from '../limits.ts';
import { childCount, INDEX_FANOUT, pieceLength, readIndex, type TreeShape } from './piece-tree.ts';
import { brokenValue, incompleteValue } from './value-errors.ts';

/** Undefined when it can not be found. */
export type FetchPiece = (hash: Uint8Array) => Promise<Uint8Array | undefined>;

export interface PiecesToRead {
  /** For errors. */
  readonly key: string;
  readonly shape: TreeShape;
  readonly root: Uint8Array;
}

export class PieceReader {
  readonly #tree: PiecesToRead;
  readonly #fetch: FetchPiece;
  /** Index pieces by level and place: at most a twentieth of VALUE_PIECES_MAX. */
  readonly #indexes = new Map<string, Promise<readonly Uint8Array[]>>();

  constructor(tree: PiecesToRead, fetch: FetchPiece) {
    this.#tree = tree;
    this.#fetch = fetch;
  }

  /** The bytes of the range, which lies within the whole. Throws BAT_E_VALUE_INCOMPLETE or BAT_E_VALUE_BROKEN. */
  async *read(offset: number, length: number): AsyncGenerator<Uint8Array, void> {
    if (length === 0) return;
    const { shape } = this.#tree;
    const last = Math.floor((offset + length - 1) / shape.pieceBytes);
    let next = Math.floor(offset / shape.pieceBytes);
    const ahead: { readonly index: number; readonly piece: Promise<Uint8Array> }[] = [];
    while (next <= last || ahead.length > 0) {
      for (; next <= last && ahead.length < VALUE_PIECES_AT_ONCE; next++) {
        const piece = this.#piece(next);
        // Its failure is seen when its turn comes.
        piece.catch(() => undefined);
        ahead.push({ index: next, piece });
      }
      const { index, piece } = ahead.shift() as (typeof ahead)[number];
      const bytes = await piece;
      const at = index * shape.pieceBytes;
      yield bytes.subarray(Math.max(0, offset - at), Math.min(bytes.length, offset + length - at));
    }
  }

  /** The hash of a data piece, as the indexes above it say. */
  hashOf(index: number): Promise<Uint8Array> {
    return this.#hash(0, index);
  }

  async #piece(index: number): Promise<Uint8Array> {
    const bytes = await this.#get(await this.#hash(0, index), `piece ${index}`);
    if (bytes.length === pieceLength(this.#tree.shape, index)) return bytes;
    throw brokenValue(this.#tree.key, `piece ${index} has ${bytes.length} bytes`);
  }

  async #hash(level: number, index: number): Promise<Uint8Array> {
    if (level === this.#tree.shape.levels.length - 1) return this.#tree.root;
    const hashes = await this.#index(level + 1, Math.floor(index / INDEX_FANOUT));
    return hashes[index % INDEX_FANOUT] as Uint8Array;
  }

  #index(level: number, index: number): Promise<readonly Uint8Array[]> {
    const name = `${level} ${index}`;
    const known = this.#indexes.get(name) ?? this.#readIndex(level, index);
    this.#indexes.set(name, known);
    return known;
  }

  async #readIndex(level: number, index: number): Promise<readonly Uint8Array[]> {
    const bytes = await this.#get(await this.#hash(level, index), `index ${index} of level ${level}`);
    const read = readIndex(bytes, level, childCount(this.#tree.shape, level, index));
    if (read.ok) return read.value;
    throw brokenValue(this.#tree.key, read.reason);
  }

  async #get(hash: Uint8Array, what: string): Promise<Uint8Array> {
    const bytes = await this.#fetch(hash);
    if (bytes === undefined) throw incompleteValue(this.#tree.key, `nobody who answers has ${what}`);
    if (equalBytes(sha256(bytes), hash)) return bytes;
    throw brokenValue(this.#tree.key, `${what} does not have its hash`);
  }
}
