import { equalBytes } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PIECE_BYTES } from '../limits.ts';
import { openPieces, openSegment, padSegment, sealSegment } from './cipher.ts';
import { deriveSegmentKeys } from './content-key.ts';
import { pieceCount, planPieces, SEALED_PIECE_BYTES, sealedLength, shardLength } from './segment-layout.ts';

const keys = deriveSegmentKeys(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2));
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 13 + (i >> 8) * 5 + 1) & 0xff);

function sealed(plain: Uint8Array): Uint8Array {
  const out = new Uint8Array(sealedLength(plain.length));
  sealSegment(keys, plain, out);
  return out;
}

const EDGES = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES - 1, 3 * PIECE_BYTES, 3 * PIECE_BYTES + 1];

describe('sealing', () => {
  it.each(EDGES)('opens what it sealed, %d bytes, also in place', (length) => {
    const plain = bytesOf(length);
    const apart = sealed(plain);
    expect(apart).toHaveLength(length + 16 * pieceCount(length));
    const opened = openSegment(keys, apart, length, new Uint8Array(length));
    expect(opened.ok && equalBytes(opened.value, plain)).toBe(true);

    const slot = new Uint8Array(sealedLength(length));
    slot.set(plain);
    sealSegment(keys, slot.subarray(0, length), slot);
    expect(equalBytes(slot, apart)).toBe(true);
    const inPlace = openSegment(keys, slot, length, slot);
    expect(inPlace.ok && equalBytes(inPlace.value, plain)).toBe(true);
  });

  it('opens any range by fetching the pieces that hold it and nothing else', () => {
    const plain = bytesOf(5 * PIECE_BYTES + 777);
    const all = sealed(plain);
    const range = fc
      .tuple(fc.nat({ max: plain.length - 1 }), fc.nat({ max: plain.length - 1 }))
      .map(([a, b]) => ({ start: Math.min(a, b), length: Math.abs(a - b) + 1 }));
    fc.assert(
      fc.property(range, ({ start, length }) => {
        const plan = planPieces(plain.length, start, length);
        expect(plan.sealedEnd - plan.sealedStart).toBeLessThan(length + 2 * SEALED_PIECE_BYTES + 16 * 6);
        const out = new Uint8Array((plan.endPiece - plan.firstPiece) * PIECE_BYTES);
        const opened = openPieces(keys, all.subarray(plan.sealedStart, plan.sealedEnd), plain.length, plan, out);
        expect(opened.ok).toBe(true);
        const wanted = out.subarray(plan.skipBytes, plan.skipBytes + length);
        expect(equalBytes(wanted, plain.subarray(start, start + length))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('fails for another key or salt', () => {
    const plain = bytesOf(1000);
    const bytes = sealed(plain);
    for (const wrong of [
      deriveSegmentKeys(new Uint8Array(32).fill(9), new Uint8Array(32).fill(2)),
      deriveSegmentKeys(new Uint8Array(32).fill(1), new Uint8Array(32).fill(9)),
    ]) {
      expect(openSegment(wrong, bytes, plain.length, new Uint8Array(1000))).toMatchObject({ ok: false, reason: 'bad-seal' });
    }
  });

  it('fails for a flipped bit, swapped pieces, and a truncation at a piece border, and writes none of the bad piece', () => {
    const plain = bytesOf(3 * PIECE_BYTES);
    const good = sealed(plain);
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
        const bent = good.slice();
        bent[at] = (bent[at] as number) ^ (1 << bit);
        const out = new Uint8Array(plain.length);
        const piece = Math.floor(at / SEALED_PIECE_BYTES);
        expect(openSegment(keys, bent, plain.length, out)).toEqual({ ok: false, reason: 'bad-seal', detail: `piece ${piece}` });
        expect(out.subarray(piece * PIECE_BYTES).every((byte) => byte === 0)).toBe(true);
      }),
      { numRuns: 40 },
    );
    const swapped = good.slice();
    swapped.copyWithin(0, SEALED_PIECE_BYTES, 2 * SEALED_PIECE_BYTES);
    expect(openSegment(keys, swapped, plain.length, new Uint8Array(plain.length))).toMatchObject({ reason: 'bad-seal' });
    const cut = good.subarray(0, 2 * SEALED_PIECE_BYTES);
    expect(openSegment(keys, cut, 2 * PIECE_BYTES, new Uint8Array(plain.length))).toMatchObject({ reason: 'bad-seal' });
    expect(openSegment(keys, cut, plain.length, new Uint8Array(plain.length))).toMatchObject({ reason: 'wrong-length' });
  });
});

describe('keys and padding', () => {
  it('differ with the salt, and the padding shows nothing of its own', () => {
    const other = deriveSegmentKeys(new Uint8Array(32).fill(1), new Uint8Array(32).fill(3));
    expect(equalBytes(keys.sealing, other.sealing)).toBe(false);
    const pad = new Uint8Array(640);
    padSegment(keys, pad);
    expect(new Set(pad).size).toBeGreaterThan(150);
    const again = new Uint8Array(64);
    padSegment(keys, again);
    expect(equalBytes(again, pad.subarray(0, 64))).toBe(true);
  });

  it('makes equal parts of a multiple of 64 bytes with less than 64 bytes too many in each', () => {
    fc.assert(
      fc.property(fc.nat({ max: 64 * 1024 * 1024 }), fc.integer({ min: 1, max: 256 }), (plain, required) => {
        const length = shardLength(plain, required);
        expect(length % 64).toBe(0);
        expect(length * required).toBeGreaterThanOrEqual(sealedLength(plain));
        expect((length - 64) * required).toBeLessThan(sealedLength(plain));
      }),
    );
  });
});
