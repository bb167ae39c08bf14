// pure: matrices over GF(2^8), row by row in one byte array: the Cauchy generator and inversion.
import { assert } from '@batchain/shared';
import { invert, multiply } from './gf256.ts';

/**
 * The whole generator of a systematic code: n rows of k, the identity, then for i = k..n-1 the Cauchy row 1 / (i xor j).
 * Equal to `gf_gen_cauchy1_matrix` of Intel ISA-L; every k of its rows are independent because i and j never meet.
 */
export function cauchyGenerator(requiredShards: number, totalShards: number): Uint8Array {
  const rows = new Uint8Array(totalShards * requiredShards);
  for (let i = 0; i < requiredShards; i++) rows[i * requiredShards + i] = 1;
  for (let i = requiredShards; i < totalShards; i++) {
    for (let j = 0; j < requiredShards; j++) rows[i * requiredShards + j] = invert(i ^ j);
  }
  return rows;
}

/** Gauss-Jordan inversion of a square matrix of `size` rows. The matrix must be regular, as any k generator rows are. */
export function invertMatrix(matrix: Uint8Array, size: number): Uint8Array {
  const left = matrix.slice();
  const right = new Uint8Array(size * size);
  for (let i = 0; i < size; i++) right[i * size + i] = 1;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    while (pivot < size && left[pivot * size + column] === 0) pivot++;
    assert(pivot < size, 'a matrix of generator rows can be inverted');
    if (pivot !== column) {
      swapRows(left, size, pivot, column);
      swapRows(right, size, pivot, column);
    }
    const scale = invert(left[column * size + column] as number);
    scaleRow(left, size, column, scale);
    scaleRow(right, size, column, scale);
    for (let row = 0; row < size; row++) {
      const factor = left[row * size + column] as number;
      if (row === column || factor === 0) continue;
      addScaledRow(left, size, row, column, factor);
      addScaledRow(right, size, row, column, factor);
    }
  }
  return right;
}

/** The product of a (rows x size) and a (size x columns) matrix. */
export function multiplyMatrix(a: Uint8Array, b: Uint8Array, size: number): Uint8Array {
  const rows = a.length / size;
  const columns = b.length / size;
  const product = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < size; i++) {
      const factor = a[row * size + i] as number;
      if (factor === 0) continue;
      for (let column = 0; column < columns; column++) {
        const at = row * columns + column;
        product[at] = (product[at] as number) ^ multiply(factor, b[i * columns + column] as number);
      }
    }
  }
  return product;
}

function swapRows(matrix: Uint8Array, size: number, a: number, b: number): void {
  const held = matrix.slice(a * size, (a + 1) * size);
  matrix.copyWithin(a * size, b * size, (b + 1) * size);
  matrix.set(held, b * size);
}

function scaleRow(matrix: Uint8Array, size: number, row: number, factor: number): void {
  for (let at = row * size; at < (row + 1) * size; at++) matrix[at] = multiply(matrix[at] as number, factor);
}

function addScaledRow(matrix: Uint8Array, size: number, row: number, source: number, factor: number): void {
  for (let i = 0; i < size; i++) {
    const at = row * size + i;
    matrix[at] = (matrix[at] as number) ^ multiply(matrix[source * size + i] as number, factor);
  }
}
