import fc from 'fast-check';
import { expect, it } from 'vitest';
import { packHeld, unpackHeld } from './held-list.ts';

it('the shards that a host signed for come back from their text, one per segment at most', () => {
  const held = fc.uniqueArray(fc.record({ segment: fc.nat(4095), index: fc.nat(255) }), { selector: ({ segment }) => segment });
  fc.assert(
    fc.property(held, (list) => {
      const sorted = list.toSorted((a, b) => a.segment - b.segment);
      expect(unpackHeld(packHeld(list, 4096))).toEqual(sorted);
    }),
    { numRuns: 200, seed: 7 },
  );
});

it('rows beyond the file and text that is none are nobody', () => {
  expect(unpackHeld(packHeld([{ segment: 9, index: 0 }], 2))).toEqual([]);
  expect(unpackHeld('not base64 at all!')).toEqual([]);
});
