import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSize, parseSize, sizeWord } from './sizes.ts';

describe('sizes', () => {
  it('reads IEC, decimal and bare units', () => {
    expect(['0', '4096', '50GiB', '50GB', '50g', '1.5 MiB', '16k', '7 B'].map(parseSize)).toEqual([
      0,
      4096,
      50 * 2 ** 30,
      50e9,
      50 * 2 ** 30,
      1.5 * 2 ** 20,
      16_384,
      7,
    ]);
  });

  it('refuses what is no size', () => {
    for (const text of ['', '-1', 'GiB', '1e9', '1.', '0x10', '10 apples', '99999999999999999', '9999999999TiB', 'NaN']) {
      expect(parseSize(text), text).toBeUndefined();
    }
  });

  it('writes a size as one word that means the same', () => {
    expect([20 * 2 ** 30, 1.5 * 2 ** 20, 1000, 0].map(sizeWord)).toEqual(['20GiB', '1.5MiB', '1000B', '0B']);
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(sizeWord(bytes)) === bytes));
  });

  it('shows IEC units with one digit, never 1024.0 of anything', () => {
    expect([0, 1023, 1024, 12_083, 50_646_220, 2 ** 30 - 1, 20 * 2 ** 30].map(formatSize)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '11.8 KiB',
      '48.3 MiB',
      '1.0 GiB',
      '20.0 GiB',
    ]);
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => !formatSize(bytes).startsWith('1024.0') || bytes > 2 ** 49));
  });
});
