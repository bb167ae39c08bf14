// driven: FETCH, CHALLENGE and HAVE: for whoever proved the file's access key on this connection; no bad leaf leaves this host.
import type { FileId } from '../../ids.ts';
import { HELD_PAGE_MAX, LEAF_BYTES } from '../../limits.ts';
import { MerkleTree } from '../../pipeline/merkle.ts';
import { checkLeaf, leafCount, leafLength } from '../../pipeline/shard.ts';
import type { HostedShard, ShardRef } from '../../ports.ts';
import type { BatRequest } from '../../wire/frames.ts';
import { signStatement } from '../../wire/receipt.ts';
import { type ServeContext, toHeld } from '../serve-context.ts';

/** Read, checked and sent at a time: 16 leaves. */
const READ_BYTES: number = 16 * LEAF_BYTES;

export async function handleFetch(context: ServeContext, request: Extract<BatRequest, { verb: 'fetch' }>): Promise<void> {
  const file = context.openFile(request.fileId, request.proof);
  if (typeof file === 'string') return context.refuse(file);
  const shard = context.store.shard(request);
  if (shard === undefined) return context.refuse('not-held');
  if (shard.isDamaged) return context.refuse('damaged');
  const end = request.offset + request.length;
  if (end > shard.length || request.offset % LEAF_BYTES !== 0) return context.refuse('out-of-range');
  const hashes = context.store.leafHashes(request);
  if (!hashes.ok) return context.refuse(hashes.reason);
  await context.answer({
    kind: 'serving',
    shardBytes: shard.length,
    offset: request.offset,
    length: request.length,
    leafHashes: hashes.value,
  });
  for (let at = request.offset; at < end; at += READ_BYTES) {
    // Whole leaves are read, so that each can be checked; only what was asked for is sent.
    const bytes = await readChecked(context, shard, hashes.value, at, Math.min(READ_BYTES, shard.length - at));
    if (bytes === undefined) return context.refuse('damaged');
    await context.stream.sendData(bytes.subarray(0, end - at));
  }
  await context.stream.end();
}

/** Whole leaves from `offset` on; undefined, and the shard marked, when one of them is not what was stored. */
async function readChecked(
  context: ServeContext,
  shard: HostedShard,
  leafHashes: readonly Uint8Array[],
  offset: number,
  length: number,
): Promise<Uint8Array | undefined> {
  const read = await context.store.read(shard, offset, length);
  let isRight = read.ok;
  for (let at = 0; read.ok && at < length; at += LEAF_BYTES) {
    const leaf = (offset + at) / LEAF_BYTES;
    isRight &&= checkLeaf(shard.length, leafHashes, leaf, read.value.subarray(at, at + LEAF_BYTES));
  }
  if (read.ok && isRight) return read.value;
  context.runtime.log.warn('bat.serve.damaged', { segment: shard.segment, index: shard.index, reason: read.ok ? 'bit-rot' : read.reason });
  await context.store.markDamaged(shard);
  return undefined;
}

export async function handleChallenge(context: ServeContext, request: Extract<BatRequest, { verb: 'challenge' }>): Promise<void> {
  const file = context.openFile(request.fileId, request.proof);
  if (file === 'refused') return context.refuse('refused');
  const trees = new Map<string, { readonly hashes: readonly Uint8Array[]; readonly tree: MerkleTree }>();
  for (const { segment, index, leaf } of request.leaves) {
    const ref: ShardRef = { fileId: request.fileId, segment, index };
    const shard = context.store.shard(ref);
    const known = trees.get(`${segment}/${index}`);
    const hashes = known?.hashes ?? (shard === undefined ? undefined : valueIfOk(context.store.leafHashes(ref)));
    if (shard === undefined || hashes === undefined) return stateMissing(context, request.fileId, ref, 'not-held');
    if (shard.isDamaged) return stateMissing(context, request.fileId, ref, 'damaged');
    if (leaf >= leafCount(shard.length)) return context.refuse('out-of-range');
    const tree = known?.tree ?? new MerkleTree(hashes);
    trees.set(`${segment}/${index}`, { hashes, tree });
    const length = leafLength(shard.length, leaf);
    const bytes = await readChecked(context, shard, hashes, leaf * LEAF_BYTES, length);
    if (bytes === undefined) return stateMissing(context, request.fileId, ref, 'damaged');
    await context.answer({ kind: 'leaf', length, path: tree.proof(leaf) ?? [] });
    await context.stream.sendData(bytes);
  }
  await context.stream.end();
}

const valueIfOk = <T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false }): T | undefined =>
  result.ok ? result.value : undefined;

/** Signs that the shard is gone or damaged: an honest host says so rather than stay silent. */
async function stateMissing(context: ServeContext, fileId: FileId, ref: ShardRef, state: 'not-held' | 'damaged'): Promise<void> {
  const { segment, index } = ref;
  const { signer } = context.parts;
  const statement = { hostKey: signer.publicKey, fileId, segment, index, state, binding: context.session.connection.binding };
  await context.answer({ kind: 'leaf-missing', ...signStatement(signer, statement) });
  await context.stream.end();
}

export async function handleHave(context: ServeContext, request: Extract<BatRequest, { verb: 'have' }>): Promise<void> {
  const file = context.openFile(request.fileId, request.proof);
  if (typeof file === 'string') return context.refuse(file);
  const after = request.after === null ? {} : { after: { fileId: request.fileId, segment: request.after[0], index: request.after[1] } };
  const page = context.store.shards(request.fileId, { ...after, max: HELD_PAGE_MAX });
  await context.answer({ kind: 'held', shards: page.map(toHeld), hasMore: page.length === HELD_PAGE_MAX });
  await context.stream.end();
}
