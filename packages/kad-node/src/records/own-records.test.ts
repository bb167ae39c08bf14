import { hour, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import type { OwnRecord } from './own-record.ts';
import { OwnRecords } from './own-records.ts';

const WALL = 1_700_000_000_000;
const record = (n: number, changes: Partial<OwnRecord> = {}): OwnRecord => ({
  kind: 'mutable',
  key: sha256(uintBytes(n, 8)),
  sequence: WALL,
  payload: null,
  name: new Uint8Array(),
  isWithdrawn: false,
  lifetimeMs: undefined,
  publishedMs: 0,
  ...changes,
});

describe('OwnRecords', () => {
  it('keep a deletion until no copy of what was deleted can live, and a value for good', () => {
    const own = new OwnRecords();
    own.set(record(1, { isWithdrawn: true }));
    own.set(record(2));
    own.set(record(3, { kind: 'provider', isWithdrawn: true }));
    own.dropLongWithdrawn(WALL + 48 * hour);
    expect(own.size).toBe(3);
    own.dropLongWithdrawn(WALL + 48 * hour + 1);
    own.dropLongWithdrawn(WALL + 96 * hour);
    expect([...own.all()]).toEqual([record(1, { isWithdrawn: true }), record(2)]);
    own.dropLongWithdrawn(WALL + 96 * hour + 1);
    expect([...own.all()]).toEqual([record(2)]);
  });

  it('publish a value with a short life twice within it, others at the usual interval', () => {
    const own = new OwnRecords();
    own.set(record(1, { lifetimeMs: 2 * hour }));
    own.set(record(2));
    const due = (hours: number): number => own.due(hours * hour, { intervalMs: 22 * hour, countMax: 9 }).length;
    expect([due(0.4), due(1), due(22)]).toEqual([0, 1, 2]);
  });
});
