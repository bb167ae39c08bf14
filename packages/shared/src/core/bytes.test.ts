import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareBytes,
  concatBytes,
  equalBytes,
  fromBase64Url,
  fromHex,
  leadingZeroBits,
  toBase64Url,
  toHex,
  uintBytes,
  utf8Bytes,
  utf8Text,
} from './bytes.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('bytes', () => {
  it('sort as their hex does, a prefix before what it begins', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (a, b) => {
        const [hexA, hexB] = [toHex(a), toHex(b)];
        expect(Math.sign(compareBytes(a, b))).toBe(hexA < hexB ? -1 : hexA > hexB ? 1 : 0);
        expect(equalBytes(a, b)).toBe(hexA === hexB);
      }),
    );
  });

  it('count leading zero bits over whole bytes', () => {
    expect([bytes(0x80), bytes(0x01), bytes(0, 0x40), bytes(0, 0), bytes()].map(leadingZeroBits)).toEqual([0, 7, 9, 16, 0]);
  });

  it('come back from hex and base64url, and from nothing that only looks like it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (some) => {
        expect(fromHex(toHex(some))).toEqual(some);
        expect(fromHex(toHex(some), some.length)).toEqual(some);
        expect(fromHex(toHex(some), some.length + 1)).toBeUndefined();
        expect(fromBase64Url(toBase64Url(some))).toEqual(some);
      }),
    );
    for (const text of ['0', 'AB', '0g', ' 00', '00\n']) expect(fromHex(text), JSON.stringify(text)).toBeUndefined();
    // The last two decode leniently, to bytes that encode to other text: two spellings of one value are not let in.
    for (const text of ['a+b/', 'AA==', 'A', 'AB']) expect(fromBase64Url(text), text).toBeUndefined();
  });

  it('are strict UTF-8 or no text', () => {
    expect(utf8Text(utf8Bytes('Käse\u0000\ufeff'))).toBe('Käse\u0000\ufeff');
    expect(utf8Text(bytes(0xff))).toBeUndefined();
    expect(utf8Text(bytes(0xed, 0xa0, 0x80)), 'a lone surrogate').toBeUndefined();
    expect(utf8Text(bytes(0xc0, 0x80)), 'an overlong zero').toBeUndefined();
  });

  it('hold integers up to 2^53 - 1, most significant first', () => {
    expect(toHex(uintBytes(Number.MAX_SAFE_INTEGER, 8))).toBe('001fffffffffffff');
    expect(toHex(uintBytes(258, 3))).toBe('000102');
  });

  it('are joined without sharing memory', () => {
    const part = bytes(1);
    const joined = concatBytes(part, bytes(), bytes(2, 3));
    part[0] = 9;
    expect(joined).toEqual(bytes(1, 2, 3));
  });
});
