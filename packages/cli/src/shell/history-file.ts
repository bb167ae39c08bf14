// driven: the lines that were typed into the shell before, kept in the home's state, for its owner only.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensurePrivateDir, type HomePaths, isReadableByOthers, replaceFile } from '@batchain/participant/client';
import { type Random, utf8Bytes } from '@batchain/shared';
import { HISTORY_LINE_CHARS_MAX, HISTORY_LINES_MAX } from './shell-limits.ts';

/** Beside the logs: `HOME/shell-history`, or in the platform's state directory. */
export function historyPath({ logDir }: HomePaths): string {
  return join(dirname(logDir), 'shell-history');
}

/** Oldest first: what is kept of some lines. Nothing that a terminal would not show, each line once, the latest time it was used. */
export function keptLines(lines: readonly string[]): string[] {
  const kept: string[] = [];
  const seen = new Set<string>();
  for (const line of lines.toReversed()) {
    if (kept.length === HISTORY_LINES_MAX) break;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters would be shown when the line is called up again
    if (line.trim() === '' || line.length > HISTORY_LINE_CHARS_MAX || /[\u0000-\u001f\u007f-\u009f]/.test(line) || seen.has(line)) continue;
    seen.add(line);
    kept.push(line);
  }
  return kept.toReversed();
}

/** Oldest first; none when there is no file, or one that others may read. */
export function readHistory(path: string): readonly string[] {
  try {
    if (isReadableByOthers(path)) return [];
    return keptLines(
      readFileSync(path, 'utf8')
        .slice(-HISTORY_LINES_MAX * (HISTORY_LINE_CHARS_MAX + 1))
        .split('\n'),
    );
  } catch {
    return [];
  }
}

/** Adds lines behind what is there by now: two shells of one home do not lose one another's. A history that can not be kept is no failure. */
export function addToHistory(path: string, lines: readonly string[], entropy: Random): void {
  const fresh = keptLines(lines);
  if (fresh.length === 0) return;
  try {
    ensurePrivateDir(dirname(path));
    replaceFile(path, utf8Bytes(`${keptLines([...readHistory(path), ...fresh]).join('\n')}\n`), entropy);
  } catch {
    // A full disk must not keep anybody from leaving the shell.
  }
}
