// driven: names in a folder, for completion.
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { NAMES_LISTED_MAX } from './shell-limits.ts';

/** Those of folders with `/` behind them, of others with a space; none when the folder can not be read. */
export function namesIn(cwd: string, folder: string): readonly string[] {
  try {
    const entries = readdirSync(resolve(cwd, folder === '' ? '.' : folder), { withFileTypes: true });
    return entries.slice(0, NAMES_LISTED_MAX).map((entry) => `${entry.name}${entry.isDirectory() ? '/' : ' '}`);
  } catch {
    return [];
  }
}
