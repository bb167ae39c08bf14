import { describe, expect, it } from 'vitest';
import { HostSlots } from './host-slots.ts';

const any = (): boolean => true;

describe('slots for hosts', () => {
  it('BN-09 give each host one shard of a segment, and each shard number to every host in turn', () => {
    const slots = new HostSlots(['ana', 'bo', 'cem'], 3);
    const rows = [0, 1, 2].map((segment) => [0, 1, 2].map((index) => slots.hostFor(segment, index)));
    expect(rows).toEqual([
      ['ana', 'bo', 'cem'],
      ['bo', 'cem', 'ana'],
      ['cem', 'ana', 'bo'],
    ]);
  });

  it('let a fit spare take over for good, and stay empty without one', () => {
    const slots = new HostSlots(['ana', 'bo', 'cem', 'dee'], 2);
    slots.retire('ana', (spare) => spare !== 'cem');
    expect(slots.hostFor(0, 0)).toBe('dee');
    slots.retire('bo', (spare) => spare !== 'cem');
    expect(slots.hostFor(0, 1)).toBeUndefined();
    slots.add('eve');
    expect(slots.hostFor(0, 1)).toBe('eve');
  });

  it('take no second spare when the same host is taken out by two shards at once', () => {
    const slots = new HostSlots(['ana', 'bo', 'cem', 'dee'], 2);
    slots.retire('ana', any);
    slots.retire('ana', any);
    expect([slots.hostFor(0, 0), slots.hostFor(0, 1), slots.borrow(any)]).toEqual(['cem', 'bo', 'dee']);
  });

  it('lend a spare without losing it, until it fails itself', () => {
    const slots = new HostSlots(['ana', 'bo', 'cem'], 2);
    expect(slots.borrow(any)).toBe('cem');
    expect(slots.borrow(any)).toBe('cem');
    slots.retire('cem', any);
    expect(slots.borrow(any)).toBeUndefined();
  });
});
