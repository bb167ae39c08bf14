// pure: reads TypeScript as text: code without comments and strings, imports, and the titles of tests.

/** One import or re-export of a file. */
export interface ImportOf {
  readonly specifier: string;
  /** True when only types are imported, so that nothing of the other file runs. */
  readonly isTypeOnly: boolean;
  readonly line: number;
}

type Piece = 'code' | 'comment' | 'string';

/** After one of these a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|throw|await|yield|=>))\s*$/;

/** Marks for every character whether it is code, comment or string (regular expressions count as strings). */
function classify(text: string): Piece[] {
  const pieces: Piece[] = new Array(text.length).fill('code');
  const templateDepths: number[] = [];
  let braces = 0;
  let at = 0;
  const mark = (end: number, piece: Piece): void => {
    pieces.fill(piece, at, end);
    at = end;
  };
  /** From `start` to the closing quote of a template, or to the next `${`. */
  const templatePart = (start: number): void => {
    let end = start;
    while (end < text.length && text[end] !== '`' && !text.startsWith('${', end)) end += text[end] === '\\' ? 2 : 1;
    const isClosed = text[end] !== '$';
    mark(end + (isClosed ? 1 : 2), 'string');
    if (!isClosed) templateDepths.push(braces++);
  };
  const literal = (close: string): void => {
    let end = at + 1;
    let isInClass = false;
    while (end < text.length && text[end] !== '\n' && (isInClass || text[end] !== close)) {
      if (close === '/' && text[end] === '[') isInClass = true;
      if (close === '/' && text[end] === ']') isInClass = false;
      end += text[end] === '\\' ? 2 : 1;
    }
    mark(end + 1, 'string');
  };
  const endOr = (found: number, length: number): number => (found < 0 ? text.length : found + length);
  while (at < text.length) {
    const char = text[at];
    if (text.startsWith('//', at)) mark(endOr(text.indexOf('\n', at), 0), 'comment');
    else if (text.startsWith('/*', at)) mark(endOr(text.indexOf('*/', at), 2), 'comment');
    else if (char === "'" || char === '"') literal(char);
    else if (char === '`') templatePart(at + 1);
    else if (char === '/' && BEFORE_REGEX.test(text.slice(Math.max(0, at - 20), at))) literal('/');
    else {
      if (char === '{') braces++;
      if (char === '}') braces--;
      if (char === '}' && templateDepths.at(-1) === braces) {
        templateDepths.pop();
        templatePart(at + 1);
      } else at++;
    }
  }
  return pieces;
}

/** The text with comments and what stands in strings replaced by blanks; lines stay where they are. */
export function codeOf(text: string): string {
  const pieces = classify(text);
  return text
    .split('')
    .map((char, i) => (pieces[i] === 'code' || char === '\n' ? char : ' '))
    .join('');
}

export const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length;

const STATEMENT = /^(?:import|export)\b([^;'"`]*?)\bfrom\s*['"]([^'"]+)['"]/gm;
const BARE = /^import\s*['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;
const WORKER = /\bnew URL\(\s*['"](\.[^'"]+)['"]\s*,\s*import\.meta\.url/g;

const namesTypesOnly = (clause: string): boolean => {
  if (/^\s*type\b/.test(clause)) return true;
  const names = /\{([^}]*)\}/.exec(clause)?.[1];
  if (names === undefined || /^\s*\w+\s*,/.test(clause)) return false;
  const items = names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return items.length > 0 && items.every((name) => name.startsWith('type '));
};

/** All imports and re-exports, dynamic ones and files named by `new URL(..., import.meta.url)` included. */
export function importsOf(text: string): ImportOf[] {
  const pieces = classify(text);
  const found: ImportOf[] = [];
  const add = (index: number, specifier: string | undefined, isTypeOnly: boolean): void => {
    if (pieces[index] === 'code' && specifier !== undefined) found.push({ specifier, isTypeOnly, line: lineAt(text, index) });
  };
  for (const match of text.matchAll(STATEMENT)) add(match.index, match[2], namesTypesOnly(match[1] ?? ''));
  for (const match of text.matchAll(BARE)) add(match.index, match[1], false);
  for (const match of text.matchAll(DYNAMIC)) add(match.index, match[1], /\btypeof\s*$/.test(text.slice(0, match.index)));
  for (const match of text.matchAll(WORKER)) add(match.index, match[1], false);
  return found;
}

/** Index behind the parenthesis that closes the one at `open`, in code without strings. */
export function behindGroup(code: string, open: number): number {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if (code[i] === '(') depth++;
    if (code[i] === ')' && --depth === 0) return i + 1;
  }
  return code.length;
}

/** Titles of the tests and suites in a test file, as written (placeholders of `each` included). */
export function testTitlesOf(text: string): string[] {
  const code = codeOf(text);
  const titles: string[] = [];
  for (const match of code.matchAll(/(?<![.\w$])(?:it|test|describe)\b/g)) {
    let at = match.index + match[0].length;
    // The chain may be `it(`, `it.skipIf(...)(` or `it.each(...)(`: the first group that begins with a string is the title.
    while (/^\s*[.(\w]/.test(code.slice(at, at + 40))) {
      at += /^\s*/.exec(code.slice(at))?.[0].length ?? 0;
      if (code[at] !== '(') {
        at++;
        continue;
      }
      const title = /^\(\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/.exec(text.slice(at, at + 2000));
      if (title !== null) {
        titles.push(title[1] ?? title[2] ?? title[3] ?? '');
        break;
      }
      at = behindGroup(code, at);
    }
  }
  return titles;
}
