// driven: HANDOFF: a shard from a host that leaves, vouched for by the owner's signed roster; never a second one of a segment (SH-04).
import { equalBytes, toHex } from '@batchain/shared';
import { makeFileId, type SignedRoster, shardIdAt } from '../../manifest/manifest.ts';
import { checkLeafHashes } from '../../pipeline/shard.ts';
import type { HostedFile, StoreOrder } from '../../ports.ts';
import { LEASE_GRACE_MS } from '../../storage/leases.ts';
import type { BatRequest } from '../../wire/frames.ts';
import { receiveRoster, withRosterRoom } from '../brought-roster.ts';
import type { ServeContext } from '../serve-context.ts';
import { takeShard } from '../take-shard.ts';
import { FULL_LEASE_MS } from './handle-commit.ts';
import { isInRoster, PROVISIONAL_LEASE_MS } from './handle-store.ts';

type HandoffRequest = Extract<BatRequest, { verb: 'handoff' }>;

export async function handleHandoff(context: ServeContext, request: HandoffRequest): Promise<void> {
  const { order, leafHashes } = request;
  if (context.parts.isLeaving()) return context.refuse('leaving');
  if (!equalBytes(makeFileId(order.ownerKey, order.fileNonce), order.fileId)) return context.refuse('wrong-file-id');
  if (!checkLeafHashes(order.shardId, order.length, leafHashes)) return context.refuse('bad-bytes', 'leaf hashes do not make the shard id');
  if (request.leaseUntilMs <= context.runtime.clock.nowMs() - LEASE_GRACE_MS) return context.refuse('lease-over');
  const known = context.store.file(order.fileId);
  if (known !== undefined && !equalBytes(known.accessKey, order.accessKey)) return context.refuse('conflict', 'another access key');
  const { inHand } = context.desk;
  const segment = `${toHex(order.fileId)}/${order.segment}`;
  if (inHand.has(segment)) return context.refuse('busy', 'a shard of the segment is being handed over');
  inHand.add(segment);
  try {
    await takeHanded(context, request, known);
  } finally {
    inHand.delete(segment);
  }
}

async function takeHanded(context: ServeContext, request: HandoffRequest, known: HostedFile | undefined): Promise<void> {
  const { order } = request;
  if (hasSibling(context, order)) return context.refuse('same-segment');
  // What the owner committed here stands, whatever roster somebody shows.
  if (known?.isCommitted === true && known.rosterId !== undefined) {
    return (await isInRoster(context, order))
      ? keep(context, request, undefined)
      : context.refuse('bad-roster', 'the one here names another');
  }
  await withRosterRoom(context, request.rosterBytes, async () => {
    await context.answer({ kind: 'roster-wanted' });
    const opened = await receiveRoster(context, { ...request, fileId: order.fileId, accessKey: order.accessKey });
    if (!opened.ok) return context.refuse(opened.reason, opened.detail);
    const { segments, scheme } = opened.value.roster;
    const named = segments[order.segment];
    const isNamed = named !== undefined && order.index < scheme.totalShards && equalBytes(shardIdAt(named, order.index), order.shardId);
    return isNamed ? keep(context, request, opened.value) : context.refuse('bad-roster', 'it does not name the shard');
  });
}

/** Another shard of the segment that is here. */
function hasSibling({ store }: ServeContext, { fileId, segment, index }: StoreOrder): boolean {
  const held = store.shards(fileId, { after: { fileId, segment, index: -1 }, max: 2 });
  return held.some((shard) => shard.segment === segment && shard.index !== index);
}

/** The shard first, then the roster and the lease that it had where it comes from: never longer than the owner or a full lease allows. */
async function keep(context: ServeContext, request: HandoffRequest, signed: SignedRoster | undefined): Promise<void> {
  const { order, leafHashes } = request;
  const { store, runtime, session, parts, desk } = context;
  const nowMs = runtime.clock.nowMs();
  const before = store.file(order.fileId);
  const keepUntilMs = signed?.roster.keepUntilMs ?? before?.keepUntilMs ?? 0;
  const leaseUntilMs = Math.min(request.leaseUntilMs, nowMs + FULL_LEASE_MS, keepUntilMs > 0 ? keepUntilMs : Number.POSITIVE_INFINITY);
  if (leaseUntilMs <= nowMs - LEASE_GRACE_MS) return context.refuse('lease-over', 'the owner wants it no longer');
  const wasHeld = store.shard(order)?.isDamaged === false;
  // A host has one lease of a file; that of the leaver is as good as any for one that has none.
  const ours = before === undefined ? order : { ...order, leaseId: before.leaseId };
  const provisionalMs = Math.min(nowMs + PROVISIONAL_LEASE_MS, Math.max(nowMs, leaseUntilMs));
  const shard = await takeShard(context, ours, leafHashes, provisionalMs);
  if (shard === undefined) return;
  const forget = async (...why: Parameters<ServeContext['refuse']>): Promise<void> => {
    if (!wasHeld) await store.release(order.fileId, [order]);
    await context.refuse(...why);
  };
  if (!wasHeld && parts.isLeaving()) return forget('leaving');
  if (hasSibling(context, order)) return forget('same-segment');
  if (signed !== undefined) {
    const put = await store.putRoster(order.fileId, signed.rosterId, signed.rosterBytes, signed.signature);
    if (!put.ok) return forget(put.reason, put.detail);
  }
  // Who only shows again what is here does not make the lease longer: that is the owner's to do.
  const isNew = !wasHeld || signed !== undefined;
  const extended = isNew
    ? await store.extendLease(order.fileId, { leaseUntilMs: Math.max(0, leaseUntilMs), isCommitted: true, keepUntilMs })
    : undefined;
  if (extended?.ok === false) return forget(extended.reason, extended.detail);
  const file = store.file(order.fileId);
  if (file === undefined) return context.refuse('not-held');
  parts.onShardHeld(order.fileId);
  desk.handed.note(session.connection.peer.nodeId, order, runtime.clock.monotonicMs());
  await context.sendReceipt(file, [shard]);
}
