// Keys: what a text names, and under which name it lies in the hash table.
import { toHex, utf8Bytes } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kadNameOf, ownKeyOf, parseValueKey } from './value-key.ts';

const HEX = 'ab'.repeat(32);

describe('the key of a value', () => {
  it('is ours, a hash, or somebody else\u2019s', () => {
    expect(parseValueKey('motd')).toEqual({ kind: 'own', key: 'motd' });
    expect(parseValueKey('a/b c')).toEqual({ kind: 'own', key: 'a/b c' });
    expect(parseValueKey(HEX)).toMatchObject({ kind: 'hash', key: HEX });
    expect(parseValueKey(HEX.toUpperCase())).toMatchObject({ kind: 'own' });
    const foreign = parseValueKey(`${HEX}/a/b`);
    expect(foreign).toMatchObject({ kind: 'foreign', key: 'a/b' });
    expect(foreign.kind === 'foreign' && toHex(foreign.owner)).toBe(HEX);
  });

  it('is 1 to 1,024 bytes of well-formed text; others are refused with a reason', () => {
    expect(parseValueKey('x'.repeat(1024)).kind).toBe('own');
    for (const key of ['', 'x'.repeat(1025), 'ü'.repeat(513), '\ud800', `${HEX}/${HEX}`])
      expect(() => parseValueKey(key), key.slice(0, 20)).toThrow(expect.objectContaining({ code: 'BAT_E_VALUE_KEY' }));
  });

  it('can be written only when it is ours', () => {
    expect(ownKeyOf('motd')).toBe('motd');
    expect(() => ownKeyOf(`${HEX}/a`)).toThrow(expect.objectContaining({ code: 'BAT_E_NOT_OWNER' }));
    expect(() => ownKeyOf(HEX)).toThrow(expect.objectContaining({ code: 'BAT_E_VALUE_KEY' }));
  });

  it('has a name of at most 32 bytes, different keys different ones', () => {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }), (key) => {
        const name = kadNameOf(key);
        expect(utf8Bytes(name).length).toBeLessThanOrEqual(32);
        expect(seen.get(name) ?? key).toBe(key);
        seen.set(name, key);
      }),
    );
    expect(kadNameOf('x'.repeat(29))).toBe(`kv/${'x'.repeat(29)}`);
    expect(kadNameOf('x'.repeat(30))).toMatch(/^kv#[\w-]{29}$/);
  });
});
