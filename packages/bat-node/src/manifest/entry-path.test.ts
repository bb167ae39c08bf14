import { describe, expect, it } from 'vitest';
import { areDistinctPaths, validateEntryPath, validateFileName } from './entry-path.ts';

describe('names that a manifest may carry (T12)', () => {
  it.each([
    'example.txt',
    'a',
    '.hidden',
    'Müller & Söhne – 2026.pdf',
    '写真.jpg',
    'console.log',
    'com10',
    'nul-value.txt',
    'a:b',
    'ä'.repeat(127),
    'x'.repeat(255),
  ])('allows %j', (name) => {
    expect(validateFileName(name)).toEqual({ ok: true, value: name });
  });

  it.each([
    ['', 'empty'],
    ['.', '. or ..'],
    ['..', '. or ..'],
    ['a/b', 'separator'],
    ['..\\..\\x', 'separator'],
    ['a\0b', 'control'],
    ['a\nb', 'control'],
    ['a\u007fb', 'control'],
    ['a\u0085b', 'control'],
    ['a\u2028b', 'control'],
    ['invoice\u202efdp.exe', 'direction'],
    ['a\u200fb', 'direction'],
    ['a\u2066b', 'direction'],
    ['\ud800', 'control'],
    ['a.', 'dot or a space'],
    ['a ', 'dot or a space'],
    ['CON', 'device'],
    ['con.txt', 'device'],
    ['Nul', 'device'],
    ['aux .h', 'device'],
    ['LPT1', 'device'],
    ['COM¹.log', 'device'],
    ['CONOUT$', 'device'],
    ['A\u030angstrom', 'NFC'],
    ['x'.repeat(256), '255'],
    ['ä'.repeat(128), '255'],
    ['x'.repeat(1_000_000), '255'],
  ])('refuses %j', (name, rule) => {
    const result = validateFileName(name);
    expect(result).toMatchObject({ ok: false, reason: 'bad-name' });
    expect(result.ok ? '' : result.detail).toContain(rule);
  });
});

describe('paths in a manifest', () => {
  it('are names joined by single slashes, never leaving the folder', () => {
    expect(validateEntryPath('photos/2026/a.jpg').ok).toBe(true);
    for (const path of ['/etc/passwd', '../../x', 'a/../b', 'a//b', 'a/', './a', 'a/./b', 'a\\..\\b', 'a/CON/b', 'a /b', '']) {
      expect(validateEntryPath(path)).toMatchObject({ ok: false, reason: 'bad-name' });
    }
    expect(validateEntryPath(`${'x/'.repeat(2047)}y`).ok).toBe(true);
    expect(validateEntryPath(`${'x/'.repeat(2048)}y`)).toMatchObject({ ok: false, detail: 'more than 4096 bytes' });
  });

  it('never want the same place, as file or as folder', () => {
    expect(areDistinctPaths(['a', 'b', 'a!c', 'c/a', 'c/b', 'cc'])).toBe(true);
    expect(areDistinctPaths(['a', 'b', 'a'])).toBe(false);
    expect(areDistinctPaths(['a/b', 'a!', 'a'])).toBe(false);
    expect(areDistinctPaths(['x/y/z', 'x/y!', 'x/y-', 'x/y'])).toBe(false);
  });
});
