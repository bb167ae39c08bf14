// driven: STORE: order checked, quota first, the receipt only after the shard is durable (BN-18, BN-22).
import { equalBytes, hour } from '@batchain/shared';
import { makeFileId } from '../../manifest/manifest.ts';
import { checkLeafHashes } from '../../pipeline/shard.ts';
import type { StoreOrder } from '../../ports.ts';
import type { BatRequest } from '../../wire/frames.ts';
import type { ServeContext } from '../serve-context.ts';
import { takeShard } from '../take-shard.ts';

/** Until COMMIT a shard is kept so long. */
export const PROVISIONAL_LEASE_MS: number = 24 * hour;

export async function handleStore(context: ServeContext, request: Extract<BatRequest, { verb: 'store' }>): Promise<void> {
  const { order, leafHashes } = request;
  if (context.parts.isLeaving()) return context.refuse('leaving');
  if (!equalBytes(makeFileId(order.ownerKey, order.fileNonce), order.fileId)) return context.refuse('wrong-file-id');
  const isOwner = context.isOwner(order.ownerKey);
  if (!isOwner && context.store.file(order.fileId)?.isCommitted !== true) return context.refuse('not-owner');
  if (!checkLeafHashes(order.shardId, order.length, leafHashes)) return context.refuse('bad-bytes', 'leaf hashes do not make the shard id');
  if (!isOwner && !(await isInRoster(context, order))) return context.refuse('not-owner');
  const wasHeld = context.store.shard(order)?.isDamaged === false;
  const shard = await takeShard(context, order, leafHashes, context.runtime.clock.nowMs() + PROVISIONAL_LEASE_MS);
  if (shard === undefined) return;
  // It began to leave meanwhile: better stored elsewhere now than handed on, or left.
  if (!wasHeld && context.parts.isLeaving()) {
    await context.store.release(order.fileId, [order]);
    return context.refuse('leaving');
  }
  const file = context.store.file(order.fileId);
  if (file === undefined) return context.refuse('not-held');
  context.parts.onShardHeld(order.fileId);
  await context.sendReceipt(file, [shard]);
}

/** Somebody else than the owner may restore a shard that the committed roster names. */
export async function isInRoster(context: ServeContext, order: StoreOrder): Promise<boolean> {
  const named = await context.store.rosterShardId(order);
  return named !== undefined && equalBytes(named, order.shardId);
}
