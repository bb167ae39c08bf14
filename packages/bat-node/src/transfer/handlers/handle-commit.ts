// driven: COMMIT: the owner's signed roster turns provisional leases into full ones.
import { day, equalBytes } from '@batchain/shared';
import { shardIdAt } from '../../manifest/manifest.ts';
import type { HostedFile, HostedShard } from '../../ports.ts';
import type { BatRequest } from '../../wire/frames.ts';
import { receiveRoster, withRosterRoom } from '../brought-roster.ts';
import type { ServeContext } from '../serve-context.ts';

export const FULL_LEASE_MS: number = 30 * day;
type CommitRequest = Extract<BatRequest, { verb: 'commit' }>;

export async function handleCommit(context: ServeContext, request: CommitRequest): Promise<void> {
  const file = context.store.file(request.fileId);
  if (file === undefined) return context.refuse('not-held');
  if (!context.isOwner(file.ownerKey)) return context.refuse('not-owner');
  await withRosterRoom(context, request.rosterBytes, () => commitRoster(context, request, file));
}

async function commitRoster(context: ServeContext, request: CommitRequest, file: HostedFile): Promise<void> {
  const opened = await receiveRoster(context, { ...request, accessKey: file.accessKey });
  if (!opened.ok) return context.refuse(opened.reason, opened.detail);
  const { roster, rosterId, rosterBytes, signature } = opened.value;

  const named: HostedShard[] = [];
  // A place with another shard than the roster's is of no use to anybody.
  const strays: HostedShard[] = [];
  for (const shard of await context.soundShards(request.fileId)) {
    const segment = roster.segments[shard.segment];
    const isNamed =
      segment !== undefined && shard.index < roster.scheme.totalShards && equalBytes(shardIdAt(segment, shard.index), shard.shardId);
    (isNamed ? named : strays).push(shard);
  }
  if (strays.length > 0) await context.store.release(request.fileId, strays);
  if (named.length === 0) return context.refuse('not-held');

  const put = await context.store.putRoster(request.fileId, rosterId, rosterBytes, signature);
  if (!put.ok) return context.refuse(put.reason, put.detail);
  const leaseUntilMs = context.runtime.clock.nowMs() + FULL_LEASE_MS;
  const extended = await context.store.extendLease(request.fileId, { leaseUntilMs, isCommitted: true, keepUntilMs: roster.keepUntilMs });
  if (!extended.ok) return context.refuse(extended.reason, extended.detail);
  await context.sendReceipt(extended.value, named);
}
