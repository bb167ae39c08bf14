import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from './gateway-error.ts';
import { parseTarget } from './gateway-target.ts';

const nameOf = (url: string): string | undefined => parseTarget(url)?.name;

describe('parseTarget', () => {
  it('takes a key as it stands behind /kv/, decoded once', () => {
    expect(parseTarget('/kv/a')).toEqual({ area: 'kv', name: 'a', query: new Map() });
    expect(nameOf('/kv/a/b/c')).toBe('a/b/c');
    expect(nameOf('/kv/a%2Fb')).toBe('a/b');
    expect(nameOf('/kv/a%252Fb')).toBe('a%2Fb');
    expect(nameOf('/kv/%C3%BC')).toBe('ü');
    expect(nameOf('/kv/a+b')).toBe('a+b');
  });

  it('takes tricks with folders as names: no path of a file system comes of them', () => {
    expect(nameOf('/kv/..%2f..%2fetc%2fpasswd')).toBe('../../etc/passwd');
    expect(nameOf('/kv/../health')).toBe('../health');
    expect(nameOf('/files/..%5c..%5cx')).toBe('..\\..\\x');
  });

  it('takes the list with and without the last slash', () => {
    for (const url of ['/kv', '/kv/', '/files', '/files/', '/health', '/health/']) expect(nameOf(url)).toBe('');
  });

  it('reads the parameters that the place knows, and no other', () => {
    expect([...(parseTarget('/kv/?prefix=a%20b&limit=5&after=c+d')?.query ?? [])]).toEqual([
      ['prefix', 'a b'],
      ['limit', '5'],
      ['after', 'c d'],
    ]);
    for (const url of ['/kv/a?locl=1', '/kv/a?prefix=x', '/kv/a?local=1&local=0', '/files/a?local=1', '/health?x=1'])
      expect(() => parseTarget(url), url).toThrow(GatewayError);
  });

  it('knows nothing else', () => {
    for (const url of ['', '/', '*', '/kvx', '/KV/a', '//kv/a', 'http://evil.example/kv/a', '/health/x', '/v1/status', '/.', '/%6bv/a'])
      expect(parseTarget(url), url).toBeUndefined();
  });

  it('never throws anything but a refusal', () => {
    const text = fc.string({
      unit: fc.constantFrom('%', '2', 'f', '/', '?', '&', '=', '.', '#', 'local', 'a', '\u{1f987}', '\ud800'),
      maxLength: 30,
    });
    const url = fc.tuple(fc.constantFrom('/kv/', '/files/', '/kv', '/health', ''), text).map((parts) => parts.join(''));
    fc.assert(
      fc.property(url, (text) => {
        try {
          parseTarget(text);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
          expect((error as GatewayError).status).toBe(400);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
