// pure: the VALUE of a command line as the local API takes it: JSON where it is JSON, else text; both keep every character.
import type { ValueByHashBody } from '@batchain/participant/client';

/** `isRaw`: bytes, whatever the word looks like. */
export function bodyOfWord(word: string, isRaw: boolean): ValueByHashBody & { readonly json?: string } {
  if (isRaw) return { text: word };
  return { json: isJson(word) ? word : JSON.stringify(word) };
}

/** Not so a whole number that is too long for one: its digits are kept as text. */
function isJson(word: string): boolean {
  try {
    const value: unknown = JSON.parse(word);
    return typeof value !== 'number' || !/^-?\d+$/.test(word) || Number.isSafeInteger(value);
  } catch {
    return false;
  }
}
