import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planStream } from './stream-plan.ts';

describe('planStream', () => {
  it('takes the segments that hold a range, and no other', () => {
    expect(planStream(100, 10, { offset: 25, length: 10 })).toEqual({
      firstSegment: 2,
      endSegment: 4,
      skipBytes: 5,
      length: 10,
      isWhole: false,
    });
    expect(planStream(100, 10, { offset: 30, length: 10 })).toMatchObject({ firstSegment: 3, endSegment: 4, skipBytes: 0 });
    expect(planStream(95, 10, { offset: 90 })).toMatchObject({ firstSegment: 9, endSegment: 10, length: 5 });
  });

  it('takes the whole when nothing else was said, and the one segment of an empty file', () => {
    expect(planStream(95, 10, {})).toEqual({ firstSegment: 0, endSegment: 10, skipBytes: 0, length: 95, isWhole: true });
    expect(planStream(0, 10, {})).toEqual({ firstSegment: 0, endSegment: 1, skipBytes: 0, length: 0, isWhole: true });
  });

  it('covers exactly the wanted bytes that the file has, with no segment too many', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.integer({ min: 1, max: 64 }), fc.nat(6000), fc.nat(6000), (bytes, size, offset, length) => {
        const plan = planStream(bytes, size, { offset, length });
        expect(plan.length).toBe(Math.max(0, Math.min(bytes, offset + length) - Math.min(bytes, offset)));
        if (plan.length === 0) return;
        expect(plan.firstSegment * size + plan.skipBytes).toBe(offset);
        expect(plan.skipBytes).toBeLessThan(size);
        const lastByte = offset + plan.length - 1;
        expect(plan.endSegment).toBe(Math.floor(lastByte / size) + 1);
      }),
    );
  });
});
