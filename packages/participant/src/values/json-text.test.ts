// JSON values: equal when they come back, or refused.
import type { JsonValue } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkJsonText, decodeJsonValue, encodeJsonValue } from './json-text.ts';

const hasForbidden = (value: unknown): boolean =>
  value !== null &&
  typeof value === 'object' &&
  Object.entries(value).some(([key, item]) => /^(__proto__|constructor|prototype)$/.test(key) || hasForbidden(item));

describe('SH-10 a JSON value', () => {
  it('comes back equal, of any type', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        if (hasForbidden(value)) return;
        // JSON has one zero.
        const plain = JSON.parse(JSON.stringify(value)) as JsonValue;
        expect(decodeJsonValue(encodeJsonValue(value as JsonValue))).toEqual({ ok: true, value: plain });
      }),
    );
  });

  it('is refused when JSON would drop or change a part of it', () => {
    const sparse = [1, 2, 3];
    delete sparse[1];
    const unfit = [
      undefined,
      NaN,
      Infinity,
      10n,
      () => 1,
      Symbol('a'),
      new Map(),
      { a: undefined },
      [undefined],
      sparse,
      { a: [NaN] },
      new Date(0),
    ];
    const deep = Array.from({ length: 70 }).reduce<unknown>((inner) => [inner], 1);
    const named = JSON.parse('{"__proto__":1}') as unknown;
    for (const value of [...unfit, deep, named, { constructor: 1 }, { [Symbol('a')]: 1 }])
      expect(() => encodeJsonValue(value as JsonValue), String(value)).toThrow(expect.objectContaining({ code: 'BAT_E_VALUE_UNFIT' }));
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => encodeJsonValue(circle as JsonValue)).toThrow(expect.objectContaining({ code: 'BAT_E_VALUE_UNFIT' }));
  });

  it('as text is read to the letter: long whole numbers, double fields and broken text are refused', () => {
    expect(checkJsonText(' {"a": [1, -2.5e3, "12345678901234567890 \\" 1"]} ')).toEqual({ a: [1, -2500, '12345678901234567890 " 1'] });
    for (const text of ['12345678901234567890', '[1, -90071992547409931]', '{"a":1,"a":2}', '{', '', 'nul', '{"prototype":1}'])
      expect(() => checkJsonText(text), text).toThrow(expect.objectContaining({ code: 'BAT_E_VALUE_UNFIT' }));
  });
});
