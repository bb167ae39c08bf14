import {
  type Address,
  type ContactInput,
  createCrypto,
  fail,
  hour,
  keyPairFromSeed,
  type NodeId,
  type Signer,
  sha256,
  signContact,
  uintBytes,
  utf8Bytes,
} from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { SignalBroker, type SignalRpc } from '../broker/signal-broker.ts';
import { CLOSEST_MAX, CONTACTS_PER_REPLY_MAX, HOSTS_PER_GROUP_MAX } from '../limits.ts';
import { signProviderRecord } from '../records/provider-record.ts';
import { RecordStore } from '../records/record-store.ts';
import { RoutingTable } from '../routing/routing-table.ts';
import { encodeResponse } from '../wire/message-codecs.ts';
import type { KadRequest, KadResponse } from '../wire/messages.ts';
import { RESPONSE_BYTES_MAX } from '../wire/session-datagram.ts';
import type { HandlerContext } from './handler-context.ts';
import { makeRequestHandler } from './handler-table.ts';
import { HeavyWork } from './heavy-work.ts';
import { LaidAnswers } from './laid-answers.ts';

const { verifier } = createCrypto();
const signer = (n: number): Signer => keyPairFromSeed(sha256(uintBytes(n, 4)));
const own = signer(0);
const asker = signer(1);
const PUBLIC: Address = { host: '198.51.100.7', port: 4870 };
const FILE = sha256(utf8Bytes('file'));

function contactOf(of: Signer, sequence: number, stores = true): Uint8Array {
  const input: ContactInput = {
    sequence,
    kadAddresses: [PUBLIC],
    batAddresses: [{ ...PUBLIC, port: 4880 }],
    brokers: [],
    flags: { isPublic: true, relays: false, stores, isLeaving: false, hasNoUdp: false },
    natMapping: 'none',
  };
  return signContact(of, input).bytes;
}

const { runtime, clock } = createSimRuntime('handlers');
/** Nobody is in touch with us. */
const alone: SignalRpc = { sessionWith: () => undefined, request: async () => fail('no-session') };
let table: RoutingTable;
let store: RecordStore;
let checksLeft: number;
let isOwnHost: boolean;
let isLeaving: boolean;
let leavers: NodeId[];
let answer: (request: KadRequest, options?: { isProved?: boolean; address?: Address; from?: Signer }) => KadResponse;

beforeEach(() => {
  table = new RoutingTable(own.nodeId);
  store = new RecordStore(own.nodeId);
  checksLeft = 1000;
  isOwnHost = false;
  isLeaving = false;
  leavers = [];
  const context: HandlerContext = {
    runtime,
    table,
    store,
    verifier,
    storersMax: 20,
    ownContact: () => ({ bytes: contactOf(own, clock.nowMs(), isOwnHost), ageMs: 5, isHost: isOwnHost }),
    isLeaving: () => isLeaving,
    noteLeaver: (nodeId) => void leavers.push(nodeId),
    takeSignatureCheck: () => --checksLeft >= 0,
    signalBroker: new SignalBroker(runtime, alone, own.nodeId),
    heavyWork: new HeavyWork(clock.monotonicMs()),
    laidHosts: new LaidAnswers(),
    laidValues: new LaidAnswers(),
    dialBacks: { dialBack: () => 'started', probe: () => 'sent' },
    reachCheck: { onResult: () => undefined },
  };
  const handle = makeRequestHandler(context);
  answer = (request, { isProved = true, address = PUBLIC, from = asker } = {}) => {
    const response = handle({ peer: { nodeId: from.nodeId, address }, isProved, isClient: false, request });
    expect(encodeResponse(response).length, 'every answer fits in a datagram').toBeLessThanOrEqual(RESPONSE_BYTES_MAX);
    return response;
  };
});

/** Contacts in networks of their own. */
function fillTable(count: number): void {
  for (let n = 0; n < count; n++) {
    table.seen({ nodeId: sha256(uintBytes(n, 8)) as NodeId, address: { host: `11.${n >> 8}.${n & 255}.1`, port: 4870 } }, 'answered', 0);
  }
}

/** Sent by `from`, who is the host itself by default. */
const storeContact = (host: Signer, address: Address, isHost = true, from = host): KadResponse =>
  answer({ type: 'store', kind: 'contact', records: [{ bytes: contactOf(host, clock.nowMs(), isHost), ageMs: 0 }] }, { from, address });
const namedHosts = (): number => allPages((page) => findNode(page, true)).flatMap((page) => page.records).length;

const findNode = (page = 0, wantsHosts = false): KadRequest => ({ type: 'find-node', target: FILE, wantsHosts, page });
const findValue = (page = 0): KadRequest => ({ type: 'find-value', kind: 'provider', key: FILE, page });
const providerOf = (host: Signer, sequence = clock.nowMs()): Uint8Array =>
  signProviderRecord(host, { fileId: FILE, sequence, lifetimeMs: 48 * hour }).bytes;

const contactsIn = (response: KadResponse): number => ('contacts' in response ? response.contacts.length : -1);

function allPages(request: (page: number) => KadRequest): Extract<KadResponse, { type: 'nodes' | 'values' }>[] {
  const pages: Extract<KadResponse, { type: 'nodes' | 'values' }>[] = [];
  for (let page = 0, total = 1; page < total; page++) {
    const response = answer(request(page));
    if (response.type !== 'nodes' && response.type !== 'values') throw new Error(response.type);
    total = response.pages;
    pages.push(response);
  }
  return pages;
}

describe('dial-backs', () => {
  it('T6 T8 are for proved askers only: nothing is sent anywhere for others', () => {
    const nonce = new Uint8Array(8);
    const requests: readonly KadRequest[] = [
      { type: 'dial-back', kind: 'udp', port: 0, nonce },
      { type: 'probe', address: PUBLIC, nonce },
      { type: 'dial-back-result', nonce, outcome: 'done', port: 0, address: null },
    ];
    expect(requests.map((request) => answer(request))).toEqual([
      { type: 'dialling-back', outcome: 'started' },
      { type: 'probed', outcome: 'sent' },
      { type: 'result-taken' },
    ]);
    for (const request of requests) expect(answer(request, { isProved: false })).toMatchObject({ type: 'error', code: 'not-proved' });
  });
});

describe('FIND_NODE', () => {
  it('DF-12 T3 names the nearest contacts, at most 16 in an answer, more by paging', () => {
    fillTable(200);
    const pages = allPages((page) => findNode(page));
    expect(pages[0]?.contacts).toHaveLength(CONTACTS_PER_REPLY_MAX);
    const named = pages.flatMap((page) => page.contacts.map((contact) => contact.nodeId));
    expect(named).toEqual(table.closest(FILE, CLOSEST_MAX).map((contact) => contact.nodeId));
    expect(answer(findNode(99))).toMatchObject({ type: 'nodes', contacts: [] });
  });

  it('never tells an asker about itself', () => {
    fillTable(10);
    table.seen({ nodeId: asker.nodeId, address: PUBLIC }, 'answered', 0);
    const named = allPages((page) => findNode(page)).flatMap((page) => page.contacts);
    expect(named).toHaveLength(10);
  });

  it('names contacts in private ranges only to askers in one', () => {
    fillTable(3);
    table.seen({ nodeId: signer(50).nodeId, address: { host: '192.168.1.5', port: 4870 } }, 'answered', 0);
    const count = (address: Address): number => contactsIn(answer(findNode(), { address }));
    expect(count(PUBLIC)).toBe(3);
    expect(count({ host: '192.168.1.77', port: 1 })).toBe(4);
  });

  it('BN-11 adds the contact records of hosts when asked for: its own first, clients too, page by page', () => {
    fillTable(100);
    isOwnHost = true;
    for (let n = 10; n < 40; n++) {
      const host = signer(n);
      storeContact(host, { host: `12.0.${n}.1`, port: 4870 }, n % 3 > 0);
    }
    const pages = allPages((page) => findNode(page, true));
    expect(pages[0]?.records[0]?.bytes).toEqual(contactOf(own, clock.nowMs(), true));
    expect(pages.flatMap((page) => page.records)).toHaveLength(1 + 20);
    expect(pages.flatMap((page) => page.contacts)).toHaveLength(CLOSEST_MAX);
    expect(answer(findNode(0, true), { isProved: false }), 'T6').toMatchObject({ records: [] });
    isOwnHost = false;
    expect(namedHosts()).toBe(20);
  });

  it('T5 names as hosts only those that stored their record themselves, and few of one public network', () => {
    const away = signer(99);
    for (let n = 10; n < 40; n++) storeContact(signer(n), PUBLIC, true, away);
    expect(namedHosts(), 'made-up hosts, stored by one node').toBe(0);
    expect(answer({ type: 'get-contact', nodeId: signer(10).nodeId }), 'passed on all the same').not.toMatchObject({ record: null });
    storeContact(signer(10), PUBLIC);
    expect(namedHosts(), 'the host itself came, with the very same record').toBe(1);
    for (let n = 10; n < 40; n++) storeContact(signer(n), { host: `12.0.7.${n}`, port: 4870 });
    expect(namedHosts(), 'many keys in one /24').toBe(HOSTS_PER_GROUP_MAX + 1);
    for (let n = 40; n < 50; n++) storeContact(signer(n), { host: '192.168.1.5', port: n });
    expect(namedHosts(), 'private ranges are exempt').toBe(HOSTS_PER_GROUP_MAX + 11);
  });
});

describe('STORE and FIND_VALUE', () => {
  it("DF-11 BN-01 keep and give out who holds a file, with the holders' contact records", () => {
    fillTable(30);
    for (let n = 10; n < 50; n++) {
      const host = signer(n);
      expect(answer({ type: 'store', kind: 'provider', records: [{ bytes: providerOf(host), ageMs: 0 }] }, { from: host })).toEqual({
        type: 'stored',
        outcomes: ['stored'],
      });
      answer({ type: 'store', kind: 'contact', records: [{ bytes: contactOf(host, clock.nowMs()), ageMs: 0 }] }, { from: host });
    }
    const pages = allPages(findValue) as Extract<KadResponse, { type: 'values' }>[];
    expect(pages.length).toBeGreaterThan(5);
    expect(new Set(pages.flatMap((page) => page.records.map(({ bytes }) => bytes.join()))).size).toBe(40);
    expect(pages.flatMap((page) => page.holders)).toHaveLength(40);
    expect(pages[0]?.contacts.length, 'the first page leads on').toBe(8);
    expect(pages[1]?.contacts).toEqual([]);
  });

  it('answer with contacts alone when there is nothing', () => {
    fillTable(30);
    expect(answer(findValue())).toMatchObject({ type: 'values', records: [], holders: [], pages: 1 });
    expect(contactsIn(answer(findValue()))).toBe(16);
  });

  it('T6 give values only to the proved, and T3 take records only from them', () => {
    const bytes = providerOf(asker);
    const request: KadRequest = { type: 'store', kind: 'provider', records: [{ bytes, ageMs: 0 }] };
    expect(answer(request, { isProved: false })).toEqual({ type: 'stored', outcomes: ['not-proved'] });
    expect(store.count).toBe(0);
    answer(request);
    expect(answer(findValue(), { isProved: false })).toMatchObject({ type: 'error', code: 'not-proved' });
  });

  it('DF-18 say for each record why it was not kept', () => {
    const good = providerOf(asker);
    const forged = new Uint8Array(good);
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    const old = providerOf(asker, clock.nowMs() - 97 * hour);
    const records = [utf8Bytes('junk'), forged, old, good, providerOf(asker, clock.nowMs() - 1)].map((bytes) => ({ bytes, ageMs: 0 }));
    expect(answer({ type: 'store', kind: 'provider', records })).toEqual({
      type: 'stored',
      outcomes: ['malformed', 'bad-signature', 'too-old', 'stored', 'superseded'],
    });
  });

  it('T7 stop checking signatures when the budget is used up', () => {
    checksLeft = 2;
    const records = [1, 2, 3].map((n) => ({ bytes: providerOf(signer(n)), ageMs: 0 }));
    expect(answer({ type: 'store', kind: 'provider', records })).toMatchObject({ type: 'error', code: 'rate-limited' });
    expect(store.count).toBe(2);
  });

  it('SH-12 of a node that leaves say so, and keep nothing', () => {
    isLeaving = true;
    const records = [1, 2].map((n) => ({ bytes: providerOf(signer(n)), ageMs: 0 }));
    expect(answer({ type: 'store', kind: 'provider', records })).toEqual({ type: 'stored', outcomes: ['leaving', 'leaving'] });
    expect(store.count).toBe(0);
    expect(answer({ type: 'store', kind: 'provider', records }, { isProved: false })).toMatchObject({
      outcomes: ['not-proved', 'not-proved'],
    });
  });

  it('BD-17 hear of a node that leaves from itself alone, and once', () => {
    const host = signer(7);
    const flags = { isPublic: true, relays: false, stores: true, isLeaving: true, hasNoUdp: false };
    const kad = { kadAddresses: [PUBLIC], batAddresses: [], brokers: [], natMapping: 'none' } as const;
    const { bytes } = signContact(host, { ...kad, flags, sequence: clock.nowMs() });
    const storeLeaving = (from: Signer): unknown => answer({ type: 'store', kind: 'contact', records: [{ bytes, ageMs: 0 }] }, { from });
    expect(storeLeaving(asker)).toMatchObject({ outcomes: ['stored'] });
    expect(leavers).toEqual([]);
    storeLeaving(host);
    expect(leavers).toEqual([host.nodeId]);
    expect(namedHosts(), 'and it is no host any more').toBe(0);
  });

  it('BD-45 give the digest of a value to proved askers, and of no other kind', () => {
    const value = utf8Bytes('a value');
    answer({ type: 'store', kind: 'immutable', records: [{ bytes: value, ageMs: 0 }] });
    const request = { type: 'digest', kind: 'immutable', key: sha256(value), offset: 2, length: 5 } as const;
    expect(answer(request)).toEqual({ type: 'digested', outcome: 'done', digest: sha256(utf8Bytes('value')), bytes: 7, sequence: 0 });
    expect(answer({ ...request, length: 6 })).toMatchObject({ outcome: 'out-of-range', bytes: 7 });
    expect(answer({ ...request, key: FILE })).toMatchObject({ outcome: 'not-held', bytes: 0 });
    expect(answer({ ...request, kind: 'provider' })).toMatchObject({ outcome: 'unsupported-kind' });
    expect(answer(request, { isProved: false })).toMatchObject({ type: 'error', code: 'not-proved' });
  });

  it('T15 under pressure keep only what belongs here', () => {
    store = new RecordStore(own.nodeId, { bytesMax: 2000, perKeyMax: 9 });
    const context: HandlerContext = {
      runtime,
      table,
      store,
      verifier,
      storersMax: 1,
      ownContact: () => ({ bytes: contactOf(own, 1), ageMs: 0, isHost: false }),
      isLeaving: () => false,
      noteLeaver: () => undefined,
      takeSignatureCheck: () => true,
      signalBroker: new SignalBroker(runtime, alone, own.nodeId),
      heavyWork: new HeavyWork(clock.monotonicMs()),
      laidHosts: new LaidAnswers(),
      laidValues: new LaidAnswers(),
      dialBacks: { dialBack: () => 'started', probe: () => 'sent' },
      reachCheck: { onResult: () => undefined },
    };
    const handle = makeRequestHandler(context);
    fillTable(200);
    const put = (value: Uint8Array) =>
      handle({
        peer: { nodeId: asker.nodeId, address: PUBLIC },
        isProved: true,
        isClient: false,
        request: { type: 'store', kind: 'immutable', records: [{ bytes: value, ageMs: 0 }] },
      });
    expect(put(new Uint8Array(896).fill(1))).toMatchObject({ outcomes: ['stored'] });
    expect(put(new Uint8Array(300).fill(2))).toMatchObject({ outcomes: ['stored'] });
    expect(store.isUnderPressure).toBe(true);
    expect(put(new Uint8Array(10).fill(3)), 'the nearest of 200 contacts is nearer than we are').toMatchObject({ outcomes: ['not-near'] });
  });
});

describe('long answers', () => {
  /** So many providers of FILE, without contact records. */
  const announce = (from: number, count: number): void => {
    for (let n = from; n < from + count; n++) {
      answer({ type: 'store', kind: 'provider', records: [{ bytes: providerOf(signer(n)), ageMs: 0 }] }, { from: signer(n) });
    }
  };
  const recordsIn = (): number => allPages(findValue).flatMap((page) => page.records).length;

  it('T7 are laid out once for all pages and askers, and anew when a record comes or is replaced', () => {
    announce(10, 100);
    let looks = 0;
    const { get } = store;
    store.get = (kind, ...rest) => {
      if (kind === 'provider') looks++;
      return get.call(store, kind, ...rest);
    };
    expect([recordsIn(), recordsIn(), looks]).toEqual([100, 100, 1]);
    announce(110, 1);
    expect([recordsIn(), looks]).toEqual([101, 2]);
    const newer = providerOf(signer(10), clock.nowMs() + 1);
    answer({ type: 'store', kind: 'provider', records: [{ bytes: newer, ageMs: 0 }] }, { from: signer(10) });
    expect(allPages(findValue).flatMap((page) => page.records.map(({ bytes }) => bytes))).toContainEqual(newer);
    expect([recordsIn(), looks]).toEqual([101, 3]);
  });

  it('T7 are bounded per peer: what is over is answered `rate-limited`, what is kept laid out or short is not', () => {
    announce(10, 100);
    for (let n = 10; n < 70; n++) storeContact(signer(n), { host: `12.0.${n}.1`, port: 4870 });
    const ask = (n: number): KadResponse => answer({ type: 'find-node', target: sha256(uintBytes(n, 8)), wantsHosts: true, page: 0 });
    expect(ask(0)).toMatchObject({ type: 'nodes' });
    recordsIn();
    const answers = Array.from({ length: 200 }, (_, n) => ask(n));
    const refused = answers.filter(({ type }) => type === 'error');
    expect(refused.length).toBeGreaterThan(30);
    expect(refused[0]).toMatchObject({ type: 'error', code: 'rate-limited' });
    expect(encodeResponse(refused[0] as KadResponse).length).toBeLessThan(64);
    expect(recordsIn(), 'laid out already').toBe(100);
    expect(answer({ type: 'find-value', kind: 'contact', key: signer(10).nodeId, page: 0 })).toMatchObject({ type: 'values' });
    expect(answer(findNode())).toMatchObject({ type: 'nodes' });
  });
});

describe('GET_CONTACT', () => {
  it("gives its own record to anybody, and others' to the proved", () => {
    expect(answer({ type: 'get-contact', nodeId: null }, { isProved: false })).toMatchObject({ record: { ageMs: 5 } });
    expect(answer({ type: 'get-contact', nodeId: own.nodeId })).toMatchObject({ record: { ageMs: 5 } });
    expect(answer({ type: 'get-contact', nodeId: signer(9).nodeId })).toEqual({ type: 'contact', record: null });
    expect(answer({ type: 'get-contact', nodeId: signer(9).nodeId }, { isProved: false })).toMatchObject({
      type: 'error',
      code: 'not-proved',
    });
    const bytes = new Uint8Array(contactOf(signer(9), clock.nowMs()));
    answer({ type: 'store', kind: 'contact', records: [{ bytes, ageMs: 7 }] }, { from: signer(9) });
    expect(answer({ type: 'get-contact', nodeId: signer(9).nodeId })).toEqual({ type: 'contact', record: { bytes, ageMs: 7 } });
  });
});

describe('PING', () => {
  it('is answered', () => {
    expect(answer({ type: 'ping' }, { isProved: false })).toEqual({ type: 'pong' });
  });
});

describe('introductions', () => {
  it('T8 are for proved askers, and signals from proved brokers', () => {
    const introduce: KadRequest = { type: 'introduce', target: signer(2).nodeId, signal: Uint8Array.of(1) };
    const signal: KadRequest = {
      type: 'signal',
      from: signer(2).nodeId,
      address: { host: '198.51.100.7', port: 4870 },
      signal: Uint8Array.of(1),
    };
    for (const request of [introduce, signal])
      expect(answer(request, { isProved: false })).toMatchObject({ type: 'error', code: 'not-proved' });
    expect(answer(introduce)).toEqual({ type: 'introduced', outcome: 'not-here' });
    expect(answer(signal)).toMatchObject({ type: 'error', code: 'rate-limited' });
  });
});
