// pure: which names and paths a manifest may carry: nothing that escapes a folder, fools a reader or harms a file system (T12).
import { fail, ok, type Result, utf8Bytes } from '@batchain/shared';
import { NAME_BYTES_MAX, PATH_BYTES_MAX } from '../limits.ts';

/** Control, line-breaking and direction-changing characters, and halves of surrogate pairs. */
const HIDDEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
/** Devices of Windows, with or without an extension. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)/i;

/** A UTF-16 unit takes one to three bytes in UTF-8, so most texts need no coding to be judged. */
function isLonger(text: string, bytesMax: number): boolean {
  return text.length > bytesMax || (text.length * 3 > bytesMax && utf8Bytes(text).length > bytesMax);
}

/** One component of a path. The detail says which rule it breaks, never the name itself. */
export function validateFileName(name: string): Result<string, 'bad-name'> {
  const broken = brokenRule(name);
  return broken === undefined ? ok(name) : fail('bad-name', broken);
}

function brokenRule(name: string): string | undefined {
  if (name === '') return 'a name is empty';
  if (isLonger(name, NAME_BYTES_MAX)) return `a name has more than ${NAME_BYTES_MAX} bytes`;
  if (name === '.' || name === '..') return 'a name is . or ..';
  if (name.includes('/') || name.includes('\\')) return 'a name holds a path separator';
  if (HIDDEN.test(name)) return 'a name holds a control or direction character';
  if (name.endsWith('.') || name.endsWith(' ')) return 'a name ends in a dot or a space';
  if (DEVICE.test(name)) return 'a name is that of a device';
  if (name.normalize('NFC') !== name) return 'a name is not in Unicode form NFC';
  return undefined;
}

/** A relative path: names joined by single slashes. */
export function validateEntryPath(path: string): Result<string, 'bad-name'> {
  if (isLonger(path, PATH_BYTES_MAX)) return fail('bad-name', `more than ${PATH_BYTES_MAX} bytes`);
  if (path.startsWith('/')) return fail('bad-name', 'the path is absolute');
  for (const name of path.split('/')) {
    const broken = brokenRule(name);
    if (broken !== undefined) return fail('bad-name', broken);
  }
  return ok(path);
}

/** True when no path stands twice, and none is a folder of another. */
export function areDistinctPaths(paths: readonly string[]): boolean {
  // With the lowest character in place of slashes, what lies in a folder sorts right after a file of the folder's name.
  const keys = paths.map((path) => path.replaceAll('/', '\0')).sort();
  return keys.every((key, i) => {
    const next = keys[i + 1];
    return next === undefined || (next !== key && !next.startsWith(`${key}\0`));
  });
}
