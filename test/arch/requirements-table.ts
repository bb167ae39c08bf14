// driven: the table of requirements, with the tests that carry each id in a title.
import { testTitlesOf } from './source-text.ts';
import { listFiles, readText } from './source-tree.ts';

export const REQUIREMENTS_PATH = 'docs/REQUIREMENTS.md';

const ROW = /^\| ([A-Z]{2}-\d{2}) \| (.*) \| ([^|]*) \|$/;
const ID = /\b(?:BD|DF|BN|SH)-\d{2}\b/g;
/** More than three places do not help the reader. */
const PATHS_MAX = 3;

export interface Requirement {
  readonly id: string;
  readonly statement: string;
  /** Paths as the row names them; empty for `open`. */
  readonly shownBy: readonly string[];
}

/** Requirement ids in the titles of one test file, in order of appearance. */
export const idsInTitles = (text: string): string[] => [...new Set(testTitlesOf(text).flatMap((title) => title.match(ID) ?? []))];

export function readRequirements(document: string): Requirement[] {
  return document.split('\n').flatMap((line) => {
    const match = ROW.exec(line);
    if (match === null) return [];
    const [, id = '', statement = '', shownBy = ''] = match;
    return [{ id, statement, shownBy: Array.from(shownBy.matchAll(/`([^`]+)`/g), (path) => path[1] ?? '') }];
  });
}

/** What is told of rows that are open: the id in bold, then its paragraph, on as many lines as it takes. */
const PARAGRAPH = /^\*\*([A-Z]{2}-\d{2})\*\* ([\s\S]*?)(?=\n\n|\s*$(?![\s\S]))/gm;

export const readParagraphs = (document: string): Map<string, string> =>
  new Map(Array.from(document.matchAll(PARAGRAPH), ([, id = '', text = '']) => [id, text]));

/** Test files by the ids that their titles carry. */
export function testsById(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const files = ['packages', 'test'].flatMap(listFiles).filter((path) => path.endsWith('.ts'));
  for (const path of files) {
    for (const id of idsInTitles(readText(path))) found.set(id, [...(found.get(id) ?? []), path]);
  }
  return found;
}

/** The document with its last column as the tests say. Real processes speak first, then simulations, then the rest. */
export function fillRequirements(document: string, tests: ReadonlyMap<string, readonly string[]>): string {
  const weight = (path: string): number => ['test/e2e/', 'test/sim/', 'test/'].findIndex((prefix) => path.startsWith(prefix)) >>> 0;
  const lines = document.split('\n').map((line) => {
    const match = ROW.exec(line);
    if (match === null) return line;
    const [, id = '', statement = ''] = match;
    const paths = [...(tests.get(id) ?? [])].sort((a, b) => weight(a) - weight(b) || (a < b ? -1 : 1)).slice(0, PATHS_MAX);
    return `| ${id} | ${statement} | ${paths.length === 0 ? 'open' : paths.map((path) => `\`${path}\``).join(' ')} |`;
  });
  return lines.join('\n');
}
