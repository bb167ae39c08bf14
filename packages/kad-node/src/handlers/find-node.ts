// driven: answers FIND_NODE with the contacts nearest to a target, and with hosts' contact records when asked for.
import { CLOSEST_MAX, CONTACTS_PER_REPLY_MAX } from '../limits.ts';
import { passOn } from '../records/record-store.ts';
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import { pageContacts } from '../wire/message-sizes.ts';
import type { CompactContact, KadRequest, KadResponse } from '../wire/messages.ts';
import { layPages, type RecordGroup } from './answer-pages.ts';
import { type HandlerContext, nameableTo, timeOf } from './handler-context.ts';

type FindNode = Extract<KadRequest, { type: 'find-node' }>;
const NO_RECORDS: readonly never[] = [];

export function handleFindNode(context: HandlerContext, request: FindNode, asker: RpcRequest): KadResponse {
  // Records go only to who is proved to be where it says (T6).
  return request.wantsHosts && asker.isProved ? findHosts(context, request, asker) : findContacts(context, request, asker);
}

/** Only as many contacts are sorted as this page needs. */
function findContacts(context: HandlerContext, { target, page }: FindNode, asker: RpcRequest): KadResponse {
  const from = page * CONTACTS_PER_REPLY_MAX;
  const to = Math.min(CLOSEST_MAX, from + CONTACTS_PER_REPLY_MAX);
  const contacts = from >= to ? NO_RECORDS : context.table.closest(target, to, nameableTo(asker.peer)).slice(from);
  // An upper bound, since the asker may be one of them; a page too many is empty.
  const pages = Math.ceil(Math.min(CLOSEST_MAX, context.table.size) / CONTACTS_PER_REPLY_MAX);
  return { type: 'nodes', contacts, records: NO_RECORDS, pages: Math.max(1, pages) };
}

/** Our own record comes first when we offer space: whoever asks here has found a candidate already. */
function findHosts(context: HandlerContext, { target, page }: FindNode, asker: RpcRequest): KadResponse {
  const nowMs = timeOf(context).monotonicMs;
  const own = context.ownContact();
  const stored = context.store.nearestHosts(target, CLOSEST_MAX, nowMs);
  const others = stored.filter((record) => Buffer.compare(record.key, asker.peer.nodeId) !== 0).map((record) => passOn(record, nowMs));
  const records = own.isHost ? [{ bytes: own.bytes, ageMs: own.ageMs }, ...others] : others;
  const groups = records.map((record): RecordGroup => ({ record }));
  const contacts: CompactContact[] = context.table.closest(target, CLOSEST_MAX, nameableTo(asker.peer));
  const pages = layPages(pageContacts(contacts), groups);
  const answer = pages[page];
  return { type: 'nodes', contacts: answer?.contacts ?? NO_RECORDS, records: answer?.records ?? NO_RECORDS, pages: pages.length };
}
