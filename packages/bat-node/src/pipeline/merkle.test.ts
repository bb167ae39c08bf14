import { fromHex, sha256, toHex, utf8Bytes } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashLeaf, MerkleTree, merkleRoot, proofLength, rootFromProof, verifyInclusion } from './merkle.ts';

/** Inputs, roots and paths of the reference tests of Certificate Transparency. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  (hex) => fromHex(hex) as Uint8Array,
);
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const PATHS = [
  { index: 0, count: 1, path: [] },
  {
    index: 0,
    count: 8,
    path: [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  },
  {
    index: 5,
    count: 8,
    path: [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
  { index: 2, count: 3, path: ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'] },
  {
    index: 1,
    count: 5,
    path: [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  },
];

const hashes = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => hashLeaf(utf8Bytes(`leaf ${i}`)));

describe('the trees of Certificate Transparency', () => {
  it.each(ROOTS.map((root, count) => ({ count, root })))('has the published root over $count leaves', ({ count, root }) => {
    expect(toHex(merkleRoot(LEAVES.slice(0, count).map(hashLeaf)))).toBe(root);
  });

  it.each(PATHS)('has the published path of leaf $index of $count', ({ index, count, path }) => {
    const leafHashes = LEAVES.slice(0, count).map(hashLeaf);
    const made = new MerkleTree(leafHashes).proof(index) as Uint8Array[];
    expect(made.map(toHex)).toEqual(path);
    expect(verifyInclusion(LEAVES[index] as Uint8Array, index, count, made, fromHex(ROOTS[count] as string) as Uint8Array)).toBe(true);
  });
});

describe('inclusion proofs', () => {
  it('hold for every leaf of every tree of up to 70 leaves, at that place only', () => {
    for (let count = 1; count <= 70; count++) {
      const leafHashes = hashes(count);
      const tree = new MerkleTree(leafHashes);
      const root = tree.root;
      for (let index = 0; index < count; index++) {
        const path = tree.proof(index) as Uint8Array[];
        expect(path).toHaveLength(proofLength(index, count));
        expect(toHex(rootFromProof(leafHashes[index] as Uint8Array, index, count, path) as Uint8Array)).toBe(toHex(root));
        for (const other of [index ^ 1, index + 2, (index + 7) % count]) {
          if (other === index || other >= count) continue;
          const found = rootFromProof(leafHashes[index] as Uint8Array, other, count, path);
          expect(found === undefined || toHex(found) !== toHex(root)).toBe(true);
        }
      }
    }
  });

  it('refuses an inner node that is shown as a leaf', () => {
    const leafHashes = hashes(4);
    const [a, b] = leafHashes as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const inner = merkleRoot([a, b]);
    const sibling = merkleRoot(leafHashes.slice(2));
    const root = merkleRoot(leafHashes);
    // In a tree of two the path would lead from the inner node to the root: the leaf prefix and the count forbid it.
    expect(toHex(rootFromProof(inner, 0, 2, [sibling]) as Uint8Array)).toBe(toHex(root));
    expect(verifyInclusion(inner, 0, 2, [sibling], root)).toBe(false);
    expect(verifyInclusion(new Uint8Array([...a, ...b]), 0, 2, [sibling], root)).toBe(false);
    expect(rootFromProof(inner, 0, 4, [sibling])).toBeUndefined();
  });

  it('refuses an index outside the tree, and a path one hash too long, too short, or 10,000 hashes long', () => {
    const leafHashes = hashes(11);
    const path = new MerkleTree(leafHashes).proof(3) as Uint8Array[];
    const leaf = leafHashes[3] as Uint8Array;
    for (const index of [-1, 11, 12, 2 ** 31, 2 ** 53, 1.5, Number.NaN]) {
      expect(rootFromProof(leaf, index, 11, path)).toBeUndefined();
      expect(new MerkleTree(leafHashes).proof(index)).toBeUndefined();
    }
    expect(rootFromProof(leaf, 3, 11, path.slice(1))).toBeUndefined();
    expect(rootFromProof(leaf, 3, 11, [...path, leaf])).toBeUndefined();
    expect(rootFromProof(leaf, 3, 11, new Array<Uint8Array>(10_000).fill(leaf))).toBeUndefined();
    expect(rootFromProof(leaf, 3, 11, [...path.slice(1), leaf.subarray(1)])).toBeUndefined();
  });

  it('changes its root with any bit of the leaf or the path', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), (count, at, bit) => {
        const leafHashes = hashes(count);
        const index = at % count;
        const proof = [leafHashes[index] as Uint8Array, ...(new MerkleTree(leafHashes).proof(index) as Uint8Array[])].map((hash) =>
          hash.slice(),
        );
        const bent = proof[bit % proof.length] as Uint8Array;
        bent[bit % 32] = (bent[bit % 32] as number) ^ (1 << (bit % 8));
        const [leaf, ...path] = proof as [Uint8Array, ...Uint8Array[]];
        expect(toHex(rootFromProof(leaf, index, count, path) as Uint8Array)).not.toBe(toHex(merkleRoot(leafHashes)));
      }),
    );
  });

  it('tells leaves from nodes by their prefix', () => {
    expect(toHex(hashLeaf(new Uint8Array()))).toBe(toHex(sha256(Uint8Array.of(0))));
  });
});
