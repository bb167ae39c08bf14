// AssemblyScript: sums of products in GF(2^8), 32 bytes at a time, for one to four rows; compiled by compile-kernel.mjs.
//
// A product c x splits into the product with the low and with the high four bits of x, and each of those has 16 values: one
// i8x16.swizzle looks sixteen of them up (Plank, Greenan, Miller 2013, "Screaming Fast Galois Field Arithmetic Using Intel SIMD").
// Memory belongs to the caller: `tables` holds 32 bytes for each column and row of the group (16 low, 16 high), column by column;
// inputs and outputs are `stride` bytes apart. `length` is rounded up to 32; what lies behind it in a stride is of no meaning.

const NIBBLE: v128 = i8x16.splat(15);

function look(table: usize, low: v128, high: v128): v128 {
  return v128.xor(i8x16.swizzle(v128.load(table), low), i8x16.swizzle(v128.load(table, 16), high));
}

function highOf(bytes: v128): v128 {
  return i8x16.shr_u(bytes, 4);
}

export function combine4(tables: usize, inputs: usize, outputs: usize, columns: usize, length: usize, stride: usize): void {
  const tablesEnd = tables + columns * 128;
  for (let at: usize = 0; at < length; at += 32) {
    let a0 = i64x2.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let c0 = a0;
    let c1 = a0;
    let d0 = a0;
    let d1 = a0;
    let input = inputs + at;
    for (let table = tables; table < tablesEnd; table += 128) {
      const x = v128.load(input);
      const y = v128.load(input, 16);
      const xLow = v128.and(x, NIBBLE);
      const xHigh = highOf(x);
      const yLow = v128.and(y, NIBBLE);
      const yHigh = highOf(y);
      a0 = v128.xor(a0, look(table, xLow, xHigh));
      a1 = v128.xor(a1, look(table, yLow, yHigh));
      b0 = v128.xor(b0, look(table + 32, xLow, xHigh));
      b1 = v128.xor(b1, look(table + 32, yLow, yHigh));
      c0 = v128.xor(c0, look(table + 64, xLow, xHigh));
      c1 = v128.xor(c1, look(table + 64, yLow, yHigh));
      d0 = v128.xor(d0, look(table + 96, xLow, xHigh));
      d1 = v128.xor(d1, look(table + 96, yLow, yHigh));
      input += stride;
    }
    let output = outputs + at;
    v128.store(output, a0);
    v128.store(output, a1, 16);
    output += stride;
    v128.store(output, b0);
    v128.store(output, b1, 16);
    output += stride;
    v128.store(output, c0);
    v128.store(output, c1, 16);
    output += stride;
    v128.store(output, d0);
    v128.store(output, d1, 16);
  }
}

export function combine2(tables: usize, inputs: usize, outputs: usize, columns: usize, length: usize, stride: usize): void {
  const tablesEnd = tables + columns * 64;
  for (let at: usize = 0; at < length; at += 32) {
    let a0 = i64x2.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let input = inputs + at;
    for (let table = tables; table < tablesEnd; table += 64) {
      const x = v128.load(input);
      const y = v128.load(input, 16);
      const xLow = v128.and(x, NIBBLE);
      const xHigh = highOf(x);
      const yLow = v128.and(y, NIBBLE);
      const yHigh = highOf(y);
      a0 = v128.xor(a0, look(table, xLow, xHigh));
      a1 = v128.xor(a1, look(table, yLow, yHigh));
      b0 = v128.xor(b0, look(table + 32, xLow, xHigh));
      b1 = v128.xor(b1, look(table + 32, yLow, yHigh));
      input += stride;
    }
    let output = outputs + at;
    v128.store(output, a0);
    v128.store(output, a1, 16);
    output += stride;
    v128.store(output, b0);
    v128.store(output, b1, 16);
  }
}

export function combine1(tables: usize, inputs: usize, outputs: usize, columns: usize, length: usize, stride: usize): void {
  const tablesEnd = tables + columns * 32;
  for (let at: usize = 0; at < length; at += 32) {
    let a0 = i64x2.splat(0);
    let a1 = a0;
    let input = inputs + at;
    for (let table = tables; table < tablesEnd; table += 32) {
      const x = v128.load(input);
      const y = v128.load(input, 16);
      a0 = v128.xor(a0, look(table, v128.and(x, NIBBLE), highOf(x)));
      a1 = v128.xor(a1, look(table, v128.and(y, NIBBLE), highOf(y)));
      input += stride;
    }
    v128.store(outputs + at, a0);
    v128.store(outputs + at, a1, 16);
  }
}
