// pure: names of files: cut to what file systems take, counted in bytes, and made up for a while.
import { type Random, toHex, utf8Bytes } from '@batchain/shared';

/** What file systems allow for one name. */
export const NAME_BYTES_MAX = 255;

/** The longest beginning of the text that takes at most so many bytes in UTF-8, no character cut. */
export function shortened(text: string, bytesMax: number): string {
  if (utf8Bytes(text).length <= bytesMax) return text;
  let kept = '';
  let bytes = 0;
  for (const character of text) {
    bytes += utf8Bytes(character).length;
    if (bytes > bytesMax) break;
    kept += character;
  }
  return kept;
}

/** A fresh name for a file that is to get its final one later. */
export function temporaryName(names: Random): string {
  return `.batchain-${toHex(names.bytes(8))}.tmp`;
}
