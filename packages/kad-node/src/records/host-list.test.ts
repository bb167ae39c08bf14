import { hour, type NodeId, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { HOSTS_PER_GROUP_MAX } from '../limits.ts';
import { compareDistance } from '../routing/distance.ts';
import { HostList } from './host-list.ts';
import type { RecordFacts } from './record-kind.ts';

const id = (n: number): Uint8Array => sha256(uintBytes(n, 8));
const SELF = id(0) as NodeId;
const isAlive = (): boolean => true;

const host = (n: number, sequence = 1): RecordFacts => ({
  kind: 'contact',
  key: id(n),
  publisher: id(n),
  sequence,
  lifetimeMs: 8 * hour,
  keptMs: 8 * hour,
  isWithdrawal: false,
  hasGrant: false,
  isHost: true,
  bytes: new Uint8Array(1),
});

describe('HostList', () => {
  it('T5 keeps the hosts nearest to its own node, whoever came first', () => {
    const list = new HostList(SELF, 20);
    const numbers = Array.from({ length: 500 }, (_, i) => i + 1);
    for (const n of numbers) list.add(String(n), host(n));
    const nearest = numbers.map(id).sort((a, b) => compareDistance(SELF, a, b));
    expect(list.nearest(SELF, 99, isAlive).map(({ key }) => key)).toEqual(nearest.slice(0, 20));
    const key = id(77_777);
    const around = nearest.slice(0, 20).sort((a, b) => compareDistance(key, a, b));
    expect(list.nearest(key, 7, isAlive).map((record) => record.key)).toEqual(around.slice(0, 7));
  });

  it('T4 of one network the nearest, and others instead of those it may not have', () => {
    const list = new HostList(SELF, 1000);
    const numbers = Array.from({ length: 100 }, (_, i) => i + 1);
    for (const n of numbers) list.add(String(n), { ...host(n), hostGroup: '9.9.9' });
    const nearest = numbers.map(id).sort((a, b) => compareDistance(SELF, a, b));
    expect(list.nearest(SELF, 99, isAlive).map(({ key }) => key)).toEqual(nearest.slice(0, HOSTS_PER_GROUP_MAX));
    for (const n of numbers) list.add(`other ${n}`, { ...host(1000 + n), hostGroup: `9.9.${100 + n}` });
    expect(list.nearest(SELF, 999, isAlive)).toHaveLength(HOSTS_PER_GROUP_MAX + 100);
    const first = nearest[0] as Uint8Array;
    const name = String(numbers.find((n) => Buffer.compare(id(n), first) === 0));
    list.delete(name, list.nearest(first, 1, isAlive)[0] as RecordFacts);
    list.add('again', { ...host(5000), hostGroup: '9.9.9' });
    expect(
      list.nearest(SELF, 999, ({ hostGroup }) => hostGroup === '9.9.9'),
      'one went, another may come',
    ).toHaveLength(HOSTS_PER_GROUP_MAX);
  });

  it('takes the newer record of a host also when it is full, and forgets one record only for itself', () => {
    const list = new HostList(SELF, 2);
    const [first, second, newer] = [host(1), host(2), host(1, 2)];
    list.add('1', first);
    list.add('2', second);
    list.add('1', newer);
    list.delete('1', first);
    expect(list.nearest(id(1), 1, isAlive)).toEqual([newer]);
    list.delete('1', newer);
    expect(list.nearest(id(1), 9, isAlive)).toEqual([second]);
    expect(list.nearest(id(1), 9, () => false)).toEqual([]);
  });
});
