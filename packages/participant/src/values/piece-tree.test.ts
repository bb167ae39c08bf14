// Pieces under one hash: cut, put together, read in ranges, and what liars can do with them.
import { collectBytes, concatBytes, encodeCbor, sha256, toHex } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PieceReader } from './piece-reader.ts';
import { buildTree, INDEX_FANOUT, type PieceTree, shapeOf, type TreeShape } from './piece-tree.ts';

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255);

function built(bytes: Uint8Array, pieceBytes: number): PieceTree {
  const tree = buildTree(bytes, pieceBytes);
  if (!tree.ok) throw new Error(tree.reason);
  return tree.value;
}

/** A hash table of these pieces that counts what is asked. */
function tableOf(tree: PieceTree): { readonly get: (hash: Uint8Array) => Promise<Uint8Array | undefined>; asked: number } {
  const pieces = new Map(tree.pieces.map(({ hash, bytes }) => [toHex(hash), bytes]));
  const table = {
    asked: 0,
    get: async (hash: Uint8Array) => {
      table.asked++;
      return pieces.get(toHex(hash));
    },
  };
  return table;
}

const read = (reader: PieceReader, offset: number, length: number): Promise<Uint8Array> => collectBytes(reader.read(offset, length));

describe('BD-58 DF-16 bytes in pieces', () => {
  it('BD-21 any range of any length comes back, whatever the length of the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 64, max: 896 }),
        fc.nat(),
        fc.nat(),
        async (size, pieceBytes, a, b) => {
          const bytes = bytesOf(size);
          if (Math.ceil(size / pieceBytes) > 1024) return;
          const tree = built(bytes, pieceBytes);
          const offset = a % size;
          const length = b % (size - offset + 1);
          const reader = new PieceReader({ key: 'k', shape: tree.shape, root: tree.root }, tableOf(tree).get);
          expect(await read(reader, offset, length)).toEqual(bytes.slice(offset, offset + length));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('DF-15 every piece lies under its own SHA-256, equal ones once, and none is longer than a record', () => {
    const tree = built(new Uint8Array(256 * 100), 256);
    expect(tree.shape.levels).toEqual([100, 4, 1]);
    expect(tree.pieces.length).toBeLessThan(6);
    for (const { hash, bytes } of built(bytesOf(65_536), 64).pieces) {
      expect(sha256(bytes)).toEqual(hash);
      expect(bytes.length).toBeLessThanOrEqual(896);
    }
  });

  it('a range asks only for the pieces that hold it, and the indexes above them', async () => {
    const tree = built(bytesOf(65_536), 64);
    const table = tableOf(tree);
    await read(new PieceReader({ key: 'k', shape: tree.shape, root: tree.root }, table.get), 30_000, 128);
    expect(tree.shape.levels).toEqual([1024, 38, 2, 1]);
    expect(table.asked).toBeLessThanOrEqual(3 + 3);
  });

  it('what no tree of ours has is refused before anything is asked', () => {
    for (const [bytes, pieceBytes] of [
      [0, 256],
      [-1, 256],
      [1.5, 256],
      [2 ** 60, 896],
      [10, 63],
      [10, 897],
      [65_536, 63],
      [64 * 1025, 64],
    ])
      expect(shapeOf(bytes as number, pieceBytes as number).ok, `${bytes} ${pieceBytes}`).toBe(false);
  });
});

describe('a hostile tree of pieces', () => {
  const index = (level: number, hashes: readonly Uint8Array[]): Uint8Array => encodeCbor([1, level, concatBytes(...hashes), new Map()]);

  /** Whatever is asked gets the same answer, as if hashes could be forged: the worst that a tree could be. */
  async function readLies(
    shape: TreeShape,
    answer: (asked: number) => Uint8Array | undefined,
  ): Promise<{ readonly code: string; readonly asked: number }> {
    let asked = 0;
    const reader = new PieceReader({ key: 'k', shape, root: new Uint8Array(32) }, async () => answer(asked++));
    const code = await read(reader, 0, shape.bytes).then(
      () => 'read',
      (error: { code: string }) => error.code,
    );
    return { code, asked };
  }
  const shape = { bytes: 65_536, pieceBytes: 64, pieces: 1024, levels: [1024, 38, 2, 1] };

  it('ends at the first piece that does not have its hash', async () => {
    expect(await readLies(shape, () => index(3, [new Uint8Array(32), new Uint8Array(32)]))).toEqual({
      code: 'BAT_E_VALUE_BROKEN',
      asked: 1,
    });
  });

  it('says which part is missing', async () => {
    expect(await readLies(shape, () => undefined)).toEqual({ code: 'BAT_E_VALUE_INCOMPLETE', asked: 1 });
  });

  it('an index with too many, too few or no hashes, of another level, or with more than it should, is no index', async () => {
    const child = new Uint8Array(32);
    const lies = [
      index(3, [child]),
      index(
        3,
        Array.from({ length: INDEX_FANOUT }, () => child),
      ),
      index(2, [child, child]),
      index(0, [child, child]),
      encodeCbor([2, 3, concatBytes(child, child), new Map()]),
      encodeCbor([1, 3, concatBytes(child, child), new Map([[2, child]])]),
      new Uint8Array(0),
      new Uint8Array(896).fill(0x81),
    ];
    for (const lie of lies) {
      const reader = new PieceReader({ key: 'k', shape, root: sha256(lie) }, async () => lie);
      await expect(read(reader, 0, 10)).rejects.toMatchObject({ code: 'BAT_E_VALUE_BROKEN' });
    }
  });

  it('a piece that is shorter or longer than its place asks for is refused', async () => {
    for (const length of [99, 101]) {
      const piece = bytesOf(length);
      const reader = new PieceReader(
        { key: 'k', shape: { bytes: 100, pieceBytes: 200, pieces: 1, levels: [1] }, root: sha256(piece) },
        async () => piece,
      );
      await expect(read(reader, 0, 100)).rejects.toMatchObject({ code: 'BAT_E_VALUE_BROKEN' });
    }
  });
});
