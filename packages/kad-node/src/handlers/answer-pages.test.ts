import { CONTACT_RECORD_BYTES_MAX, hour, type NodeId, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import {
  CLOSEST_MAX,
  CONTACTS_BESIDE_RECORDS_MAX,
  CONTACTS_PER_REPLY_MAX,
  PROVIDER_RECORD_BYTES_MAX,
  RECORD_BYTES_MAX,
  RECORDS_PER_KEY_MAX,
} from '../limits.ts';
import { passOn } from '../records/record-store.ts';
import { encodeResponse } from '../wire/message-codecs.ts';
import { CONTACT_SIZE_MAX, pageContacts, pagesMax, roomForRecords } from '../wire/message-sizes.ts';
import type { KadRequest } from '../wire/messages.ts';
import { RESPONSE_BYTES_MAX } from '../wire/session-datagram.ts';
import { layPages, type RecordGroup } from './answer-pages.ts';

const KEY = sha256(uintBytes(0, 8));
const ROOM = roomForRecords();
const record = (length: number) => ({ bytes: new Uint8Array(length), receivedMs: 0 });
const contacts = Array.from({ length: CLOSEST_MAX }, (_, n) => ({
  nodeId: sha256(uintBytes(n, 8)) as NodeId,
  address: { host: `2001:db8::${n + 1}`, port: 4870 },
}));
const findValue = (kind: 'provider' | 'mutable'): KadRequest => ({ type: 'find-value', kind, key: KEY, page: 0 });
const firstPage = { contacts: [], roomBytes: ROOM - CONTACTS_BESIDE_RECORDS_MAX * CONTACT_SIZE_MAX };

describe('layPages', () => {
  it('T3 never has more pages than an asker reads, with the longest records and addresses', () => {
    const group: RecordGroup = { record: record(PROVIDER_RECORD_BYTES_MAX), holder: record(CONTACT_RECORD_BYTES_MAX) };
    const providers = layPages([firstPage], Array<RecordGroup>(RECORDS_PER_KEY_MAX).fill(group), ROOM);
    expect(providers.length).toBe(pagesMax(findValue('provider')));
    expect(layPages([firstPage], [{ record: record(RECORD_BYTES_MAX) }], ROOM).length).toBe(pagesMax(findValue('mutable')));
    const first = pageContacts(contacts).map((some) => ({ contacts: some, roomBytes: roomForRecords(some) }));
    const hosts = Array<RecordGroup>(CLOSEST_MAX + 1).fill({ record: record(CONTACT_RECORD_BYTES_MAX) });
    expect(layPages(first, hosts, ROOM).length).toBe(pagesMax({ type: 'find-node', target: KEY, wantsHosts: true, page: 0 }));
    const alone = Math.ceil(CLOSEST_MAX / CONTACTS_PER_REPLY_MAX);
    expect(pagesMax({ type: 'find-node', target: KEY, wantsHosts: false, page: 0 })).toBe(alone);
  });

  it('T7 leaves room for the contacts of any asker and for the age that records reach while the pages are kept', () => {
    const groups = Array.from({ length: 40 }, (_, n): RecordGroup => ({ record: record(100 + n), holder: record(150 + 3 * n) }));
    const pages = layPages([firstPage], groups, ROOM);
    expect(pages.flatMap((page) => page.groups)).toEqual(groups);
    pages.forEach((page, at) => {
      const records = page.groups.map((group) => passOn(group.record, 47 * hour));
      const holders = page.groups.flatMap(({ holder }) => (holder === undefined ? [] : [passOn(holder, 47 * hour)]));
      const beside = at === 0 ? contacts.slice(0, CONTACTS_BESIDE_RECORDS_MAX) : [];
      const answer = encodeResponse({ type: 'values', records, holders, contacts: beside, pages: pages.length });
      expect(answer.length).toBeLessThanOrEqual(RESPONSE_BYTES_MAX);
    });
  });
});
