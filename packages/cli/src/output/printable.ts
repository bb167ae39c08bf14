// pure: text from outside made safe for a terminal: no control sequence, no hidden direction change reaches it.
import stringWidth from 'string-width';

/** C0 and C1 controls, line and paragraph separators, and the marks that reorder what is shown (T12). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be shown
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: everything outside ASCII
const NOT_ASCII = /[^\u0000-\u007f]/gu;

const escaped = (text: string): string => [...text].map((char) => `\\u{${(char.codePointAt(0) as number).toString(16)}}`).join('');

/** The text with unsafe characters (with `isAscii`, all beyond ASCII) written as `\u{...}`. */
export function printable(text: string, isAscii = false): string {
  const safe = text.replace(UNSAFE, escaped);
  return isAscii ? safe.replace(NOT_ASCII, escaped) : safe;
}

/** A JSON text with the same characters written as `\uXXXX`, which reads back as it was. */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Cut to `width` columns with `...` at the end; as it is when it fits. */
export function fitText(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  const room = Math.max(0, width - 3);
  let cut = '';
  let used = 0;
  for (const char of text) {
    used += stringWidth(char);
    if (used > room) break;
    cut += char;
  }
  return `${cut}${'...'.slice(0, width)}`;
}

/** Lines of at most `width` columns, broken at spaces, the later ones indented as the first; a word that is longer stays whole. */
export function wrapText(text: string, width: number): string[] {
  const indent = /^ */.exec(text)?.[0] ?? '';
  const lines: string[] = [];
  let line = indent;
  for (const word of text.slice(indent.length).split(' ')) {
    const isFirst = line === indent;
    if (!isFirst && stringWidth(line) + 1 + stringWidth(word) > width) {
      lines.push(line);
      line = indent + word;
    } else line += isFirst ? word : ` ${word}`;
  }
  return [...lines, line];
}

export function padText(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}
