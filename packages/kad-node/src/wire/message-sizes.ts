// pure: how much fits into one message, so that handlers can fill pages: an answer that does not fit is the answerer's to page.
import {
  CONTACT_PAGES_MAX,
  CONTACTS_PER_REPLY_MAX,
  HOST_PAGES_MAX,
  PROVIDER_PAGES_MAX,
  RECORDS_PER_MESSAGE_MAX,
  VALUE_PAGES_MAX,
} from '../limits.ts';
import type { AgedRecord, CompactContact, KadRequest } from './messages.ts';
import { REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX } from './session-datagram.ts';

/** Array head, verb, list heads, page count and extension map of the longest kind. */
const FRAME_BYTES = 12;

const uintSize = (value: number): number => (value < 24 ? 1 : value < 0x100 ? 2 : value < 0x1_0000 ? 3 : value < 0x1_0000_0000 ? 5 : 9);

export const CONTACT_SIZE_MAX = 52;

/** 40 bytes with an IPv4, 52 with an IPv6 address. */
export function contactSize(contact: CompactContact): number {
  return contact.address.host.includes(':') ? CONTACT_SIZE_MAX : 40;
}

export function recordSize(record: AgedRecord): number {
  return 1 + uintSize(record.bytes.length) + record.bytes.length + uintSize(Math.floor(record.ageMs));
}

/** Bytes for records in a `nodes` or `values` answer beside these contacts. */
export function roomForRecords(contacts: readonly CompactContact[] = []): number {
  return RESPONSE_BYTES_MAX - FRAME_BYTES - contacts.reduce((sum, contact) => sum + contactSize(contact), 0);
}

/** Bytes for records in one STORE. */
export const STORE_ROOM_BYTES: number = REQUEST_BYTES_MAX - FRAME_BYTES;

/** The longest run of records from the start that fits in `budgetBytes` and in the count limit of a message. */
export function fitRecords(records: readonly AgedRecord[], budgetBytes: number): readonly AgedRecord[] {
  let left = budgetBytes;
  let count = 0;
  for (const record of records) {
    left -= recordSize(record);
    if (left < 0 || count === RECORDS_PER_MESSAGE_MAX) break;
    count += 1;
  }
  return records.slice(0, count);
}

/** All records in their order, cut into pages of at most `budgetBytes`. A record that fits on no page is left out. */
export function pageRecords(records: readonly AgedRecord[], budgetBytes: number): readonly (readonly AgedRecord[])[] {
  const pages: (readonly AgedRecord[])[] = [];
  let rest = records.filter((record) => recordSize(record) <= budgetBytes);
  while (rest.length > 0) {
    const page = fitRecords(rest, budgetBytes);
    pages.push(page);
    rest = rest.slice(page.length);
  }
  return pages;
}

/** All contacts in their order, cut into pages of a reply. */
export function pageContacts(contacts: readonly CompactContact[]): readonly (readonly CompactContact[])[] {
  const pages: (readonly CompactContact[])[] = [];
  for (let at = 0; at < contacts.length; at += CONTACTS_PER_REPLY_MAX) pages.push(contacts.slice(at, at + CONTACTS_PER_REPLY_MAX));
  return pages;
}

/** Pages that an honest node's answer to this request can have; an asker reads no more, whatever the answer says (T3). */
export function pagesMax(request: KadRequest): number {
  if (request.type === 'find-node') return request.wantsHosts ? HOST_PAGES_MAX : CONTACT_PAGES_MAX;
  if (request.type === 'find-value') return request.kind === 'provider' ? PROVIDER_PAGES_MAX : VALUE_PAGES_MAX;
  return 1;
}
