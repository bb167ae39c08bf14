import {
  decodeCbor,
  encodeCbor,
  type KeyPair,
  keyPairFromSeed,
  makeAddress,
  type NodeId,
  present,
  sha256,
  utf8Bytes,
} from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTACTS_PER_REPLY_MAX, RECORD_BYTES_MAX, RECORDS_PER_MESSAGE_MAX, SIGNAL_BYTES_MAX } from '../limits.ts';
import {
  ANSWER_TYPES,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  errorResponse,
  REQUEST_VERBS,
  RESPONSE_VERBS,
} from './message-codecs.ts';
import { contactSize, fitRecords, pageContacts, pageRecords, recordSize, roomForRecords, STORE_ROOM_BYTES } from './message-sizes.ts';
import {
  type AgedRecord,
  type CompactContact,
  DIAL_BACK_ANSWERS,
  DIAL_BACK_KINDS,
  DIAL_BACK_OUTCOMES,
  DIGEST_OUTCOMES,
  INTRODUCE_OUTCOMES,
  KAD_ERRORS,
  type KadRequest,
  type KadResponse,
  PROBE_ANSWERS,
  STORE_REFUSALS,
  VALUE_KINDS,
} from './messages.ts';
import { REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX } from './session-datagram.ts';

const key = (label: string): NodeId => sha256(utf8Bytes(label)) as NodeId;
const address = (host: string, port = 4870) => present(makeAddress(host, port), host);

const REFUSALS: ReadonlySet<string> = new Set(['malformed', 'unsupported-verb', 'unsupported-extension']);

const someId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytes as NodeId);
const someAddress = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65535))
  .map(([host, port]) => makeAddress(host, port))
  .filter((made) => made !== undefined);
const someNonce = fc.uint8Array({ minLength: 8, maxLength: 8 });
const someContact = fc.record({ nodeId: someId, address: someAddress });
const someRecord = fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }), ageMs: fc.nat() });
const someKind = fc.constantFrom(...VALUE_KINDS);
const contacts = fc.array(someContact, { maxLength: CONTACTS_PER_REPLY_MAX });
const records = fc.array(someRecord, { maxLength: 4 });
const someSignal = fc.uint8Array({ minLength: 1, maxLength: SIGNAL_BYTES_MAX });
const somePage = fc.nat(1023);

const someRequest: fc.Arbitrary<KadRequest> = fc.oneof(
  fc.constant<KadRequest>({ type: 'ping' }),
  fc.record({ type: fc.constant('find-node' as const), target: someId, wantsHosts: fc.boolean(), page: somePage }),
  fc.record({ type: fc.constant('find-value' as const), kind: someKind, key: someId, page: somePage }),
  fc.record({ type: fc.constant('store' as const), kind: someKind, records }),
  fc.record({ type: fc.constant('get-contact' as const), nodeId: fc.option(someId) }),
  fc.record({
    type: fc.constant('dial-back' as const),
    kind: fc.constantFrom(...DIAL_BACK_KINDS),
    port: fc.nat(65535),
    nonce: someNonce,
  }),
  fc.record({ type: fc.constant('probe' as const), address: someAddress, nonce: someNonce }),
  fc.record({
    type: fc.constant('dial-back-result' as const),
    nonce: someNonce,
    outcome: fc.constantFrom(...DIAL_BACK_OUTCOMES),
    port: fc.nat(65535),
    address: fc.option(someAddress),
  }),
  fc.record({ type: fc.constant('introduce' as const), target: someId, signal: someSignal }),
  fc.record({ type: fc.constant('signal' as const), from: someId, address: someAddress, signal: someSignal }),
  fc.record({ type: fc.constant('digest' as const), kind: someKind, key: someId, offset: fc.nat(), length: fc.option(fc.nat()) }),
);
const someResponse: fc.Arbitrary<KadResponse> = fc.oneof(
  fc.constant<KadResponse>({ type: 'pong' }),
  fc.record({ type: fc.constant('nodes' as const), contacts, records, pages: somePage }),
  fc.record({ type: fc.constant('values' as const), records, holders: records, contacts, pages: somePage }),
  fc.record({
    type: fc.constant('stored' as const),
    outcomes: fc.array(fc.constantFrom('stored' as const, ...STORE_REFUSALS), { maxLength: RECORDS_PER_MESSAGE_MAX }),
  }),
  fc.record({ type: fc.constant('contact' as const), record: fc.option(someRecord) }),
  fc.record({ type: fc.constant('dialling-back' as const), outcome: fc.constantFrom(...DIAL_BACK_ANSWERS) }),
  fc.record({ type: fc.constant('probed' as const), outcome: fc.constantFrom(...PROBE_ANSWERS) }),
  fc.constant<KadResponse>({ type: 'result-taken' }),
  fc.record({ type: fc.constant('introduced' as const), outcome: fc.constantFrom(...INTRODUCE_OUTCOMES) }),
  fc.constant<KadResponse>({ type: 'signal-taken' }),
  fc.record({
    type: fc.constant('digested' as const),
    outcome: fc.constantFrom(...DIGEST_OUTCOMES),
    digest: fc.option(someId),
    bytes: fc.nat(),
    sequence: fc.nat(),
  }),
  fc.record({ type: fc.constant('error' as const), code: fc.constantFrom(...KAD_ERRORS), detail: fc.string({ maxLength: 120 }) }),
);

/** Ways in which a drawn message is bent, each by one to so many bytes. */
const BENDS = 20;
const CHANGES_MAX = 4;
/** Inputs cut out of one drawn byte string. */
const WINDOWS = 60;

describe('DF-04 Kad messages', () => {
  it('DF-03 every request survives the way through bytes', () => {
    fc.assert(
      fc.property(someRequest, (request) => {
        expect(decodeRequest(encodeRequest(request))).toEqual({ ok: true, value: request });
      }),
    );
  });

  it('DF-06 every answer survives the way through bytes, errors with their reason', () => {
    fc.assert(
      fc.property(someResponse, (response) => {
        expect(decodeResponse(encodeResponse(response))).toEqual({ ok: true, value: response });
      }),
    );
  });

  it('names each verb once, an answer being its request + 64', () => {
    const numbers = [...Object.values(REQUEST_VERBS), ...Object.values(RESPONSE_VERBS)];
    expect(new Set(numbers).size).toBe(numbers.length);
    const { error, ...answers } = RESPONSE_VERBS;
    expect(error).toBe(64);
    for (const [request, answer] of Object.entries(ANSWER_TYPES)) {
      expect(answers[answer as keyof typeof answers]).toBe(REQUEST_VERBS[request as keyof typeof REQUEST_VERBS] + 64);
    }
    expect(Object.keys(answers)).toHaveLength(Object.keys(REQUEST_VERBS).length);
  });

  it('answers what it cannot read with the reason', () => {
    expect(decodeRequest(encodeCbor([63, new Map()]))).toMatchObject({ ok: false, reason: 'unsupported-verb' });
    expect(decodeRequest(encodeCbor([1]))).toMatchObject({ ok: false, reason: 'malformed' });
    expect(decodeRequest(encodeCbor(1))).toMatchObject({ ok: false, reason: 'malformed' });
    expect(decodeRequest(new Uint8Array(0))).toMatchObject({ ok: false, reason: 'malformed' });
    expect(decodeRequest(encodeResponse({ type: 'pong' }))).toMatchObject({ ok: false, reason: 'unsupported-verb' });
  });

  it('ignores an unknown odd extension and refuses an unknown even one', () => {
    const withExtension = (number: number) => encodeCbor([1, new Map([[number, new Uint8Array(3)]])]);
    expect(decodeRequest(withExtension(7))).toEqual({ ok: true, value: { type: 'ping' } });
    expect(decodeRequest(withExtension(8))).toMatchObject({ ok: false, reason: 'unsupported-extension' });
  });

  it('refuses lists and records beyond their limits', () => {
    const contact: CompactContact = { nodeId: key('n'), address: address('192.0.2.1') };
    const tooMany = new Array(CONTACTS_PER_REPLY_MAX + 1).fill(contact);
    const reply: KadResponse = { type: 'nodes', contacts: tooMany, records: [], pages: 1 };
    expect(decodeResponse(encodeResponse(reply))).toMatchObject({ ok: false, reason: 'malformed' });
    const tooLong: AgedRecord = { bytes: new Uint8Array(RECORD_BYTES_MAX + 1), ageMs: 0 };
    expect(decodeRequest(encodeRequest({ type: 'store', kind: 'mutable', records: [tooLong] }))).toMatchObject({ ok: false });
  });

  it('is total: 100,000 inputs, random and bent, give a value or a reason', () => {
    const valid = fc.oneof(someRequest.map(encodeRequest), someResponse.map(encodeResponse));
    // Drawing a message takes longer than decoding it, so each is bent in many ways.
    const change = fc.tuple(fc.nat(), fc.nat(255));
    const bends = fc.array(change, { minLength: BENDS * CHANGES_MAX, maxLength: BENDS * CHANGES_MAX });
    const check = (bytes: Uint8Array) => {
      for (const result of [decodeRequest(bytes), decodeResponse(bytes)]) {
        // Not through expect(), which takes longer than the decoders.
        if (!result.ok && !REFUSALS.has(result.reason)) throw new Error(result.reason);
      }
    };
    const checkWindows = (bytes: Uint8Array) => {
      for (let from = 0; from < WINDOWS; from++) check(bytes.subarray(from, from + Math.min(from, 64)));
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), check), { numRuns: 10_000 });
    fc.assert(fc.property(fc.uint8Array({ minLength: 2 * WINDOWS, maxLength: 2 * WINDOWS }), checkWindows), { numRuns: 60_000 / WINDOWS });
    const checkBent = (bytes: Uint8Array, changes: readonly (readonly [number, number])[]) => {
      for (let bend = 0; bend < BENDS; bend++) {
        const result = bytes.slice();
        const first = bend * CHANGES_MAX;
        for (const [at, value] of changes.slice(first, first + 1 + (bend % CHANGES_MAX))) result[at % result.length] = value;
        check(result);
      }
    };
    fc.assert(fc.property(valid, bends, checkBent), { numRuns: 30_000 / BENDS });
  }, 30_000);
});

describe('message sizes', () => {
  const signer: KeyPair = keyPairFromSeed(sha256(utf8Bytes('sizes')));
  const v6Contacts: CompactContact[] = Array.from({ length: CONTACTS_PER_REPLY_MAX }, (_, i) => ({
    nodeId: signer.nodeId,
    address: address(`2001:db8::${i + 1}`, 65535),
  }));

  it('16 contacts with IPv6 addresses fit an answer, at 40 or 52 bytes each', () => {
    const bare = encodeResponse({ type: 'nodes', contacts: [], records: [], pages: 1 }).length;
    const full = encodeResponse({ type: 'nodes', contacts: v6Contacts, records: [], pages: 1 }).length;
    expect(full - bare).toBe(16 * 52);
    expect(full).toBeLessThanOrEqual(RESPONSE_BYTES_MAX);
    expect(contactSize({ nodeId: signer.nodeId, address: address('192.0.2.1') })).toBe(40);
  });

  it('counts a record to the byte', () => {
    for (const length of [1, 23, 24, 255, 256, 1000]) {
      for (const ageMs of [0, 23, 24, 255, 65_535, 65_536, 2 ** 32, 1.5]) {
        const record = { bytes: new Uint8Array(length), ageMs };
        const bare = encodeResponse({ type: 'contact', record: null }).length - 1;
        expect(encodeResponse({ type: 'contact', record }).length - bare).toBe(recordSize(record));
      }
    }
  });

  it('pages filled to the budget stay within a datagram, and no record is lost', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: RECORD_BYTES_MAX }), { maxLength: 40 });
    fc.assert(
      fc.property(lengths, fc.nat(CONTACTS_PER_REPLY_MAX), (list, contactCount) => {
        const contactsHere = v6Contacts.slice(0, contactCount);
        const all = list.map((length, i) => ({ bytes: new Uint8Array(length).fill(i), ageMs: i * 1e9 }));
        const room = roomForRecords(contactsHere);
        const pages = pageRecords(all, room);
        for (const page of pages) {
          const half = Math.floor(page.length / 2);
          const split: KadResponse = {
            type: 'values',
            records: page.slice(0, half),
            holders: page.slice(half),
            contacts: contactsHere,
            pages: 1023,
          };
          expect(encodeResponse(split).length).toBeLessThanOrEqual(RESPONSE_BYTES_MAX);
        }
        expect(pages.flat()).toEqual(all.filter((record) => recordSize(record) <= room));
        for (const page of pageRecords(all, STORE_ROOM_BYTES)) {
          expect(encodeRequest({ type: 'store', kind: 'mutable', records: page }).length).toBeLessThanOrEqual(REQUEST_BYTES_MAX);
        }
      }),
    );
    expect(fitRecords(new Array(50).fill({ bytes: new Uint8Array(1), ageMs: 0 }), 10_000)).toHaveLength(RECORDS_PER_MESSAGE_MAX);
  });

  it('the longest record fits into a STORE', () => {
    const record = { bytes: new Uint8Array(RECORD_BYTES_MAX), ageMs: 2 ** 40 };
    expect(fitRecords([record], STORE_ROOM_BYTES)).toEqual([record]);
  });

  it('cuts contacts into replies of 16', () => {
    expect(pageContacts([...v6Contacts, ...v6Contacts, ...v6Contacts.slice(0, 3)]).map((page) => page.length)).toEqual([16, 16, 3]);
  });

  it('cuts the text of an error, even inside a surrogate pair', () => {
    const response = errorResponse('internal', `${'x'.repeat(119)}\u{1f600}`);
    expect(decodeResponse(encodeResponse(response))).toMatchObject({ ok: true, value: { type: 'error', code: 'internal' } });
    expect(decodeCbor(encodeResponse(response), 1200).ok).toBe(true);
  });
});
