// driven: answers FIND_NODE with the contacts nearest to a target, and with hosts' contact records when asked for.
import { equalBytes, isPrivateHost } from '@batchain/shared';
import { CLOSEST_MAX, CONTACTS_PER_REPLY_MAX, HOSTS_PER_WORK } from '../limits.ts';
import { passOn } from '../records/record-store.ts';
import type { RpcRequest } from '../rpc/kad-rpc.ts';
import { pageContacts, roomForRecords } from '../wire/message-sizes.ts';
import type { CompactContact, KadRequest, KadResponse } from '../wire/messages.ts';
import { type AnswerPage, type LaidRecord, layPages, type RecordGroup } from './answer-pages.ts';
import { type HandlerContext, nameableIn, nameableTo, ownRecord, TOO_MUCH_WORK, timeOf } from './handler-context.ts';

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

function findHosts(context: HandlerContext, { target, page }: FindNode, asker: RpcRequest): KadResponse {
  const nowMs = timeOf(context).monotonicMs;
  const pages = pagesOf(context, target, asker, nowMs);
  if (pages === undefined) return TOO_MUCH_WORK;
  const { nodeId } = asker.peer;
  const contacts = pages[page]?.contacts.filter((contact) => !equalBytes(contact.nodeId, nodeId)) ?? NO_RECORDS;
  const groups = pages[page]?.groups.filter(({ about }) => about === undefined || !equalBytes(about, nodeId)) ?? NO_RECORDS;
  return { type: 'nodes', contacts, records: groups.map(({ record }) => passOn(record, nowMs)), pages: pages.length };
}

/** Those of a moment ago while the hosts kept here are the same; undefined when choosing them is more than we do for this asker. */
function pagesOf(context: HandlerContext, target: Uint8Array, { peer }: RpcRequest, nowMs: number): readonly AnswerPage[] | undefined {
  const { store, laidHosts, heavyWork } = context;
  const isPrivate = isPrivateHost(peer.address.host);
  const own = context.ownContact();
  const basis = `${store.hostChanges} ${own.isHost ? Buffer.from(own.bytes.buffer, own.bytes.byteOffset, own.bytes.length).toString('latin1') : ''}`;
  const question = isPrivate ? 'hosts, in private ranges too ' : 'hosts ';
  const known = laidHosts.find(question, target, basis, nowMs);
  if (known !== undefined) return known;
  const work = Math.ceil(store.hostCount / HOSTS_PER_WORK) + Math.min(CLOSEST_MAX, store.hostCount);
  if (!heavyWork.take(work, peer, nowMs)) return undefined;
  const contacts: CompactContact[] = context.table.closest(target, CLOSEST_MAX, nameableIn(isPrivate));
  const first = pageContacts(contacts).map((some) => ({ contacts: some, roomBytes: roomForRecords(some) }));
  const pages = layPages(first, hostsNear(context, target, own.isHost ? ownRecord(context, nowMs) : undefined, nowMs), roomForRecords());
  laidHosts.keep(question, target, basis, pages, nowMs);
  return pages;
}

/** Our own record comes first when we offer space: whoever asks here has found a candidate already. */
function hostsNear(context: HandlerContext, target: Uint8Array, own: LaidRecord | undefined, nowMs: number): RecordGroup[] {
  const stored = context.store.nearestHosts(target, CLOSEST_MAX, nowMs).map((record) => ({ record, about: record.key }));
  return own === undefined ? stored : [{ record: own }, ...stored];
}
