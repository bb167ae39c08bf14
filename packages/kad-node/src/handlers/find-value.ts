// driven: answers FIND_VALUE with the records kept here, the holders' contact records where known, and closer contacts.
import { equalBytes } from '@batchain/shared';
import { CONTACTS_BESIDE_RECORDS_MAX, CONTACTS_PER_REPLY_MAX, LIGHT_WORK_MAX } from '../limits.ts';
import { passOn } from '../records/record-store.ts';
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import { CONTACT_SIZE_MAX, roomForRecords } from '../wire/message-sizes.ts';
import type { KadRequest, KadResponse } from '../wire/messages.ts';
import { type AnswerPage, type LaidRecord, layPages, type RecordGroup } from './answer-pages.ts';
import { type HandlerContext, nameableTo, ownRecord, TOO_MUCH_WORK, timeOf } from './handler-context.ts';

type FindValue = Extract<KadRequest, { type: 'find-value' }>;

const ROOM_BYTES: number = roomForRecords();
/** Whatever contacts go beside them, so that the pages are the same for every asker. */
const FIRST_PAGE = { contacts: [], roomBytes: ROOM_BYTES - CONTACTS_BESIDE_RECORDS_MAX * CONTACT_SIZE_MAX };

export function handleFindValue(context: HandlerContext, request: FindValue, asker: RpcRequest): KadResponse {
  // Values go only to who is proved to be where it says (T6).
  if (!asker.isProved) return { type: 'error', code: 'not-proved', detail: 'values are given to proved askers only' };
  const nowMs = timeOf(context).monotonicMs;
  const pages = pagesOf(context, request, asker, nowMs);
  if (pages === undefined) return TOO_MUCH_WORK;
  const groups = pages[request.page]?.groups ?? [];
  const perPage = pages[0]?.groups.length === 0 && pages.length === 1 ? CONTACTS_PER_REPLY_MAX : CONTACTS_BESIDE_RECORDS_MAX;
  const contacts = request.page === 0 ? context.table.closest(request.key, perPage, nameableTo(asker.peer)) : [];
  const records = groups.map(({ record }) => passOn(record, nowMs));
  const holders = groups.flatMap(({ holder }) => (holder === undefined ? [] : [passOn(holder, nowMs)]));
  return { type: 'values', records, holders, contacts, pages: pages.length };
}

/** Those of a moment ago while the key's records are the same; undefined when laying them out is more than we do for this asker. */
function pagesOf(context: HandlerContext, { kind, key }: FindValue, asker: RpcRequest, nowMs: number): readonly AnswerPage[] | undefined {
  if (kind === 'contact' && equalBytes(key, context.table.selfId)) {
    return layPages([FIRST_PAGE], [{ record: ownRecord(context, nowMs) }], ROOM_BYTES);
  }
  const kept = context.store.list(kind, key);
  if (kept.length <= LIGHT_WORK_MAX) return layPages([FIRST_PAGE], groupsOf(context, kind, key, nowMs), ROOM_BYTES);
  const known = context.laidValues.find(kind, key, kept, nowMs);
  if (known !== undefined) return known;
  if (!context.heavyWork.take(kept.length, asker.peer, nowMs)) return undefined;
  const pages = layPages([FIRST_PAGE], groupsOf(context, kind, key, nowMs), ROOM_BYTES);
  context.laidValues.keep(kind, key, kept, pages, nowMs);
  return pages;
}

function groupsOf(context: HandlerContext, kind: FindValue['kind'], key: Uint8Array, nowMs: number): RecordGroup[] {
  return context.store
    .get(kind, key, nowMs)
    .map((record) =>
      kind === 'provider' && !record.isWithdrawal ? { record, holder: holderOf(context, record.publisher, nowMs) } : { record },
    );
}

function holderOf(context: HandlerContext, hostId: Uint8Array, nowMs: number): LaidRecord | undefined {
  if (equalBytes(hostId, context.table.selfId)) return ownRecord(context, nowMs);
  return context.store.get('contact', hostId, nowMs)[0];
}
