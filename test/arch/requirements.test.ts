import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillRequirements, idsInTitles, REQUIREMENTS_PATH, readParagraphs, readRequirements, testsById } from './requirements-table.ts';
import { ROOT, readText } from './source-tree.ts';

const range = (prefix: string, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `${prefix}-${String(from + i).padStart(2, '0')}`);

/** What the project promises: a row of these that is `open` is a failure, not a plan. */
const PROMISED = [
  ...range('BD', 1, 8),
  ...range('BD', 10, 25),
  ...range('BD', 30, 32),
  'BD-41',
  ...range('BD', 43, 48),
  ...['BD-52', 'BD-55', 'BD-56', 'BD-58', 'BD-59'],
  ...range('DF', 1, 22),
  ...range('BN', 1, 31),
  ...range('BN', 40, 58),
  ...range('SH', 1, 16),
];

/** What is not promised, and said to be so: while such a row is open, a paragraph tells what there is instead. */
const EXPLAINED = ['BD-42', 'BD-49', 'BD-50', 'BD-51', 'BD-53', 'BD-54', 'BD-57'];
/** A paragraph that is shorter explains nothing. */
const PARAGRAPH_WORDS_MIN = 40;

const document = readText(REQUIREMENTS_PATH);
const rows = readRequirements(document);

describe(REQUIREMENTS_PATH, () => {
  it('has one row for each id, and a row for each id that a test names', () => {
    const ids = rows.map(({ id }) => id);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
    expect([...testsById().keys()].filter((id) => !ids.includes(id)).map((id) => `${id} stands in a test title only`)).toEqual([]);
  });

  it('points at tests that exist and carry the id in a title', () => {
    const wrong = rows.flatMap(({ id, shownBy }) =>
      shownBy.flatMap((path) => {
        if (!existsSync(join(ROOT, path))) return [`${id}: ${path} does not exist: npm run docs:requirements`];
        return idsInTitles(readText(path)).includes(id) ? [] : [`${id}: no title in ${path} carries it: npm run docs:requirements`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('leaves none open that a test shows', () => {
    const shown = testsById();
    const open = rows.filter(({ id, shownBy }) => shownBy.length === 0 && shown.has(id));
    expect(open.map(({ id }) => `${id} is shown by ${shown.get(id)}: npm run docs:requirements`)).toEqual([]);
  });

  it('tells of what is neither shown nor promised what there is instead', () => {
    const told = readParagraphs(document);
    const isOpen = (id: string): boolean => (rows.find((row) => row.id === id)?.shownBy.length ?? 0) === 0;
    const untold = EXPLAINED.filter((id) => isOpen(id) && (told.get(id) ?? '').split(/\s+/).length < PARAGRAPH_WORDS_MIN);
    expect(untold.map((id) => `${id} is open: its paragraph, beginning with **${id}**, says what there is instead`)).toEqual([]);
    expect([...told.keys()].filter((id) => !isOpen(id)).map((id) => `${id} is shown by a test: take its paragraph away`)).toEqual([]);
  });

  it('keeps all text around the last column when that is written anew', () => {
    const withoutRows = (text: string): string => text.replace(/^\| [A-Z]{2}-\d{2} \|.*$/gm, '');
    expect(withoutRows(fillRequirements(document, new Map()))).toBe(withoutRows(document));
  });

  it('shows everything that is promised', () => {
    const open = PROMISED.filter((id) => (rows.find((row) => row.id === id)?.shownBy.length ?? 0) === 0);
    expect(open.map((id) => `${id} needs a test with the id in its title: ${rows.find((row) => row.id === id)?.statement}`)).toEqual([]);
  });
});
