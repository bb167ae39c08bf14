import { compareBytes, equalBytes, present } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkScheme } from './erasure-scheme.ts';
import { invert, multiply } from './gf256.ts';
import { cauchyGenerator, invertMatrix, multiplyMatrix } from './matrix.ts';
import { ReedSolomon } from './reed-solomon.ts';
import { createSimdKernel } from './simd-kernel.ts';
import { tableKernel } from './table-kernel.ts';

const kernels = [tableKernel, present(createSimdKernel(), 'the engine has vector instructions')];

const scheme = fc
  .record({ requiredShards: fc.integer({ min: 1, max: 24 }), spare: fc.integer({ min: 0, max: 24 }) })
  .map(({ requiredShards, spare }) => ({ requiredShards, totalShards: requiredShards + spare }));

describe('the field', () => {
  it('has an inverse for every element but zero, and multiplies as the carry-less product does', () => {
    const product = (a: number, b: number): number => {
      let sum = 0;
      for (let bit = 0; bit < 8; bit++) if ((b >> bit) & 1) sum ^= a << bit;
      for (let bit = 14; bit >= 8; bit--) if ((sum >> bit) & 1) sum ^= 0x11d << (bit - 8);
      return sum;
    };
    for (let a = 0; a < 256; a++) for (let b = 0; b < 256; b++) expect(multiply(a, b)).toBe(product(a, b));
    for (let a = 1; a < 256; a++) expect(multiply(a, invert(a))).toBe(1);
  });
});

describe('the matrix', () => {
  it('inverts every choice of generator rows that it was asked for', () => {
    const chosen = fc.integer({ min: 1, max: 20 }).chain((size) =>
      fc.record({
        size: fc.constant(size),
        rows: fc.shuffledSubarray(
          Array.from({ length: 2 * size }, (_, i) => i),
          { minLength: size, maxLength: size },
        ),
      }),
    );
    fc.assert(
      fc.property(chosen, ({ size, rows }) => {
        const generator = cauchyGenerator(size, 2 * size);
        const matrix = new Uint8Array(size * size);
        rows.forEach((row, i) => {
          matrix.set(generator.subarray(row * size, (row + 1) * size), i * size);
        });
        const identity = cauchyGenerator(size, size);
        expect(compareBytes(multiplyMatrix(matrix, invertMatrix(matrix, size), size), identity)).toBe(0);
      }),
    );
  });
});

describe.each(kernels)('Reed-Solomon, kernel $name', (kernel) => {
  const code = new ReedSolomon(kernel);

  it('BN-04 restores every shard byte for byte from any k of n, whichever are lost', () => {
    const loss = scheme.chain((s) =>
      fc.record({
        scheme: fc.constant(s),
        kept: fc.shuffledSubarray(
          Array.from({ length: s.totalShards }, (_, i) => i),
          { minLength: s.requiredShards, maxLength: s.requiredShards },
        ),
        length: fc.integer({ min: 1, max: 20 }).map((steps) => steps * 64),
        seed: fc.integer(),
      }),
    );
    fc.assert(
      fc.property(loss, ({ scheme: s, kept, length, seed }) => {
        let x = seed;
        const draw = (): number => {
          x = (Math.imul(x, 1664525) + 1013904223) | 0;
          return x >>> 24;
        };
        const data = Array.from({ length: s.requiredShards }, () => Uint8Array.from({ length }, draw));
        const parity = Array.from({ length: s.totalShards - s.requiredShards }, () => new Uint8Array(length));
        code.encode(data, parity);
        const all = [...data, ...parity];
        const held = all.map((shard, i) => (kept.includes(i) ? shard : undefined));
        const wanted = all.flatMap((_, index) => (kept.includes(index) ? [] : [{ index, into: new Uint8Array(length).fill(0xaa) }]));
        code.reconstruct(s, held, wanted);
        for (const want of wanted) expect(equalBytes(want.into, all[want.index] as Uint8Array)).toBe(true);
      }),
    );
  });

  it('makes plain copies when one shard is enough', () => {
    const original = Uint8Array.from({ length: 128 }, (_, i) => i);
    const copies = [new Uint8Array(128), new Uint8Array(128)];
    code.encode([original], copies);
    expect(copies).toEqual([original, original]);
  });

  it('works at the limit of 128 of 256 with all data shards lost', () => {
    const data = Array.from({ length: 128 }, (_, j) => new Uint8Array(64).fill(j + 1));
    const parity = data.map(() => new Uint8Array(64));
    code.encode(data, parity);
    const rebuilt = data.map((_, index) => ({ index, into: new Uint8Array(64) }));
    code.reconstruct({ requiredShards: 128, totalShards: 256 }, [...data.map(() => undefined), ...parity], rebuilt);
    expect(rebuilt.map((want) => want.into)).toEqual(data);
  });

  it('throws when fewer than k shards are given, instead of inventing bytes', () => {
    const shards = [new Uint8Array(64), undefined, undefined];
    const wanted = [{ index: 1, into: new Uint8Array(64) }];
    expect(() => code.reconstruct({ requiredShards: 2, totalShards: 3 }, shards, wanted)).toThrow('2 shards are there');
  });
});

describe('erasure schemes', () => {
  it.each([
    [0, 3],
    [4, 3],
    [1, 257],
    [-1, 3],
    [1.5, 3],
    [Number.NaN, 3],
    [1, 65_535],
  ])('refuses %d of %d', (requiredShards, totalShards) => {
    expect(checkScheme({ requiredShards, totalShards })).toMatchObject({ ok: false, reason: 'out-of-range' });
  });
});
