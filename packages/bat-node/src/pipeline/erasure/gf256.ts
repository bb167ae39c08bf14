// pure: arithmetic in GF(2^8) with polynomial 0x11d (x^8 + x^4 + x^3 + x^2 + 1) and generator 2, by tables.

export const GF256_POLYNOMIAL = 0x11d;

const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);

let power = 1;
for (let exponent = 0; exponent < 255; exponent++) {
  EXP[exponent] = power;
  EXP[exponent + 255] = power;
  LOG[power] = exponent;
  power <<= 1;
  if (power > 255) power ^= GF256_POLYNOMIAL;
}

/** The product of two field elements (0 to 255). */
export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  return EXP[(LOG[a] as number) + (LOG[b] as number)] as number;
}

/** The element whose product with `a` is 1; `a` must not be 0. */
export function invert(a: number): number {
  return EXP[255 - (LOG[a] as number)] as number;
}
