import { toHex } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEAF_BYTES, SHARD_BYTES_MAX } from '../limits.ts';
import { MerkleTree, merkleRoot } from './merkle.ts';
import {
  checkLeaf,
  checkLeafHashes,
  checkLeafProof,
  digestShard,
  isShardLength,
  LeafChecker,
  leafCount,
  leafLength,
  shardIdFrom,
} from './shard.ts';

const shardOf = (length: number, seed = 1): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff);

describe('shard ids', () => {
  it('DF-15 follow from the bytes alone: the same bytes have one id, a different bit or length another', () => {
    const bytes = shardOf(40_000 - (40_000 % 64));
    const { id } = digestShard(bytes);
    expect(toHex(digestShard(bytes.slice()).id)).toBe(toHex(id));
    const bent = bytes.slice();
    bent[39_000] = (bent[39_000] as number) ^ 4;
    expect(toHex(digestShard(bent).id)).not.toBe(toHex(id));
    expect(toHex(digestShard(bytes.subarray(64)).id)).not.toBe(toHex(id));
  });

  it('bind the length: the same root with another length is another shard', () => {
    const { id, length, leafHashes } = digestShard(shardOf(LEAF_BYTES * 3));
    expect(toHex(shardIdFrom(length - 64, merkleRoot(leafHashes)))).not.toBe(toHex(id));
    expect(checkLeafHashes(id, length, leafHashes)).toBe(true);
    expect(checkLeafHashes(id, length - 64, leafHashes)).toBe(false);
  });

  it('allow the lengths of shards only', () => {
    for (const length of [64, 128, SHARD_BYTES_MAX]) expect(isShardLength(length)).toBe(true);
    for (const length of [0, -64, 63, 65, 64.5, SHARD_BYTES_MAX + 64, 2 ** 53, Number.NaN]) expect(isShardLength(length)).toBe(false);
  });
});

describe('leaf hashes', () => {
  it.each([64, LEAF_BYTES - 64, LEAF_BYTES, LEAF_BYTES + 64, 3 * LEAF_BYTES, 5 * LEAF_BYTES + 64])(
    'cover a shard of %d bytes',
    (length) => {
      const bytes = shardOf(length);
      const { id, leafHashes } = digestShard(bytes);
      expect(leafHashes).toHaveLength(leafCount(length));
      expect(checkLeafHashes(id, length, leafHashes)).toBe(true);
      expect(checkLeafHashes(id, length, leafHashes.slice(1))).toBe(false);
      expect(checkLeafHashes(id, length, [...leafHashes, leafHashes[0] as Uint8Array])).toBe(false);
    },
  );

  it('tell the leaf in which a bit was flipped from all others', () => {
    const bytes = shardOf(5 * LEAF_BYTES + 64);
    const { leafHashes } = digestShard(bytes);
    const badLeaves = (shard: Uint8Array): number[] =>
      leafHashes.flatMap((_, leaf) => {
        const start = leaf * LEAF_BYTES;
        return checkLeaf(bytes.length, leafHashes, leaf, shard.subarray(start, start + LEAF_BYTES)) ? [] : [leaf];
      });
    expect(badLeaves(bytes)).toEqual([]);
    for (let leaf = 0; leaf < 6; leaf++) {
      const bent = bytes.slice();
      bent[leaf * LEAF_BYTES + 63] = (bent[leaf * LEAF_BYTES + 63] as number) ^ 0x80;
      expect(badLeaves(bent)).toEqual([leaf]);
    }
    expect(badLeaves(bytes.subarray(0, 5 * LEAF_BYTES))).toEqual([5]);
    expect(checkLeaf(bytes.length, leafHashes, 6, new Uint8Array())).toBe(false);
  });
});

describe('a shard that comes in pieces', () => {
  it('is checked leaf by leaf, however it was cut', () => {
    const bytes = shardOf(3 * LEAF_BYTES + 640);
    const { leafHashes } = digestShard(bytes);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 20 }), (cuts) => {
        const checker = new LeafChecker(bytes.length, leafHashes);
        let at = 0;
        for (let i = 0; at < bytes.length; i++) {
          const end = at + (cuts[i % cuts.length] as number);
          expect(checker.push(bytes.subarray(at, end))).toEqual({
            ok: true,
            value: end >= bytes.length ? 4 : Math.floor(end / LEAF_BYTES),
          });
          at = end;
        }
        expect(checker.finish().ok).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('is refused at the bad leaf, when it is short, and when it goes on', () => {
    const bytes = shardOf(2 * LEAF_BYTES);
    const { leafHashes } = digestShard(bytes);
    const bent = bytes.slice();
    bent[LEAF_BYTES] = (bent[LEAF_BYTES] as number) ^ 1;
    const wrong = new LeafChecker(bytes.length, leafHashes);
    expect(wrong.push(bent)).toMatchObject({ ok: false, reason: 'bad-leaf' });
    expect(wrong.goodLeaves).toBe(1);
    const short = new LeafChecker(bytes.length, leafHashes);
    short.push(bytes.subarray(0, -1));
    expect(short.finish()).toMatchObject({ ok: false, reason: 'incomplete' });
    const long = new LeafChecker(bytes.length, leafHashes);
    expect(long.push(bytes).ok).toBe(true);
    expect(long.push(Uint8Array.of(1))).toMatchObject({ ok: false, reason: 'too-long' });
  });

  it('goes on at a leaf that was reached before', () => {
    const bytes = shardOf(4 * LEAF_BYTES);
    const { leafHashes } = digestShard(bytes);
    const checker = new LeafChecker(bytes.length, leafHashes, 2);
    expect(checker.push(bytes.subarray(2 * LEAF_BYTES))).toEqual({ ok: true, value: 4 });
    expect(checker.finish().ok).toBe(true);
  });
});

describe('audit proofs', () => {
  const length = 9 * LEAF_BYTES + 64;
  const bytes = shardOf(length);
  const { id, leafHashes } = digestShard(bytes);
  const tree = new MerkleTree(leafHashes);
  const leafAt = (leaf: number): Uint8Array => bytes.subarray(leaf * LEAF_BYTES, leaf * LEAF_BYTES + leafLength(length, leaf));

  it('need nothing but the shard id and length', () => {
    for (let leaf = 0; leaf < 10; leaf++) {
      expect(checkLeafProof(id, length, leaf, leafAt(leaf), tree.proof(leaf) as Uint8Array[])).toBe(true);
    }
  });

  it('fail for another leaf, another index, a cut leaf, an index beyond the shard and a path of 10,000 hashes', () => {
    const path = tree.proof(4) as Uint8Array[];
    expect(checkLeafProof(id, length, 4, leafAt(5), path)).toBe(false);
    expect(checkLeafProof(id, length, 5, leafAt(4), path)).toBe(false);
    expect(checkLeafProof(id, length, 4, leafAt(4).subarray(1), path)).toBe(false);
    expect(checkLeafProof(id, length, 10, leafAt(4), path)).toBe(false);
    expect(checkLeafProof(id, length, -1, leafAt(4), path)).toBe(false);
    expect(checkLeafProof(id, length, 4, leafAt(4), new Array<Uint8Array>(10_000).fill(path[0] as Uint8Array))).toBe(false);
    expect(checkLeafProof(id, length + 64, 4, leafAt(4), path)).toBe(false);
  });
});
