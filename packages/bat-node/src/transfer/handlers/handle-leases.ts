// driven: RENEW, RELEASE and STATUS.
import { hour } from '@batchain/shared';
import type { BatRequest } from '../../wire/frames.ts';
import type { ServeContext } from '../serve-context.ts';
import { FULL_LEASE_MS } from './handle-commit.ts';

const PROVISIONAL_RENEWAL_MS: number = 24 * hour;

export async function handleRenew(context: ServeContext, request: Extract<BatRequest, { verb: 'renew' }>): Promise<void> {
  const file = context.store.file(request.fileId);
  if (file === undefined) return context.refuse('not-held');
  if (!context.isOwner(file.ownerKey)) return context.refuse('not-owner');
  const leaseUntilMs = context.runtime.clock.nowMs() + (file.isCommitted ? FULL_LEASE_MS : PROVISIONAL_RENEWAL_MS);
  const extended = await context.store.extendLease(request.fileId, { leaseUntilMs, isCommitted: file.isCommitted });
  if (!extended.ok) return context.refuse(extended.reason, extended.detail);
  await context.sendReceipt(extended.value, await context.soundShards(request.fileId));
}

export async function handleRelease(context: ServeContext, request: Extract<BatRequest, { verb: 'release' }>): Promise<void> {
  const file = context.store.file(request.fileId);
  if (file === undefined) return context.refuse('not-held');
  if (!context.isOwner(file.ownerKey)) return context.refuse('not-owner');
  const refs = request.refs?.map(([segment, index]) => ({ fileId: request.fileId, segment, index }));
  const count = await context.store.release(request.fileId, refs);
  await context.answer({ kind: 'released', count });
  await context.stream.end();
}

export async function handleStatus(context: ServeContext): Promise<void> {
  const { offerBytes, usedBytes } = context.store.usage();
  const isLeaving = context.parts.isLeaving();
  const roomBytes = isLeaving ? 0 : Math.max(0, await context.store.roomBytes());
  await context.answer({ kind: 'status', offerBytes, usedBytes, roomBytes, isLeaving });
  await context.stream.end();
}
