import { type Address, equalBytes, type NodeId, sha256, uintBytes } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDistance, idInBucket, sharedPrefixBits } from './distance.ts';
import { findNeighbours } from './neighbours.ts';
import { planJoin, planRefresh } from './refresh-plan.ts';
import { ROUTING_TABLE_DEFAULTS, RoutingTable } from './routing-table.ts';
import { densitySample, estimateNodes } from './size-estimate.ts';

const idOf = (n: number): NodeId => sha256(uintBytes(n, 8)) as NodeId;
const SELF = idOf(0);
const lan = (n: number): Address => ({ host: `10.0.${n >> 8}.${n & 255}`, port: 4870 });
const peer = (n: number, address = lan(n)): { nodeId: NodeId; address: Address } => ({ nodeId: idOf(n), address });
/** The n-th id of a bucket. */
const inBucket = (index: number, n: number): NodeId => idInBucket(SELF, index, idOf(n));

function tableOf(count: number): RoutingTable {
  const table = new RoutingTable(SELF);
  for (let n = 1; n <= count; n++) table.seen(peer(n), 'answered', n);
  return table;
}

describe('RoutingTable', () => {
  it('DF-17 keeps a bucket per distance range, at most bucketSize contacts in each', () => {
    const table = tableOf(500);
    const buckets = table.buckets();
    expect(buckets.length).toBeGreaterThan(5);
    for (const bucket of buckets) {
      expect(bucket.contacts.length).toBeLessThanOrEqual(ROUTING_TABLE_DEFAULTS.bucketSize);
      for (const contact of bucket.contacts) expect(sharedPrefixBits(SELF, contact.nodeId)).toBe(bucket.index);
    }
    expect(table.size).toBe([...table.contacts()].length);
  });

  it('DF-12 DF-13 names the nearest contacts of all it has, as many as asked for', () => {
    const table = tableOf(400);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.integer({ min: 1, max: 70 }), (key, count) => {
        const expected = [...table.contacts()].sort((a, b) => compareDistance(key, a.nodeId, b.nodeId)).slice(0, count);
        expect(table.closest(key, count)).toEqual(expected);
      }),
    );
    expect(table.closest(SELF, 20)).toEqual([...table.contacts()].sort((a, b) => compareDistance(SELF, a.nodeId, b.nodeId)).slice(0, 20));
    expect(table.closest(SELF, 0)).toEqual([]);
  });

  it('leaves out of the nearest whom the caller does not want', () => {
    const table = tableOf(100);
    const [first, second] = table.closest(idOf(7), 2);
    expect(table.closest(idOf(7), 1, (contact) => contact !== first)).toEqual([second]);
  });

  it('never takes itself in', () => {
    const table = new RoutingTable(SELF);
    expect(table.seen({ nodeId: SELF, address: lan(1) }, 'answered', 1).result).toBe('refused');
    expect(table.size).toBe(0);
  });

  it('T4 prefers the contacts that lived longest, and replaces one only when it is dead', () => {
    const table = new RoutingTable(SELF);
    const entry = (n: number): { nodeId: NodeId; address: Address } => ({ nodeId: inBucket(0, n), address: lan(n) });
    for (let n = 0; n < 20; n++) expect(table.seen(entry(n), 'answered', n).result).toBe('added');
    const late = table.seen(entry(20), 'answered', 100);
    expect(late.result).toBe('waiting');
    expect(late.questionable?.nodeId).toEqual(inBucket(0, 0));
    table.seen(entry(21), 'answered', 101);
    expect(table.failed(inBucket(0, 0), 2)).toEqual({});
    const dead = table.failed(inBucket(0, 0), 1);
    expect(dead.dropped?.nodeId).toEqual(inBucket(0, 0));
    expect(dead.promoted?.nodeId, 'the latest seen replacement comes first').toEqual(inBucket(0, 21));
    expect(table.size).toBe(20);
  });

  it('DF-18 forgets failures when a contact answers again', () => {
    const table = tableOf(1);
    table.failed(idOf(1), 2);
    table.seen(peer(1), 'answered', 10, 30);
    expect(table.failed(idOf(1), 2)).toEqual({});
    expect(table.get(idOf(1))?.rttMs).toBe(30);
    expect(table.failed(idOf(1), 1).dropped?.nodeId).toEqual(idOf(1));
    expect(table.size).toBe(0);
    expect(table.failed(idOf(999), 3)).toEqual({});
  });

  it('T4 takes at most two of one /24 into a bucket and ten into the table, private ranges exempt', () => {
    const table = new RoutingTable(SELF);
    for (let bucket = 0; bucket < 8; bucket++) {
      for (let n = 0; n < 5; n++) {
        table.seen({ nodeId: inBucket(bucket, n), address: { host: `203.0.113.${bucket * 5 + n}`, port: 4870 } }, 'answered', 1);
      }
    }
    for (const bucket of table.buckets()) expect(bucket.contacts.length).toBeLessThanOrEqual(2);
    expect(table.size).toBe(10);
    table.drop(inBucket(0, 0));
    expect(table.size, 'a waiting one of the same group may take the freed place').toBe(10);
    for (let n = 0; n < 15; n++) table.seen({ nodeId: inBucket(9, n), address: { host: '127.0.0.1', port: 5000 + n } }, 'answered', 1);
    expect(table.size).toBe(25);
  });

  it('T4 lets inbound contacts wait until the first self-lookup is done', () => {
    const table = new RoutingTable(SELF);
    expect(table.seen(peer(1), 'asked', 1).result).toBe('waiting');
    expect(table.seen(peer(2), 'answered', 2).result).toBe('added');
    expect(table.size).toBe(1);
    expect(table.openToInbound().map((contact) => contact.nodeId)).toEqual([idOf(1)]);
    expect(table.openToInbound()).toEqual([]);
    expect(table.seen(peer(3), 'asked', 3).result).toBe('added');
    expect(table.size).toBe(3);
  });

  it('follows a contact to another address, unless its new network is full', () => {
    const table = tableOf(1);
    table.seen(peer(1, { host: '10.9.9.9', port: 1 }), 'answered', 5);
    expect(table.get(idOf(1))?.address).toEqual({ host: '10.9.9.9', port: 1 });
    for (let n = 0; n < 10; n++) table.seen({ nodeId: inBucket(n, 100 + n), address: { host: `203.0.113.${n}`, port: 1 } }, 'answered', 1);
    table.seen(peer(1, { host: '203.0.113.99', port: 1 }), 'answered', 6);
    expect(table.get(idOf(1))?.address.host).toBe('10.9.9.9');
  });

  it('DF-22 lists the contacts that were silent for longest', () => {
    const table = tableOf(10);
    expect(table.silentContacts(1000, 995, 3).map((contact) => contact.lastSeenMs)).toEqual([1, 2, 3]);
    expect(table.silentContacts(1000, 995, 10)).toHaveLength(4);
  });

  it('bounds its replacement lists, and does not turn them over with every answer', () => {
    const table = new RoutingTable(SELF);
    const newest = (): NodeId | undefined => [...table.replacements()].at(-1)?.nodeId;
    for (let n = 0; n < 100; n++) table.seen({ nodeId: inBucket(0, n), address: lan(n) }, 'answered', n);
    expect([...table.replacements()]).toHaveLength(ROUTING_TABLE_DEFAULTS.replacementsMax);
    expect(newest()).toEqual(inBucket(0, 30));
    table.seen({ nodeId: inBucket(0, 200), address: lan(200) }, 'answered', 1100);
    expect(newest(), 'a second later one may come in').toEqual(inBucket(0, 200));
  });
});

describe('refresh plan', () => {
  it('BD-47 names the buckets that no lookup touched for the interval, the stalest first', () => {
    const buckets = [
      { index: 0, lastLookupMs: 50 },
      { index: 1, lastLookupMs: 950 },
      { index: 2, lastLookupMs: 10 },
    ];
    expect(planRefresh(buckets, 1000, { intervalMs: 500, bucketsMax: 9 })).toEqual([2, 0]);
    expect(planRefresh(buckets, 1000, { intervalMs: 500, bucketsMax: 1 })).toEqual([2]);
  });

  it('knows that a lookup into a bucket keeps it fresh', () => {
    const table = tableOf(50);
    table.markLookup(inBucket(0, 1), 5000);
    const stale = planRefresh(table.buckets(), 5001, { intervalMs: 1000, bucketsMax: 99 });
    expect(stale).not.toContain(0);
    expect(stale).toContain(1);
  });

  it('covers every range down to the nearest contact after joining', () => {
    expect(planJoin(3)).toEqual([0, 1, 2, 3]);
    expect(planJoin(-1)).toEqual([]);
  });
});

describe('neighbours', () => {
  it('BD-04 are the next ids above and below, around the end of the key space', () => {
    const table = tableOf(30);
    const { above, below } = findNeighbours(SELF, table.contacts());
    const ids = [SELF, ...[...table.contacts()].map((contact) => contact.nodeId)].sort((a, b) => Buffer.compare(a, b));
    const at = ids.findIndex((candidate) => equalBytes(candidate, SELF));
    expect(above?.nodeId).toEqual(ids[(at + 1) % ids.length]);
    expect(below?.nodeId).toEqual(ids.at(at - 1));
    expect(findNeighbours(SELF, [])).toEqual({ above: undefined, below: undefined });
  });
});

describe('size estimate', () => {
  it('lands within three deviations of the real number of nodes', () => {
    const ids = Array.from({ length: 5000 }, (_, n) => idOf(n));
    const samples = Array.from({ length: 8 }, (_, n) => {
      const point = idOf(1_000_000 + n);
      return densitySample(point, [...ids].sort((a, b) => compareDistance(point, a, b)).slice(0, 20));
    }).flatMap((sample) => (sample === undefined ? [] : [sample]));
    const estimate = estimateNodes(samples);
    expect(estimate.errorRatio).toBeLessThan(0.09);
    expect(Math.abs(estimate.nodes - 5000)).toBeLessThan(3 * estimate.errorRatio * 5000);
  });

  it('says that it does not know without samples', () => {
    expect(estimateNodes([])).toEqual({ nodes: 0, errorRatio: 1 });
    expect(densitySample(SELF, [])).toBeUndefined();
  });
});
