// driven: answers GET_CONTACT with our own contact record, or with one that is kept here.
import { equalBytes } from '@batchain/shared';
import { passOn } from '../records/record-store.ts';
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import type { KadRequest, KadResponse } from '../wire/messages.ts';
import { type HandlerContext, timeOf } from './handler-context.ts';

type GetContact = Extract<KadRequest, { type: 'get-contact' }>;

export function handleGetContact(context: HandlerContext, { nodeId }: GetContact, asker: RpcRequest): KadResponse {
  if (nodeId === null || equalBytes(nodeId, context.table.selfId)) {
    const { bytes, ageMs } = context.ownContact();
    return { type: 'contact', record: { bytes, ageMs } };
  }
  if (!asker.isProved) return { type: 'error', code: 'not-proved', detail: 'records of others are given to proved askers only' };
  const nowMs = timeOf(context).monotonicMs;
  const [stored] = context.store.get('contact', nodeId, nowMs);
  return { type: 'contact', record: stored === undefined ? null : passOn(stored, nowMs) };
}
