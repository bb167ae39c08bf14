import { compareBytes, type NodeId, sha256, uintBytes } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitAt, compareDistance, distanceHead, ID_BITS, idInBucket, sharedPrefixBits } from './distance.ts';

const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ (b[i] as number));

describe('XOR distance', () => {
  it('DF-14 BD-47 orders ids as the bytes of their XOR with the target', () => {
    fc.assert(
      fc.property(id, id, id, (target, a, b) => {
        expect(Math.sign(compareDistance(target, a, b))).toBe(Math.sign(compareBytes(xor(a, target), xor(b, target))));
      }),
    );
  });

  it('tells ids apart by their last bit', () => {
    const a = new Uint8Array(32);
    const b = Uint8Array.from(a);
    b[31] = 1;
    expect(compareDistance(a, a, b)).toBeLessThan(0);
    expect(compareDistance(b, a, b)).toBeGreaterThan(0);
    expect(compareDistance(a, b, b)).toBe(0);
    expect(sharedPrefixBits(a, b)).toBe(255);
    expect(sharedPrefixBits(a, a)).toBe(ID_BITS);
  });

  it('has a head that never contradicts the whole distance', () => {
    fc.assert(
      fc.property(id, id, id, (target, a, b) => {
        const heads = distanceHead(target, a) - distanceHead(target, b);
        if (heads !== 0) expect(Math.sign(heads)).toBe(Math.sign(compareDistance(target, a, b)));
      }),
    );
    expect(distanceHead(new Uint8Array(32), new Uint8Array(32).fill(0xff))).toBe(2 ** 48 - 1);
  });

  it('makes ids for every bucket', () => {
    const self = sha256(uintBytes(1, 4)) as NodeId;
    for (let index = 0; index < ID_BITS; index++) {
      const other = idInBucket(self, index, sha256(uintBytes(index, 4)));
      expect(sharedPrefixBits(self, other)).toBe(index);
      expect(bitAt(self, index)).not.toBe(bitAt(other, index));
    }
  });
});
