import { type NodeId, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { compareDistance } from '../routing/distance.ts';
import { regionPoints } from '../routing/region.ts';
import { Claims, dealContacts } from './paths.ts';

const id = (n: number): NodeId => sha256(uintBytes(n, 8)) as NodeId;
const KEY = id(0);
const CONTACTS = Array.from({ length: 50 }, (_, n) => ({ nodeId: id(n + 1) }));

describe('dealContacts', () => {
  it('T5 gives no contact to two paths, and all an equal number', () => {
    const dealt = dealContacts(regionPoints(KEY, 2, 4), CONTACTS, 10);
    expect(dealt.map((path) => path.length)).toEqual([10, 10, 10, 10]);
    expect(new Set(dealt.flat()).size).toBe(40);
  });

  it('spreads the nearest over the paths when all go to the same place', () => {
    const dealt = dealContacts([KEY, KEY, KEY], CONTACTS, 4);
    const nearest = [...CONTACTS].sort((a, b) => compareDistance(KEY, a.nodeId, b.nodeId));
    expect(dealt.map((path) => path.map((contact) => nearest.indexOf(contact)))).toEqual([
      [0, 3, 6, 9],
      [1, 4, 7, 10],
      [2, 5, 8, 11],
    ]);
  });

  it('leaves paths empty when there are too few', () => {
    expect(dealContacts([KEY, KEY, KEY], CONTACTS.slice(0, 2), 4).map((path) => path.length)).toEqual([1, 1, 0]);
    expect(dealContacts([KEY, KEY], [], 4)).toEqual([[], []]);
    expect(dealContacts([], CONTACTS, 4)).toEqual([]);
  });
});

describe('Claims', () => {
  it('T5 gives each node to the first that asks for it', () => {
    const claims = new Claims([id(1)]);
    expect([claims.take(id(1)), claims.take(id(2)), claims.take(id(2))]).toEqual([false, true, false]);
    expect([claims.has(id(2)), claims.has(id(3))]).toEqual([true, false]);
  });
});
