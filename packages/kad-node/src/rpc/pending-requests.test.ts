import { describe, expect, it } from 'vitest';
import { BoundedMap } from './bounded-map.ts';
import { PendingRequests } from './pending-requests.ts';

describe('DF-08 PendingRequests', () => {
  it('finds a request by transaction id and address together, and by neither alone', () => {
    const pending = new PendingRequests<string>();
    pending.add('0011', '192.0.2.1:1', 'request');
    expect(pending.get('0011', '192.0.2.1:1')).toBe('request');
    expect(pending.get('0011', '192.0.2.1:2')).toBeUndefined();
    expect(pending.get('0012', '192.0.2.1:1')).toBeUndefined();
    pending.delete('0011', '192.0.2.1:1');
    expect(pending.size).toBe(0);
  });

  it('takes so many and no more', () => {
    const pending = new PendingRequests<number>(2);
    expect([1, 2, 3].map((n) => pending.add(`${n}`, 'a', n))).toEqual([true, true, false]);
    expect(pending.all()).toEqual([1, 2]);
  });
});

describe('BoundedMap', () => {
  it('forgets what was touched longest ago, and says so', () => {
    const forgotten: string[] = [];
    const map = new BoundedMap<string, number>(2, (_, key) => forgotten.push(key));
    map.set('a', 1);
    map.set('b', 2);
    map.get('a');
    map.set('c', 3);
    expect(forgotten).toEqual(['b']);
    expect([map.peek('a'), map.peek('b'), map.peek('c')]).toEqual([1, undefined, 3]);
    map.set('a', 4);
    expect(map.size).toBe(2);
    expect(map.delete('a')).toBe(true);
    expect(forgotten).toEqual(['b']);
  });
});
