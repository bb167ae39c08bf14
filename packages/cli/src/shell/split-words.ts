// pure: a line cut into words, with the quotes that people know from their shell; total for any text.
import { WORDS_MAX } from './shell-limits.ts';

export type SplitResult =
  | { readonly ok: true; readonly words: readonly string[] }
  | { readonly ok: false; readonly words: readonly string[]; readonly why: string };

const SPACE = /\s/;

/** `W 'my file.txt' 256  # why`; a backslash keeps the next character as it is, except between single quotes. */
export function splitWords(line: string): SplitResult {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  let isEscaped = false;
  for (const char of line) {
    if (isEscaped) {
      word = (word ?? '') + char;
      isEscaped = false;
    } else if (char === '\\' && quote !== "'") {
      isEscaped = true;
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word = (word ?? '') + char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= '';
    } else if (char === '#' && word === undefined) {
      break;
    } else if (!SPACE.test(char)) {
      word = (word ?? '') + char;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
      if (words.length > WORDS_MAX) return { ok: false, words, why: `more than ${WORDS_MAX} words` };
    }
  }
  if (word !== undefined) words.push(word);
  if (quote !== '') return { ok: false, words, why: `a quote ${quote} is open at the end of the line` };
  if (isEscaped) return { ok: false, words, why: 'a backslash at the end of the line keeps nothing' };
  return { ok: true, words };
}
