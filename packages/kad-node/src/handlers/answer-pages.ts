// pure: cuts an answer into pages that fit a datagram, the same for every request of the same key.
import { RECORDS_PER_MESSAGE_MAX } from '../limits.ts';
import { recordSize, roomForRecords } from '../wire/message-sizes.ts';
import type { AgedRecord, CompactContact } from '../wire/messages.ts';

/** A record and, beside it in the same page, the contact record of whom it names. */
export interface RecordGroup {
  readonly record: AgedRecord;
  readonly holder?: AgedRecord | undefined;
}

export interface AnswerPage {
  readonly contacts: readonly CompactContact[];
  readonly records: readonly AgedRecord[];
  readonly holders: readonly AgedRecord[];
}

const sizeOf = (group: RecordGroup): number => recordSize(group.record) + (group.holder === undefined ? 0 : recordSize(group.holder));

/** Lays groups into the room beside each page's contacts, in order, and onto further pages of their own; at least one page. */
export function layPages(contactPages: readonly (readonly CompactContact[])[], groups: readonly RecordGroup[]): AnswerPage[] {
  const pages: AnswerPage[] = [];
  let at = 0;
  while (pages.length === 0 || pages.length < contactPages.length || at < groups.length) {
    const contacts = contactPages[pages.length] ?? [];
    const records: AgedRecord[] = [];
    const holders: AgedRecord[] = [];
    let room = roomForRecords(contacts);
    for (; at < groups.length && records.length < RECORDS_PER_MESSAGE_MAX; at++) {
      const group = groups[at] as RecordGroup;
      if (sizeOf(group) > room) break;
      room -= sizeOf(group);
      records.push(group.record);
      if (group.holder !== undefined) holders.push(group.holder);
    }
    // What does not fit beside nothing fits nowhere; the record limits exclude it, and it must not end in an endless list.
    if (contacts.length === 0 && records.length === 0 && at < groups.length) at++;
    pages.push({ contacts, records, holders });
  }
  return pages;
}
