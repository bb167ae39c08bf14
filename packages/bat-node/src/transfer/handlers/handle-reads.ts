// driven: FETCH, CHALLENGE and HAVE: for whoever proved the file's access key on this connection; no bad leaf leaves this host.
import { toHex } from '@batchain/shared';
import type { FileId } from '../../ids.ts';
import { HELD_PAGE_MAX, LEAF_BYTES } from '../../limits.ts';
import { MerkleTree } from '../../pipeline/merkle.ts';
import { checkLeaf, leafCount, leafLength } from '../../pipeline/shard.ts';
import type { HostedShard, MovedFile, ReadFailure, ShardRef } from '../../ports.ts';
import type { BatRequest } from '../../wire/frames.ts';
import { signStatement } from '../../wire/receipt.ts';
import { type ServeContext, toHeld } from '../serve-context.ts';

/** Read, checked and sent at a time: 16 leaves. */
const READ_BYTES: number = 16 * LEAF_BYTES;

export async function handleFetch(context: ServeContext, request: Extract<BatRequest, { verb: 'fetch' }>): Promise<void> {
  if (context.openFile(request.fileId, request.proof) === 'refused') return context.refuse('refused');
  const shard = context.store.shard(request);
  if (shard === undefined) return answerAbsent(context, request, request.proof);
  if (shard.isDamaged) return stateMissing(context, request, 'damaged');
  const end = request.offset + request.length;
  if (end > shard.length || request.offset % LEAF_BYTES !== 0) return context.refuse('out-of-range');
  const hashes = context.store.leafHashes(request);
  if (!hashes.ok) return answerFailure(context, request, hashes.reason);
  await context.answer({
    kind: 'serving',
    shardBytes: shard.length,
    offset: request.offset,
    length: request.length,
    leafHashes: hashes.value,
  });
  // Whole leaves are read, so that each can be checked; only what was asked for is sent. The disk works ahead of the wire.
  const readAt = (at: number) => {
    const read = readChecked(context, shard, hashes.value, at, Math.min(READ_BYTES, shard.length - at));
    // When the stream ends first nobody looks at what was read ahead.
    read.catch(() => undefined);
    return read;
  };
  let ahead = readAt(request.offset);
  for (let at = request.offset; at < end; at += READ_BYTES) {
    const bytes = await ahead;
    if (typeof bytes === 'string') return answerFailure(context, request, bytes);
    if (at + READ_BYTES < end) ahead = readAt(at + READ_BYTES);
    await context.send(bytes.subarray(0, end - at));
  }
  await context.stream.end();
}

/** Whole leaves from `offset` on, each checked; a shard with a wrong one is marked, so that it is stored anew. */
async function readChecked(
  context: ServeContext,
  shard: HostedShard,
  leafHashes: readonly Uint8Array[],
  offset: number,
  length: number,
): Promise<Uint8Array | ReadFailure> {
  const read = await context.store.read(shard, offset, length);
  if (!read.ok) return read.reason;
  for (let at = 0; at < length; at += LEAF_BYTES) {
    const leaf = (offset + at) / LEAF_BYTES;
    if (checkLeaf(shard.length, leafHashes, leaf, read.value.subarray(at, at + LEAF_BYTES))) continue;
    context.runtime.log.warn('bat.serve.damaged', { shard: shard.shardId, leaf });
    await context.store.markDamaged(shard);
    return 'damaged';
  }
  return read.value;
}

/** The last word on a stream whose shard cannot be served: signed when the host is to blame for it. */
function answerFailure(context: ServeContext, ref: ShardRef, reason: ReadFailure): Promise<void> {
  return reason === 'io-error' ? context.refuse('io-error') : stateMissing(context, ref, reason);
}

export async function handleChallenge(context: ServeContext, request: Extract<BatRequest, { verb: 'challenge' }>): Promise<void> {
  const { fileId, proof } = request;
  const asked = request.leaves.map(({ segment, index }) => ({ fileId, segment, index }));
  // Who handed the shards over has no access to the file, and is to delete his own when these are proved.
  if (context.openFile(fileId, proof) === 'refused' && !context.isFromPeer(asked)) return context.refuse('refused');
  // Each shard's tree is built once, and only that of the shard in work is kept.
  if (!areTogether(request.leaves)) return context.refuse('malformed', 'the leaves of one shard stand together');
  let tree: ShardTree | undefined;
  for (const { segment, index, leaf } of request.leaves) {
    if (tree?.shard.segment !== segment || tree.shard.index !== index) {
      await context.desk.turns.next();
      const built = buildTree(context, { fileId, segment, index });
      if (built === 'not-held') return answerAbsent(context, { fileId, segment, index }, proof);
      if (typeof built === 'string') return answerFailure(context, { fileId, segment, index }, built);
      tree = built;
    }
    const { shard, hashes } = tree;
    if (leaf >= leafCount(shard.length)) return context.refuse('out-of-range');
    const length = leafLength(shard.length, leaf);
    const bytes = await readChecked(context, shard, hashes, leaf * LEAF_BYTES, length);
    if (typeof bytes === 'string') return answerFailure(context, shard, bytes);
    await context.answer({ kind: 'leaf', length, path: tree.tree.proof(leaf) ?? [] });
    await context.send(bytes);
  }
  await context.stream.end();
}

/** False when a shard comes again after another one. */
function areTogether(leaves: readonly Pick<ShardRef, 'segment' | 'index'>[]): boolean {
  const shards = leaves.map(({ segment, index }) => `${segment}:${index}`);
  const changes = shards.filter((shard, i) => shard !== shards[i - 1]);
  return new Set(changes).size === changes.length;
}

interface ShardTree {
  readonly shard: HostedShard;
  readonly hashes: readonly Uint8Array[];
  readonly tree: MerkleTree;
}

function buildTree(context: ServeContext, ref: ShardRef): ShardTree | ReadFailure {
  const shard = context.store.shard(ref);
  if (shard === undefined) return 'not-held';
  if (shard.isDamaged) return 'damaged';
  const hashes = context.store.leafHashes(ref);
  return hashes.ok ? { shard, hashes: hashes.value, tree: new MerkleTree(hashes.value) } : hashes.reason;
}

/** The last word on a stream whose shard is not here: who has it, if it was handed over, else this host's signed word (SH-12). */
export async function answerAbsent(context: ServeContext, ref: ShardRef, proof: Uint8Array): Promise<void> {
  const host = context.movedTo(ref, proof);
  if (host === undefined) return stateMissing(context, ref, 'not-held');
  await context.answer({ kind: 'moved', host });
  await context.stream.end();
}

/** Signs that the shard is gone or damaged: an honest host says so rather than stay silent. */
export async function stateMissing(context: ServeContext, ref: ShardRef, state: 'not-held' | 'damaged'): Promise<void> {
  const { fileId, segment, index } = ref;
  const { signer } = context.parts;
  const statement = { hostKey: signer.publicKey, fileId, segment, index, state, binding: context.session.connection.binding };
  await context.answer({ kind: 'leaf-missing', ...signStatement(signer, statement) });
  await context.stream.end();
}

export async function handleHave(context: ServeContext, request: Extract<BatRequest, { verb: 'have' }>): Promise<void> {
  const file = context.openFile(request.fileId, request.proof);
  const moved = file === 'refused' ? undefined : context.moved(request.fileId, request.proof);
  if (typeof file === 'string' && moved === undefined) return context.refuse(file);
  const after = request.after === null ? undefined : { fileId: request.fileId, segment: request.after[0], index: request.after[1] };
  const page = await context.shards(request.fileId, HELD_PAGE_MAX, after);
  const hasMore = page.length === HELD_PAGE_MAX;
  await context.answer({ kind: 'held', shards: page.map(toHeld), hasMore });
  if (!hasMore && moved !== undefined) await answerMoved(context, request.fileId, moved);
  await context.stream.end();
}

/** Names the holders of what was handed over; what has come again since is not among it. */
async function answerMoved(context: ServeContext, fileId: FileId, { hosts, places }: MovedFile): Promise<void> {
  const numbers = new Map(hosts.map((host, number) => [toHex(host), number]));
  const gone = places.filter(({ segment, index }) => context.store.shard({ fileId, segment, index }) === undefined);
  if (gone.length === 0) return;
  const named = gone.map(({ segment, index, host }) => [segment, index, numbers.get(toHex(host)) ?? 0] as const);
  await context.answer({ kind: 'moved-places', hosts, places: named });
}
