// pure: Merkle trees of RFC 6962 section 2.1 (SHA-256, 0x00 before leaves, 0x01 before nodes): roots and inclusion proofs.
import { createHash } from 'node:crypto';
import { equalBytes, plainBytes } from '@batchain/shared';

export const HASH_BYTES = 32;
const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** SHA-256(0x00, leaf). */
export function hashLeaf(leaf: Uint8Array): Uint8Array {
  return plainBytes(createHash('sha256').update(LEAF_PREFIX).update(leaf).digest());
}

function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  return plainBytes(createHash('sha256').update(NODE_PREFIX).update(left).update(right).digest());
}

/**
 * All levels of a tree over leaf hashes. Pairing neighbours and lifting an odd last one gives the same tree as the RFC's
 * split at powers of two.
 */
export class MerkleTree {
  readonly #levels: (readonly Uint8Array[])[];

  constructor(leafHashes: readonly Uint8Array[]) {
    this.#levels = [leafHashes];
    for (let level = leafHashes; level.length > 1; ) {
      const above: Uint8Array[] = [];
      for (let i = 0; i + 1 < level.length; i += 2) above.push(hashNode(level[i] as Uint8Array, level[i + 1] as Uint8Array));
      if (level.length % 2 === 1) above.push(level[level.length - 1] as Uint8Array);
      this.#levels.push(above);
      level = above;
    }
  }

  /** SHA-256 of nothing for a tree without leaves (RFC 6962). */
  get root(): Uint8Array {
    return this.#levels.at(-1)?.[0] ?? plainBytes(createHash('sha256').digest());
  }

  /** The audit path PATH(m, D[n]) of RFC 6962 section 2.1.1, nearest sibling first; undefined when the index is out of range. */
  proof(index: number): Uint8Array[] | undefined {
    if (!Number.isInteger(index) || index < 0 || index >= (this.#levels[0]?.length ?? 0)) return undefined;
    return this.#levels.flatMap((level, height) => level[(index >>> height) ^ 1] ?? []);
  }
}

/** Root over leaf hashes. */
export function merkleRoot(leafHashes: readonly Uint8Array[]): Uint8Array {
  return new MerkleTree(leafHashes).root;
}

/** Length of the path of one leaf in a tree of `leafCount`; at most 32. */
export function proofLength(index: number, leafCount: number): number {
  let length = 0;
  let at = index;
  for (let last = leafCount - 1; last > 0; last = last >>> 1) {
    if (at !== last || at % 2 === 1) length++;
    at = at >>> 1;
  }
  return length;
}

/**
 * The root that the leaf hash and path lead to (RFC 9162 section 2.1.3.2); undefined when the index is out of range, the
 * path is not exactly as long as index and count demand, or one of its hashes is not 32 bytes. Constant memory.
 */
export function rootFromProof(leafHash: Uint8Array, index: number, leafCount: number, path: readonly Uint8Array[]): Uint8Array | undefined {
  if (!Number.isInteger(index) || !Number.isInteger(leafCount) || index < 0 || index >= leafCount || leafCount > 2 ** 31) return undefined;
  if (path.length !== proofLength(index, leafCount) || path.some((hash) => hash.length !== HASH_BYTES)) return undefined;
  let hash = leafHash;
  let at = index;
  let last = leafCount - 1;
  for (const sibling of path) {
    if (at % 2 === 1 || at === last) {
      hash = hashNode(sibling, hash);
      while (at % 2 === 0 && at !== 0) {
        at = at >>> 1;
        last = last >>> 1;
      }
    } else {
      hash = hashNode(hash, sibling);
    }
    at = at >>> 1;
    last = last >>> 1;
  }
  return hash;
}

/** True when these very leaf bytes stand at `index` of the tree of `leafCount` leaves with this root. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  leafCount: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  const found = rootFromProof(hashLeaf(leaf), index, leafCount, path);
  return found !== undefined && equalBytes(found, root);
}
