import { sha256, utf8Bytes } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileId, ShardId } from '../ids.ts';
import { compactJournal, encodeJournal, type JournalRecord, parseJournal } from './file-journal.ts';
import { type FileRecord, type PlaceRecord, placeOf } from './hosted-records.ts';

const named = (name: string): Uint8Array => sha256(utf8Bytes(name));

const file: FileRecord = {
  fileId: named('file') as FileId,
  ownerKey: named('owner'),
  fileNonce: named('nonce'),
  accessKey: named('access'),
  leaseId: named('lease').slice(0, 16),
  isCommitted: false,
  endsAtMs: 1_800_000_000_000,
  leaseUntilMs: 1_800_000_000_000,
  keepUntilMs: 0,
  rosterId: null,
  rosterBytes: 0,
  writtenAtMs: 1_799_000_000_000,
};

const place = (segment: number, index: number): PlaceRecord => ({
  segment,
  index,
  shardId: named(`shard ${segment} ${index}`) as ShardId,
  length: 64,
  durableSinceMs: 1_799_000_000_000,
});

const LIFE: readonly JournalRecord[] = [
  { kind: 'file', file },
  { kind: 'kept', places: [place(0, 0), place(0, 1)] },
  { kind: 'kept', places: [place(4095, 255)] },
  { kind: 'dropped', places: [placeOf(place(0, 0))] },
  { kind: 'file', file: { ...file, isCommitted: true, rosterId: named('roster'), rosterBytes: 99 } },
];
const AFTER = new Map([place(0, 1), place(4095, 255)].map((row) => [placeOf(row), row]));

describe('the journal of a hosted file', () => {
  it('says what its records say, in their order', () => {
    const state = parseJournal(encodeJournal(LIFE));
    expect(state.places).toEqual(AFTER);
    expect(state.file).toEqual({ ...file, isCommitted: true, rosterId: named('roster'), rosterBytes: 99 });
    expect(state).toMatchObject({ isDamaged: false, isTorn: false, wholeBytes: encodeJournal(LIFE).length });
  });

  it('says the same when it is written anew, shorter', () => {
    const long = parseJournal(encodeJournal([...LIFE, ...LIFE, ...LIFE]));
    const compact = compactJournal(long.file as FileRecord, [...long.places.values()]);
    expect(parseJournal(compact)).toMatchObject({ file: long.file, places: long.places });
    expect(compact.length).toBeLessThan(encodeJournal(LIFE).length);
  });

  it('forgets all places when the file ends, and takes new ones after that', () => {
    const ended = parseJournal(encodeJournal([...LIFE, { kind: 'ended' }]));
    expect(ended.places.size).toBe(0);
    const again = parseJournal(encodeJournal([...LIFE, { kind: 'ended' }, { kind: 'kept', places: [place(1, 1)] }]));
    expect([...again.places.keys()]).toEqual([placeOf(place(1, 1))]);
  });

  it('holds many thousand places', () => {
    const places = Array.from({ length: 5000 }, (_, i) => place(i >> 8, i & 255));
    const state = parseJournal(compactJournal(file, places));
    expect(state.places.size).toBe(5000);
    expect(parseJournal(encodeJournal([{ kind: 'dropped', places: places.map(placeOf) }])).isDamaged).toBe(false);
  });

  it('that was cut anywhere gives the records before the cut', () => {
    const whole = encodeJournal(LIFE);
    const ends = LIFE.map((_, i) => encodeJournal(LIFE.slice(0, i + 1)).length);
    for (let cut = 0; cut <= whole.length; cut++) {
      const state = parseJournal(whole.subarray(0, cut));
      const kept = ends.filter((end) => end <= cut).length;
      expect(state).toMatchObject({ wholeBytes: ends[kept - 1] ?? 0, isDamaged: false, isTorn: cut !== (ends[kept - 1] ?? 0) });
    }
  });

  it('with a damaged record gives all others and says so', () => {
    const whole = encodeJournal(LIFE);
    const [, from = 0, to = 0] = LIFE.map((_, i) => encodeJournal(LIFE.slice(0, i)).length);
    expect(from).toBeLessThan(to);
    for (let at = from; at < to; at++) {
      const bent = whole.slice();
      bent[at] = (bent[at] as number) ^ 1;
      const state = parseJournal(bent);
      expect(state.isDamaged).toBe(true);
      expect([...state.places.keys()]).toEqual([placeOf(place(4095, 255))]);
      expect(state.file?.isCommitted).toBe(true);
    }
  });

  it('gives nothing that was not written, whatever the disk gives', () => {
    const whole = encodeJournal(LIFE);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(whole.length), fc.nat(whole.length), (junk, from, to) => {
        const bytes = Buffer.concat([whole.subarray(0, from), junk, whole.subarray(to)]);
        for (const row of parseJournal(bytes).places.values()) {
          expect(LIFE.some((record) => record.kind === 'kept' && record.places.some((kept) => placeOf(kept) === placeOf(row)))).toBe(true);
        }
      }),
    );
  });
});
