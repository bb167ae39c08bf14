// driven: STORE: order checked, quota first, every leaf checked as it arrives, the receipt only after the shard is durable (BN-18, BN-22).
import { equalBytes, hour } from '@batchain/shared';
import { LEAF_BYTES } from '../../limits.ts';
import { makeFileId } from '../../manifest/manifest.ts';
import { checkLeafHashes, LeafChecker } from '../../pipeline/shard.ts';
import type { ShardWriter, StoreOrder, StoreRefusal } from '../../ports.ts';
import type { BatRequest } from '../../wire/frames.ts';
import { withPace } from '../pace-guard.ts';
import type { ServeContext } from '../serve-context.ts';

/** Until COMMIT a shard is kept so long. */
const PROVISIONAL_LEASE_MS: number = 24 * hour;

export async function handleStore(context: ServeContext, request: Extract<BatRequest, { verb: 'store' }>): Promise<void> {
  const { order, leafHashes } = request;
  if (context.parts.isLeaving()) return context.refuse('leaving');
  if (!equalBytes(makeFileId(order.ownerKey, order.fileNonce), order.fileId)) return context.refuse('wrong-file-id');
  const isOwner = context.isOwner(order.ownerKey);
  if (!isOwner && context.store.file(order.fileId)?.isCommitted !== true) return context.refuse('not-owner');
  if (!checkLeafHashes(order.shardId, order.length, leafHashes)) return context.refuse('bad-bytes', 'leaf hashes do not make the shard id');
  if (!isOwner && !(await isInRoster(context, order))) return context.refuse('not-owner');

  const started = await context.store.begin(order, leafHashes, context.runtime.clock.nowMs() + PROVISIONAL_LEASE_MS);
  if (!started.ok) return context.refuse(started.reason, started.detail);
  if (started.value.kind === 'writing') {
    const { writer } = started.value;
    const refusal = await receiveShard(context, order, leafHashes, writer).catch(async (error: unknown) => {
      await writer.abandon();
      throw error;
    });
    if (refusal !== undefined) {
      await writer.abandon();
      return context.refuse(refusal);
    }
    const committed = await writer.commit();
    if (!committed.ok) return context.refuse(committed.reason, committed.detail);
  } else {
    await context.answer({ kind: 'accepted', offset: order.length });
  }
  const file = context.store.file(order.fileId);
  const shard = context.store.shard(order);
  if (file === undefined || shard === undefined) return context.refuse('not-held');
  context.parts.onShardHeld(order.fileId);
  await context.sendReceipt(file, [shard]);
}

/** Takes the data from where the writer stands; undefined when all of it was right and written. */
async function receiveShard(
  context: ServeContext,
  order: StoreOrder,
  leafHashes: readonly Uint8Array[],
  writer: ShardWriter,
): Promise<StoreRefusal | undefined> {
  await context.answer({ kind: 'accepted', offset: writer.offset });
  const checker = new LeafChecker(order.length, leafHashes, Math.ceil(writer.offset / LEAF_BYTES));
  return withPace(context.runtime.clock, context.stream, async () => {
    for (let at = writer.offset; at < order.length; ) {
      const item = await context.stream.next();
      if (item?.kind !== 'data') return 'incomplete';
      if (!checker.push(item.bytes).ok) return 'bad-bytes';
      at += item.bytes.length;
      const written = await writer.write(item.bytes);
      if (!written.ok) return written.reason;
    }
    return checker.finish().ok ? undefined : 'incomplete';
  });
}

/** Somebody else than the owner may restore a shard that the committed roster names. */
async function isInRoster(context: ServeContext, order: StoreOrder): Promise<boolean> {
  const named = await context.store.rosterShardId(order);
  return named !== undefined && equalBytes(named, order.shardId);
}
