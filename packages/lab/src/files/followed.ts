// driven: which revision of `lab.json` a node follows: it writes that down, and whoever changed the file waits for it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const followedPath = (home: string): string => join(home, 'lab-revision');

export function noteFollowed(home: string, revision: number): void {
  writeFileSync(followedPath(home), `${revision}\n`, { mode: 0o600 });
}

/** 0 when it has not followed any. */
export function readFollowed(home: string): number {
  try {
    const text = readFileSync(followedPath(home), 'utf8').trim();
    return /^\d{1,15}$/.test(text) ? Number(text) : 0;
  } catch {
    return 0;
  }
}
