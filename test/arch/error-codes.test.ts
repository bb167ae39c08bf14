import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { lineAt } from './source-text.ts';
import { at, productFiles, ROOT, readText } from './source-tree.ts';

const TABLE = 'packages/shared/src/core/error-codes.ts';
const DOCUMENT = 'docs/ERRORS.md';
const known = Object.keys(ERROR_CODES);

/** Codes written out in full; a trailing underscore marks a mention of the prefix alone. */
const mentions = (text: string): { readonly code: string; readonly index: number }[] =>
  Array.from(text.matchAll(/\bBAT_E_[A-Z0-9_]*[A-Z0-9]\b/g), (match) => ({ code: match[0], index: match.index }));

describe('error codes', () => {
  it('that the packages name are all in the table', () => {
    const unknown = productFiles().flatMap((file) =>
      mentions(file.text)
        .filter(({ code }) => !known.includes(code))
        .map(({ code, index }) => at(file, lineAt(file.text, index), `${code} has no row in ${TABLE}`)),
    );
    expect(unknown).toEqual([]);
  });

  it('of the table are all used', () => {
    const used = new Set(
      productFiles()
        .filter(({ path }) => path !== TABLE)
        .flatMap((file) => mentions(file.text).map(({ code }) => code)),
    );
    expect(known.filter((code) => !used.has(code)).map((code) => `${code} is thrown nowhere: remove its row`)).toEqual([]);
  });

  it(`are all described in ${DOCUMENT}, and nothing else is`, () => {
    expect(existsSync(join(ROOT, DOCUMENT)), `npm run docs:errors writes ${DOCUMENT}`).toBe(true);
    const text = readText(DOCUMENT);
    const described = new Set(mentions(text).map(({ code }) => code));
    expect(known.filter((code) => !described.has(code)).map((code) => `${code} is missing: npm run docs:errors`)).toEqual([]);
    expect([...described].filter((code) => !known.includes(code))).toEqual([]);
    for (const [code, { meaning, exit }] of Object.entries(ERROR_CODES)) {
      expect(text, `${code}: meaning`).toContain(meaning);
      expect(exit, `${code}: an exit code that a shell can tell`).toBeLessThanOrEqual(143);
    }
  });
});
