// pure: cuts an answer into pages that fit a datagram, the same for every request of the same key.
import { MUTABLE_KEPT_MS, RECORDS_PER_MESSAGE_MAX } from '../limits.ts';
import { recordSize } from '../wire/message-sizes.ts';
import type { CompactContact } from '../wire/messages.ts';

/** A record, and when its life began on our clock: a page may be given out a little later than it was laid. */
export interface LaidRecord {
  readonly bytes: Uint8Array;
  readonly receivedMs: number;
}

/** A record and, beside it in the same page, the contact record of whom it names. */
export interface RecordGroup {
  readonly record: LaidRecord;
  readonly holder?: LaidRecord | undefined;
  /** Whose contact record it is: nobody is told of itself. */
  readonly about?: Uint8Array;
}

/** What is in a page of its own or beside contacts, and how many bytes of it are for records. */
export interface PageRoom {
  readonly contacts: readonly CompactContact[];
  readonly roomBytes: number;
}

export interface AnswerPage {
  readonly contacts: readonly CompactContact[];
  readonly groups: readonly RecordGroup[];
}

/** With the longest age that it can have. */
const sizeOf = ({ bytes }: LaidRecord): number => recordSize({ bytes, ageMs: MUTABLE_KEPT_MS });
const groupSize = ({ record, holder }: RecordGroup): number => sizeOf(record) + (holder === undefined ? 0 : sizeOf(holder));

/** Lays groups into the room beside each page's contacts, in order, and onto further pages of their own; at least one page. */
export function layPages(first: readonly PageRoom[], groups: readonly RecordGroup[], roomBytes: number): AnswerPage[] {
  const pages: AnswerPage[] = [];
  let at = 0;
  while (pages.length === 0 || pages.length < first.length || at < groups.length) {
    const page = first[pages.length];
    const laid: RecordGroup[] = [];
    let room = page?.roomBytes ?? roomBytes;
    for (; at < groups.length && laid.length < RECORDS_PER_MESSAGE_MAX; at++) {
      const group = groups[at] as RecordGroup;
      const size = groupSize(group);
      if (size > room) break;
      room -= size;
      laid.push(group);
    }
    // What does not fit beside nothing fits nowhere; the record limits exclude it, and it must not end in an endless list.
    if (page === undefined && laid.length === 0 && at < groups.length) at++;
    pages.push({ contacts: page?.contacts ?? [], groups: laid });
  }
  return pages;
}
