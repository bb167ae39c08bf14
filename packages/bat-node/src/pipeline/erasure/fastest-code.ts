// pure: the erasure code over the fastest kernel that this engine runs.
import type { ErasureCode } from './erasure-code.ts';
import { ReedSolomon } from './reed-solomon.ts';
import { createSimdKernel } from './simd-kernel.ts';
import { tableKernel } from './table-kernel.ts';

/** Vector instructions where the engine has them, tables otherwise; the bytes are the same. One for each thread. */
export function createErasureCode(): ErasureCode {
  return new ReedSolomon(createSimdKernel() ?? tableKernel);
}
