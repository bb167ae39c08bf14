import { hour, type NodeId, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { RECORD_OVERHEAD_BYTES } from '../limits.ts';
import type { RecordFacts } from './record-kind.ts';
import { passOn, RecordStore, type StoreTime } from './record-store.ts';

const id = (n: number): Uint8Array => sha256(uintBytes(n, 8));
const SELF = id(123_456) as NodeId;
/** Wall clock and monotonic clock are apart on purpose. */
const at = (ms: number): StoreTime => ({ monotonicMs: ms, wallMs: 1_000_000 * hour + ms });
const SEQUENCE = 1_000_000 * hour;

function provider(file: number, host: number, changes: Partial<RecordFacts> = {}): RecordFacts {
  const { lifetimeMs = 48 * hour } = changes;
  return {
    kind: 'provider',
    key: id(file),
    publisher: id(1000 + host),
    sequence: SEQUENCE,
    lifetimeMs,
    keptMs: lifetimeMs,
    isWithdrawal: false,
    hasGrant: false,
    isHost: false,
    bytes: new Uint8Array(100).fill(host),
    ...changes,
  };
}

const contact = (n: number, changes: Partial<RecordFacts> = {}): RecordFacts => ({
  ...provider(n, n, { lifetimeMs: 8 * hour }),
  kind: 'contact',
  publisher: id(n),
  isHost: true,
  ...changes,
});

const COST = 100 + RECORD_OVERHEAD_BYTES;

describe('RecordStore', () => {
  it('BN-01 DF-01 keeps every host of a file under the file id', () => {
    const store = new RecordStore(SELF);
    for (let host = 0; host < 5; host++) expect(store.put(provider(1, host), 0, at(0))).toBe('stored');
    store.put(provider(2, 0), 0, at(0));
    expect(store.get('provider', id(1), 1).map((record) => record.publisher)).toEqual([0, 1, 2, 3, 4].map((host) => id(1000 + host)));
    expect(store.get('provider', id(3), 1)).toEqual([]);
    expect(store.get('immutable', id(1), 1), 'kinds do not mix').toEqual([]);
    expect(store.count).toBe(6);
    expect(store.bytes).toBe(6 * COST);
  });

  it('lets a higher sequence win and does not prolong an equal one', () => {
    const store = new RecordStore(SELF);
    store.put(provider(1, 1, { sequence: SEQUENCE + 5 }), 0, at(0));
    expect(store.put(provider(1, 1, { sequence: SEQUENCE + 4 }), 0, at(1))).toBe('superseded');
    expect(store.put(provider(1, 1, { sequence: SEQUENCE + 5 }), 0, at(10 * hour))).toBe('stored');
    expect(store.put(provider(1, 1, { sequence: SEQUENCE + 5, bytes: new Uint8Array(99) }), 0, at(10 * hour))).toBe('superseded');
    expect(store.get('provider', id(1), 48 * hour - 1)).toHaveLength(1);
    expect(store.get('provider', id(1), 48 * hour + 1), 'the life of the first copy').toHaveLength(0);
    store.put(provider(1, 1, { sequence: SEQUENCE + 6 }), 0, at(10 * hour));
    expect(store.get('provider', id(1), 58 * hour - 1)).toHaveLength(1);
    expect(store.count).toBe(1);
  });

  it('counts a lifetime from receipt, less the age it came with, and passes the age on', () => {
    const store = new RecordStore(SELF);
    expect(store.put(provider(1, 1), 47 * hour, at(0))).toBe('stored');
    expect(passOn(store.get('provider', id(1), 0)[0] as never, hour / 2).ageMs).toBe(47.5 * hour);
    expect(store.get('provider', id(1), hour)).toHaveLength(0);
    expect(store.put(provider(1, 2), 48 * hour, at(0))).toBe('too-old');
    expect(store.expire(2 * hour)).toBe(1);
    expect([store.count, store.bytes]).toEqual([0, 0]);
  });

  it('refuses a sequence that is more than 96 hours back, whatever it wants to replace', () => {
    const store = new RecordStore(SELF);
    expect(store.put(provider(1, 1, { sequence: SEQUENCE - 96 * hour - 1 }), 0, at(0))).toBe('too-old');
    expect(store.put(provider(1, 1, { sequence: SEQUENCE - 96 * hour + 1 }), 0, at(0))).toBe('stored');
    expect(store.put(provider(1, 1, { kind: 'immutable', sequence: 0 }), 0, at(0))).toBe('stored');
  });

  it('keeps a withdrawal, so that an older copy cannot come back', () => {
    const store = new RecordStore(SELF);
    store.put(provider(1, 1), 0, at(0));
    store.put(provider(1, 2), 0, at(0));
    expect(store.put(provider(1, 1, { sequence: SEQUENCE + 1, isWithdrawal: true }), 0, at(hour))).toBe('stored');
    expect(store.put(provider(1, 1), 0, at(2 * hour))).toBe('superseded');
    const records = store.get('provider', id(1), 3 * hour);
    expect(
      records.map((record) => record.isWithdrawal),
      'withdrawals come last',
    ).toEqual([false, true]);
    expect(store.get('provider', id(1), 48.5 * hour), 'it is kept 48 hours').toHaveLength(1);
  });

  it('lets an immutable value live on when it is stored again', () => {
    const store = new RecordStore(SELF);
    const value = provider(1, 1, { kind: 'immutable', sequence: 0 });
    store.put(value, 0, at(0));
    store.put(value, 10 * hour, at(20 * hour));
    expect(store.get('immutable', id(1), 57 * hour)).toHaveLength(1);
    store.put(value, 40 * hour, at(21 * hour));
    expect(store.get('immutable', id(1), 57 * hour), 'an old copy does not shorten it').toHaveLength(1);
    expect(store.count).toBe(1);
  });

  it('T15 never holds more bytes than allowed, and shares them when it fills', () => {
    const store = new RecordStore(SELF, { bytesMax: 100 * COST, perKeyMax: 512 });
    let refused = 0;
    for (let file = 0; file < 95; file++) if (store.put(provider(file, 1), 0, at(0)) === 'full') refused++;
    expect(store.count, 'one publisher alone stops at the high-water mark').toBe(81);
    expect(refused).toBe(14);
    for (let file = 0; file < 200; file++) store.put(provider(file, 2 + (file % 50)), 0, at(0));
    expect(store.bytes).toBeLessThanOrEqual(100 * COST);
    expect(store.count).toBe(100);
    expect(store.put(provider(999, 60), 0, at(0))).toBe('full');
  });

  it("T15 lets records with the owner's grant go before others when it is full", () => {
    const store = new RecordStore(SELF, { bytesMax: 10 * COST, perKeyMax: 512 });
    for (let host = 0; host < 10; host++) store.put(provider(host, host), 0, at(0));
    expect(store.put(provider(50, 50), 0, at(0))).toBe('full');
    expect(store.put(provider(51, 51, { hasGrant: true }), 0, at(0))).toBe('stored');
    expect(store.get('provider', id(51), 1)).toHaveLength(1);
    expect(store.bytes).toBeLessThanOrEqual(10 * COST);
    for (let host = 60; host < 90; host++) store.put(provider(host, host, { hasGrant: true }), 0, at(0));
    expect([...store.all()].every((record) => record.hasGrant)).toBe(true);
    expect(store.count).toBe(10);
  });

  it('bounds the hosts of one file, the granted ones last to go', () => {
    const store = new RecordStore(SELF, { bytesMax: 1e9, perKeyMax: 3 });
    for (let host = 0; host < 3; host++) store.put(provider(1, host), 0, at(0));
    expect(store.put(provider(1, 7), 0, at(0))).toBe('full');
    expect(store.put(provider(1, 8, { hasGrant: true }), 0, at(0))).toBe('stored');
    expect(store.get('provider', id(1), 1).map((record) => record.publisher)[0]).toEqual(id(1008));
    expect(store.get('provider', id(1), 1)).toHaveLength(3);
  });

  it('T15 refuses quickly when it is full, however often it is asked', () => {
    const store = new RecordStore(SELF, { bytesMax: 20_000 * COST, perKeyMax: 512 });
    for (let n = 0; n < 20_000; n++) store.put(provider(n, n % 50), 0, at(0));
    expect(store.count).toBe(20_000);
    const started = process.hrtime.bigint();
    for (let n = 0; n < 2000; n++) expect(store.put(provider(50_000 + n, 60), 0, at(1))).toBe('full');
    expect(Number(process.hrtime.bigint() - started) / 1e6, 'milliseconds').toBeLessThan(1000);
  });

  it('makes room by dropping what has expired', () => {
    const store = new RecordStore(SELF, { bytesMax: 10 * COST, perKeyMax: 512 });
    for (let host = 0; host < 10; host++) store.put(provider(host, host, { lifetimeMs: hour }), 0, at(0));
    expect(store.put(provider(50, 50), 0, at(2 * hour))).toBe('stored');
    expect(store.count).toBe(1);
  });

  it('BN-11 names the hosts nearest to a key from the contact records it keeps', () => {
    const store = new RecordStore(SELF);
    for (let n = 0; n < 50; n++) store.put(contact(n, { isHost: n % 2 === 0 }), 0, at(0));
    const nearest = store.nearestHosts(id(7), 5, 1);
    expect(nearest).toHaveLength(5);
    expect(nearest.every((record) => record.isHost)).toBe(true);
    expect(store.nearestHosts(id(4), 1, 1)[0]?.key).toEqual(id(4));
    store.put(contact(4, { sequence: SEQUENCE + 1, isHost: false }), 0, at(1));
    expect(store.nearestHosts(id(4), 1, 2)[0]?.key, 'it offers no space any more').not.toEqual(id(4));
    expect(store.nearestHosts(id(4), 99, 9 * hour)).toEqual([]);
    expect(store.nearestHosts(id(4), 99, 2)).toHaveLength(24);
  });
});
