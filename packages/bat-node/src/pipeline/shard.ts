// pure: shards as hashed things: leaves of 16 KiB, the shard id, and checks of leaves, leaf hashes and audit proofs.
import { createHash, type Hash } from 'node:crypto';
import { assert, equalBytes, fail, ok, plainBytes, type Result, sha256, uintBytes, utf8Bytes } from '@batchain/shared';
import type { ShardId } from '../ids.ts';
import { LEAF_BYTES, SHARD_ALIGN_BYTES, SHARD_BYTES_MAX } from '../limits.ts';
import { HASH_BYTES, hashLeaf, merkleRoot, rootFromProof } from './merkle.ts';
import type { ShardDigest } from './types.ts';

/** Before everything that is hashed into a shard id. */
const SHARD_TAG: Uint8Array = utf8Bytes('batchain/shard/1\0');

/** True for the lengths that shards have: whole steps of 64 bytes, none empty, none above the limit. */
export function isShardLength(length: number): boolean {
  return Number.isSafeInteger(length) && length > 0 && length % SHARD_ALIGN_BYTES === 0 && length <= SHARD_BYTES_MAX;
}

/** Leaves of a shard of that many bytes. */
export function leafCount(shardLength: number): number {
  return Math.ceil(shardLength / LEAF_BYTES);
}

/** Bytes of one leaf; the last may be short. */
export function leafLength(shardLength: number, leaf: number): number {
  return Math.min(LEAF_BYTES, shardLength - leaf * LEAF_BYTES);
}

/** SHA-256(tag, length as 8 bytes big-endian, Merkle root). */
export function shardIdFrom(length: number, root: Uint8Array): ShardId {
  return sha256(SHARD_TAG, uintBytes(length, 8), root) as ShardId;
}

/** Hashes a whole shard (DF-15: the id follows from the bytes alone). */
export function digestShard(bytes: Uint8Array): ShardDigest {
  const leafHashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += LEAF_BYTES) leafHashes.push(hashLeaf(bytes.subarray(at, at + LEAF_BYTES)));
  return { id: shardIdFrom(bytes.length, merkleRoot(leafHashes)), length: bytes.length, leafHashes };
}

/** True when the leaf hashes are those of the shard with this id and length; then each leaf can be checked alone. */
export function checkLeafHashes(id: ShardId, length: number, leafHashes: readonly Uint8Array[]): boolean {
  if (!isShardLength(length) || leafHashes.length !== leafCount(length)) return false;
  if (leafHashes.some((hash) => hash.length !== HASH_BYTES)) return false;
  return equalBytes(shardIdFrom(length, merkleRoot(leafHashes)), id);
}

/** True when these bytes are leaf number `leaf` of the shard whose (checked) leaf hashes are given. */
export function checkLeaf(shardLength: number, leafHashes: readonly Uint8Array[], leaf: number, bytes: Uint8Array): boolean {
  const expected = leafHashes[leaf];
  return expected !== undefined && bytes.length === leafLength(shardLength, leaf) && equalBytes(hashLeaf(bytes), expected);
}

/**
 * Checks the answer to an audit challenge against the shard id alone: leaf bytes and Merkle path. Refuses an inner node in
 * a leaf's place, an index at or above the leaf count, a wrong leaf length, and a path of any other than the exact length.
 */
export function checkLeafProof(id: ShardId, shardLength: number, leaf: number, bytes: Uint8Array, path: readonly Uint8Array[]): boolean {
  if (!isShardLength(shardLength) || !Number.isInteger(leaf) || leaf < 0 || leaf >= leafCount(shardLength)) return false;
  if (bytes.length !== leafLength(shardLength, leaf)) return false;
  const root = rootFromProof(hashLeaf(bytes), leaf, leafCount(shardLength), path);
  return root !== undefined && equalBytes(shardIdFrom(shardLength, root), id);
}

export type LeafFailure = 'bad-leaf' | 'too-long' | 'incomplete';

/** Checks a shard's bytes as they come, in pieces of any length, against its (checked) leaf hashes. */
export class LeafChecker {
  readonly #length: number;
  readonly #leafHashes: readonly Uint8Array[];
  #hash: Hash | undefined;
  #leaf: number;
  /** Bytes hashed of the leaf in work. */
  #taken = 0;

  /** `firstLeaf`: where the bytes begin, when earlier leaves are there already. */
  constructor(shardLength: number, leafHashes: readonly Uint8Array[], firstLeaf = 0) {
    assert(leafHashes.length === leafCount(shardLength), 'there is one hash for each leaf');
    this.#length = shardLength;
    this.#leafHashes = leafHashes;
    this.#leaf = firstLeaf;
  }

  /** Whole leaves that were right, counted from the start of the shard. */
  get goodLeaves(): number {
    return this.#leaf;
  }

  /** The number of good leaves so far, or the failure at leaf `goodLeaves`, after which nothing may follow. */
  push(bytes: Uint8Array): Result<number, LeafFailure> {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#leaf >= this.#leafHashes.length) return fail('too-long', `more than ${this.#length} bytes`);
      this.#hash ??= createHash('sha256').update(Uint8Array.of(0));
      const wanted = leafLength(this.#length, this.#leaf) - this.#taken;
      const part = rest.subarray(0, wanted);
      this.#hash.update(part);
      this.#taken += part.length;
      rest = rest.subarray(part.length);
      if (part.length < wanted) break;
      const hash = plainBytes(this.#hash.digest());
      this.#hash = undefined;
      this.#taken = 0;
      if (!equalBytes(hash, this.#leafHashes[this.#leaf] as Uint8Array)) return fail('bad-leaf', `leaf ${this.#leaf}`);
      this.#leaf++;
    }
    return ok(this.#leaf);
  }

  /** Ok when every leaf was there and right. */
  finish(): Result<void, LeafFailure> {
    return this.#leaf === this.#leafHashes.length
      ? ok(undefined)
      : fail('incomplete', `${this.#leaf} of ${this.#leafHashes.length} leaves`);
  }
}
