import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseRange } from './byte-range.ts';

const part = (start: number, end: number) => ({ kind: 'part', start, end });

describe('chooseRange', () => {
  it.each([
    ['bytes=0-0', part(0, 1)],
    ['bytes=2-4', part(2, 5)],
    ['bytes=2-', part(2, 10)],
    ['bytes=2-1000', part(2, 10)],
    ['bytes=9-9', part(9, 10)],
    ['bytes=-3', part(7, 10)],
    ['bytes=-1000', part(0, 10)],
    ['BYTES= 2-4 ', part(2, 5)],
    [`bytes=0-${'9'.repeat(400)}`, part(0, 10)],
    [`bytes=-${'9'.repeat(400)}`, part(0, 10)],
  ])('%s of ten bytes is a part', (header, expected) => {
    expect(chooseRange(header, 10)).toEqual(expected);
  });

  it.each(['bytes=10-', 'bytes=10-12', 'bytes=-0', `bytes=${'9'.repeat(400)}-`])('%s of ten bytes can not be had', (header) => {
    expect(chooseRange(header, 10)).toEqual({ kind: 'unsatisfiable' });
  });

  it.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=5-2',
    'bytes=0-1,3-4',
    'bytes=0-0,0-0,0-0,0-0',
    'bytes=a-b',
    'bytes=0x1-2',
    'bytes=1.5-2',
    'bytes=--1',
    'bytes=+1-2',
    'bytes=1 - 2',
    'lines=0-1',
    'bytes =0-1',
  ])('%s is answered with the whole', (header) => {
    expect(chooseRange(header, 10)).toEqual({ kind: 'whole' });
  });

  it('of an empty value is the whole, whatever is asked for', () => {
    for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-5', 'bytes=7-']) expect(chooseRange(header, 0)).toEqual({ kind: 'whole' });
  });

  it('never leaves the representation, whatever the header says', () => {
    const digits = fc.stringMatching(/^\d{0,30}$/);
    const likely = fc.tuple(digits, digits).map(([first, last]) => `bytes=${first}-${last}`);
    fc.assert(
      fc.property(fc.oneof(likely, fc.string({ maxLength: 60 })), fc.nat(1_000_000), (header, total) => {
        const choice = chooseRange(header, total);
        if (choice.kind !== 'part') return;
        expect(choice.start).toBeGreaterThanOrEqual(0);
        expect(choice.end).toBeGreaterThan(choice.start);
        expect(choice.end).toBeLessThanOrEqual(total);
      }),
      { numRuns: 5000 },
    );
  });
});
