import { equalBytes, present } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
// @ts-expect-error: a plain script, beside the AssemblyScript source that it compiles
import { compileKernel } from '../../../assembly/compile-kernel.mjs';
import { createSimdKernel } from './simd-kernel.ts';
import { SIMD_KERNEL_BASE64 } from './simd-kernel-bytes.ts';
import { tableKernel } from './table-kernel.ts';

describe('the vector kernel', () => {
  it('is what its source compiles to', async () => {
    const compiled = Buffer.from((await compileKernel()) as Uint8Array).toString('base64');
    expect(compiled, 'run `npm run kernel -w @batchain/bat-node`').toBe(SIMD_KERNEL_BASE64);
  }, 60_000);

  it('runs on this engine', () => {
    expect(createSimdKernel()?.name).toBe('simd');
  });

  it('gives the bytes of the table kernel for any coefficients, shape and length', () => {
    const kernel = present(createSimdKernel(), 'the engine has vector instructions');
    const job = fc.record({
      columns: fc.integer({ min: 1, max: 12 }),
      rows: fc.integer({ min: 1, max: 11 }),
      length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(8191, 8192, 8193, 8192 + 31, 3 * 8192 + 64)),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(job, ({ columns, rows, length, seed }) => {
        let x = seed;
        const draw = (): number => {
          x = (Math.imul(x, 1664525) + 1013904223) | 0;
          return x >>> 24;
        };
        const coefficients = Uint8Array.from({ length: rows * columns }, draw);
        const inputs = Array.from({ length: columns }, () => Uint8Array.from({ length }, draw));
        const expected = Array.from({ length: rows }, () => new Uint8Array(length));
        const outputs = Array.from({ length: rows }, () => new Uint8Array(length).fill(0x55));
        tableKernel.combine(coefficients, inputs, expected);
        kernel.combine(coefficients, inputs, outputs);
        expect(outputs.every((output, row) => equalBytes(output, expected[row] as Uint8Array))).toBe(true);
      }),
    );
  }, 30_000);

  it('works on memory that threads share', () => {
    const kernel = present(createSimdKernel(), 'the engine has vector instructions');
    const shared = new Uint8Array(new SharedArrayBuffer(256));
    shared.subarray(0, 64).fill(3);
    shared.subarray(64, 128).fill(5);
    kernel.combine(Uint8Array.of(1, 1), [shared.subarray(0, 64), shared.subarray(64, 128)], [shared.subarray(128, 192)]);
    expect([...shared.subarray(128, 192)]).toEqual(new Array(64).fill(6));
    expect(shared[192]).toBe(0);
  });
});
