// driven: COMMIT: the owner's signed roster turns provisional leases into full ones.
import { day, equalBytes, SIGNATURE_BYTES, toHex } from '@batchain/shared';
import { shardIdAt } from '../../manifest/manifest.ts';
import { openingRoster } from '../../manifest/roster-codec.ts';
import type { HostedFile, HostedShard } from '../../ports.ts';
import type { BatRequest } from '../../wire/frames.ts';
import type { ServeContext } from '../serve-context.ts';

export const FULL_LEASE_MS: number = 30 * day;
type CommitRequest = Extract<BatRequest, { verb: 'commit' }>;

export async function handleCommit(context: ServeContext, request: CommitRequest): Promise<void> {
  const file = context.store.file(request.fileId);
  if (file === undefined) return context.refuse('not-held');
  if (!context.isOwner(file.ownerKey)) return context.refuse('not-owner');
  const peer = toHex(context.session.connection.peer.nodeId);
  if (!context.desk.rosters.take(peer, request.rosterBytes)) return context.refuse('busy', 'too many rosters at a time');
  try {
    await commitRoster(context, request, file);
  } finally {
    context.desk.rosters.give(peer, request.rosterBytes);
  }
}

async function commitRoster(context: ServeContext, request: CommitRequest, file: HostedFile): Promise<void> {
  const bytes = await context.receive(request.rosterBytes + SIGNATURE_BYTES);
  if (bytes === undefined) return context.refuse('incomplete');
  const rosterBytes = bytes.slice(0, request.rosterBytes);
  const signature = bytes.slice(request.rosterBytes);
  const opened = await context.desk.turns.run(openingRoster(context.parts.verifier, rosterBytes, signature));
  if (!opened.ok) return context.refuse('bad-roster', opened.detail);
  const { roster, rosterId } = opened.value;
  const isThis = equalBytes(roster.fileId, request.fileId) && equalBytes(rosterId, request.rosterId);
  if (!isThis || !equalBytes(roster.accessKey, file.accessKey)) return context.refuse('bad-roster', 'it is of something else');

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
