// pure: the coding kernel over WebAssembly vector instructions: strips of all shards are copied in, combined, and copied out.
import type { CodingKernel } from './erasure-code.ts';
import { multiply } from './gf256.ts';
import { SIMD_KERNEL_BASE64 } from './simd-kernel-bytes.ts';

/** Bytes of each shard in work at a time: forty strips stay in a second-level cache. A multiple of the kernel's 32. */
const STRIP_BYTES = 8192;
const PAGE_BYTES = 65_536;
/** For each coefficient the products with sixteen low and sixteen high halves of a byte. */
const TABLE_BYTES = 32;
/** Where memory is ours: the module keeps nothing, but address 0 stays unused. */
const BASE = 1024;

/** What is used of the engine's WebAssembly, which the language's library files do not declare. */
declare const WebAssembly: {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { readonly initial: number }) => WasmMemory;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

interface WasmMemory {
  /** Another one after each `grow`. */
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

type Combine = (tables: number, inputs: number, outputs: number, columns: number, length: number, stride: number) => void;

/** Rows that one call of the module makes. */
type GroupSize = 1 | 2 | 4;

interface KernelExports {
  readonly combine1: Combine;
  readonly combine2: Combine;
  readonly combine4: Combine;
}

interface Group {
  readonly firstRow: number;
  readonly size: GroupSize;
  /** Address of its tables. */
  readonly tables: number;
}

class SimdKernel implements CodingKernel {
  readonly name = 'simd';
  readonly #memory: WasmMemory;
  readonly #combine: Readonly<Record<GroupSize, Combine>>;

  constructor(module: object) {
    this.#memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
    const { combine1, combine2, combine4 } = exports as KernelExports;
    this.#combine = { 1: combine1, 2: combine2, 4: combine4 };
  }

  combine(coefficients: Uint8Array, inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): void {
    const columns = inputs.length;
    const length = inputs[0]?.length ?? 0;
    const inputsAt = BASE + coefficients.length * TABLE_BYTES;
    const outputsAt = inputsAt + columns * STRIP_BYTES;
    const memory = this.#room(outputsAt + outputs.length * STRIP_BYTES);
    const groups = writeTables(memory, coefficients, columns);
    for (let start = 0; start < length; start += STRIP_BYTES) {
      const stripBytes = Math.min(STRIP_BYTES, length - start);
      for (let column = 0; column < columns; column++) {
        memory.set((inputs[column] as Uint8Array).subarray(start, start + stripBytes), inputsAt + column * STRIP_BYTES);
      }
      for (const { firstRow, size, tables } of groups) {
        this.#combine[size](tables, inputsAt, outputsAt + firstRow * STRIP_BYTES, columns, stripBytes, STRIP_BYTES);
      }
      for (let row = 0; row < outputs.length; row++) {
        const from = outputsAt + row * STRIP_BYTES;
        (outputs[row] as Uint8Array).set(memory.subarray(from, from + stripBytes), start);
      }
    }
  }

  /** The module's memory, grown to so many bytes; 10 MiB for the widest code. */
  #room(bytes: number): Uint8Array {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    return new Uint8Array(this.#memory.buffer);
  }
}

/** Cuts the rows into groups of 4, 2 and 1 and writes their tables, column by column within each group. */
function writeTables(memory: Uint8Array, coefficients: Uint8Array, columns: number): Group[] {
  const rows = coefficients.length / columns;
  const groups: Group[] = [];
  let at = BASE;
  for (let firstRow = 0; firstRow < rows; ) {
    const left = rows - firstRow;
    const size: GroupSize = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    groups.push({ firstRow, size, tables: at });
    for (let column = 0; column < columns; column++) {
      for (let row = firstRow; row < firstRow + size; row++) {
        const coefficient = coefficients[row * columns + column] as number;
        for (let half = 0; half < 16; half++) {
          memory[at + half] = multiply(coefficient, half);
          memory[at + 16 + half] = multiply(coefficient, half << 4);
        }
        at += TABLE_BYTES;
      }
    }
    firstRow += size;
  }
  return groups;
}

/** The kernel, or undefined where the engine has no vector instructions. Each instance has memory of its own. */
export function createSimdKernel(): CodingKernel | undefined {
  const bytes = Buffer.from(SIMD_KERNEL_BASE64, 'base64');
  return WebAssembly.validate(bytes) ? new SimdKernel(new WebAssembly.Module(bytes)) : undefined;
}
