import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReplayWindow } from './replay-window.ts';

describe('ReplayWindow', () => {
  it('agrees with a plain list of what was seen', () => {
    const counters = fc.array(fc.oneof(fc.nat(600), fc.nat(0xffff_ffff)), { maxLength: 200 });
    fc.assert(
      fc.property(counters, (list) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        let highest = -1;
        for (const counter of list) {
          const isFresh = counter > highest || (highest - counter < 224 && !seen.has(counter));
          expect(window.isFresh(counter)).toBe(isFresh);
          if (!isFresh) continue;
          window.note(counter);
          seen.add(counter);
          highest = Math.max(highest, counter);
          expect(window.isFresh(counter)).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([1, 31, 32, 33, 64, 223])('takes a datagram that was overtaken by %i others, once', (behind) => {
    const window = new ReplayWindow();
    for (let counter = 1; counter <= behind; counter++) window.note(counter);
    expect(window.isFresh(0)).toBe(true);
    window.note(0);
    expect(window.isFresh(0)).toBe(false);
  });

  it('takes nothing that is 224 or more behind', () => {
    const window = new ReplayWindow();
    window.note(224);
    expect(window.isFresh(0)).toBe(false);
    expect(window.isFresh(1)).toBe(true);
  });

  it('works up to the last counter', () => {
    const window = new ReplayWindow();
    window.note(0xffff_ff00);
    window.note(0xffff_ffff);
    expect([0xffff_ffff, 0xffff_fffe, 0xffff_ff00, 0].map((counter) => window.isFresh(counter))).toEqual([false, true, false, false]);
  });
});
