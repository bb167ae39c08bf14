// driven: answers FIND_VALUE with the records kept here, the holders' contact records where known, and closer contacts.
import { equalBytes } from '@batchain/shared';
import { CONTACTS_BESIDE_RECORDS_MAX, CONTACTS_PER_REPLY_MAX } from '../limits.ts';
import { passOn } from '../records/record-store.ts';
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import type { AgedRecord, KadRequest, KadResponse } from '../wire/messages.ts';
import { layPages, type RecordGroup } from './answer-pages.ts';
import { type HandlerContext, nameableTo, timeOf } from './handler-context.ts';

type FindValue = Extract<KadRequest, { type: 'find-value' }>;

export function handleFindValue(context: HandlerContext, request: FindValue, asker: RpcRequest): KadResponse {
  // Values go only to who is proved to be where it says (T6).
  if (!asker.isProved) return { type: 'error', code: 'not-proved', detail: 'values are given to proved askers only' };
  const groups = groupsOf(context, request);
  const perPage = groups.length === 0 ? CONTACTS_PER_REPLY_MAX : CONTACTS_BESIDE_RECORDS_MAX;
  const contacts = request.page === 0 || groups.length > 0 ? context.table.closest(request.key, perPage, nameableTo(asker.peer)) : [];
  const pages = layPages([contacts], groups);
  const answer = pages[request.page] ?? { records: [], holders: [], contacts: [] };
  return { type: 'values', records: answer.records, holders: answer.holders, contacts: answer.contacts, pages: pages.length };
}

function groupsOf(context: HandlerContext, { kind, key }: FindValue): RecordGroup[] {
  const nowMs = timeOf(context).monotonicMs;
  if (kind === 'contact' && equalBytes(key, context.table.selfId)) {
    const { bytes, ageMs } = context.ownContact();
    return [{ record: { bytes, ageMs } }];
  }
  return context.store.get(kind, key, nowMs).map((stored) => {
    const record = passOn(stored, nowMs);
    return kind === 'provider' && !stored.isWithdrawal ? { record, holder: holderOf(context, stored.publisher, nowMs) } : { record };
  });
}

function holderOf(context: HandlerContext, hostId: Uint8Array, nowMs: number): AgedRecord | undefined {
  if (equalBytes(hostId, context.table.selfId)) {
    const { bytes, ageMs } = context.ownContact();
    return { bytes, ageMs };
  }
  const [contact] = context.store.get('contact', hostId, nowMs);
  return contact === undefined ? undefined : passOn(contact, nowMs);
}
