import { performance } from 'node:perf_hooks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Bytes } from '../core/bytes.ts';
import { type JsonLimits, parseGuardedJson } from './guarded-json.ts';

const LIMITS: JsonLimits = { bytesMax: 1024 * 1024, depthMax: 8, valuesMax: 10_000 };
const parse = (text: string, limits: Partial<JsonLimits> = {}) => parseGuardedJson(utf8Bytes(text), { ...LIMITS, ...limits });
const reasonOf = (text: string, limits: Partial<JsonLimits> = {}): string | undefined => {
  const result = parse(text, limits);
  return result.ok ? undefined : result.reason;
};

describe('parseGuardedJson', () => {
  it('reads back every JSON value within the limits', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        fc.pre(!/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value)));
        expect(parse(JSON.stringify(value, null, 1))).toEqual({ ok: true, value: JSON.parse(JSON.stringify(value)) });
      }),
    );
  });

  it('answers with a value or a reason whatever bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(typeof parseGuardedJson(bytes, LIMITS).ok).toBe('boolean');
      }),
    );
  });

  it('refuses 10 MB of nested brackets within 200 ms, before parsing (T13)', () => {
    const bytes = new Uint8Array(10 * 1024 * 1024).fill(0x5b);
    const fromMs = performance.now();
    expect(parseGuardedJson(bytes, { ...LIMITS, bytesMax: 16 * 1024 * 1024 })).toMatchObject({ ok: false, reason: 'too-deep' });
    expect(parseGuardedJson(bytes, LIMITS)).toMatchObject({ ok: false, reason: 'too-long' });
    expect(performance.now() - fromMs).toBeLessThan(200);
  });

  it('refuses depth, numbers of values and keys beyond the limits', () => {
    expect(reasonOf('[[[[[[[[1]]]]]]]]')).toBeUndefined();
    expect(reasonOf('[[[[[[[[[1]]]]]]]]]')).toBe('too-deep');
    expect(reasonOf(`[${'1,'.repeat(10_000)}1]`)).toBe('too-many-values');
    expect(reasonOf(`{${Array.from({ length: 1_000_000 }, (_, i) => `"${i}":0`).join(',')}}`, { bytesMax: 1 << 25 })).toBe(
      'too-many-values',
    );
  });

  it('counts brackets and commas inside texts as text', () => {
    expect(parse('{"a":"[[[[[[[[[[[[,,,\\"{{{{{{{{{{"}')).toEqual({ ok: true, value: { a: '[[[[[[[[[[[[,,,"{{{{{{{{{{' } });
    expect(parse('["a:b","\\\\",":"]')).toEqual({ ok: true, value: ['a:b', '\\', ':'] });
  });

  it('refuses keys that could become a prototype, and keys that stand twice', () => {
    for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__']) {
      expect(reasonOf(`{"a":[{"${key}":{"polluted":true}}]}`)).toBe('forbidden-key');
    }
    expect(reasonOf('{"a":1,"b":{"c":1,"c":2}}')).toBe('duplicate-key');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('refuses broken text and broken UTF-8', () => {
    for (const text of ['', '{', '"abc', '"abc\\', '{"a":}', '1 2', 'NaN', "{'a':1}"]) expect(reasonOf(text)).toBe('malformed');
    expect(parseGuardedJson(Uint8Array.of(0x22, 0xff, 0x22), LIMITS)).toMatchObject({ ok: false, reason: 'not-utf8' });
  });
});
