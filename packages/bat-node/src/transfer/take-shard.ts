// driven: takes one shard to the disk: room first, then every leaf checked as it arrives (BN-18, BN-22).
import { LEAF_BYTES } from '../limits.ts';
import { LeafChecker } from '../pipeline/shard.ts';
import type { HostedShard, ShardWriter, StoreOrder, StoreRefusal } from '../ports.ts';
import { withPace } from './pace-guard.ts';
import type { ServeContext } from './serve-context.ts';

/** The shard, once it is durable; undefined when it was refused, and the peer was told so. */
export async function takeShard(
  context: ServeContext,
  order: StoreOrder,
  leafHashes: readonly Uint8Array[],
  leaseUntilMs: number,
): Promise<HostedShard | undefined> {
  const refuse = async (...why: Parameters<ServeContext['refuse']>): Promise<undefined> => {
    await context.refuse(...why);
    return undefined;
  };
  const started = await context.store.begin(order, leafHashes, leaseUntilMs);
  if (!started.ok) return refuse(started.reason, started.detail);
  if (started.value.kind === 'writing') {
    const { writer } = started.value;
    const refusal = await receiveShard(context, order, leafHashes, writer).catch(async (error: unknown) => {
      await writer.abandon();
      throw error;
    });
    if (refusal !== undefined) {
      await writer.abandon();
      return refuse(refusal);
    }
    const committed = await writer.commit();
    if (!committed.ok) return refuse(committed.reason, committed.detail);
  } else {
    await context.answer({ kind: 'accepted', offset: order.length });
  }
  return context.store.shard(order) ?? refuse('not-held');
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
