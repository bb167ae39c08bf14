// driven: files and directories that only their owner may read (T18), written whole or not at all.
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BatChainError, type Random, toHex } from '@batchain/shared';

const OTHERS = 0o077;
/** What a temporary name has behind the name of its file. */
const LEFTOVER = /^\.[0-9a-f]{16}\.tmp$/;
/** A home is swept by who has just taken it: hardly twice in the time of one small write. */
const SWEPT_MAX = 2;

/** Missing parents first. Node's own recursive way never ends where a file system refuses with ENOENT, as /proc does. */
function makeDir(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (!existsSync(parent) && parent !== path) makeDir(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Makes the directory (0700) and those above it; one that exists is narrowed to its owner. */
export function ensurePrivateDir(path: string): void {
  makeDir(path);
  if (process.platform === 'win32') return;
  const stats = statSync(path);
  const userId = process.getuid?.();
  if (stats.uid !== userId && userId !== 0) {
    throw new BatChainError('BAT_E_HOME_UNUSABLE', { what: `${path} belongs to another user`, fix: 'choose another --home' });
  }
  if ((stats.mode & OTHERS) === 0) return;
  chmodSync(path, 0o700);
}

/** True when group or others may read it; Windows keeps that elsewhere. */
export function isReadableByOthers(path: string): boolean {
  return process.platform !== 'win32' && (statSync(path).mode & OTHERS) !== 0;
}

function writeTemporary(path: string, bytes: Uint8Array, entropy: Random): string {
  const temporary = `${path}.${toHex(entropy.bytes(8))}.tmp`;
  const file = openSync(temporary, 'wx', 0o600);
  try {
    let at = 0;
    while (at < bytes.length) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return temporary;
}

function syncDir(path: string): void {
  if (process.platform === 'win32') return;
  const dir = openSync(path, 'r');
  try {
    fsyncSync(dir);
  } finally {
    closeSync(dir);
  }
}

/** Replaces the file's content in one step, durably; mode 0600. */
export function replaceFile(path: string, bytes: Uint8Array, entropy: Random): void {
  const temporary = writeTemporary(path, bytes, entropy);
  try {
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDir(dirname(path));
}

/** Creates the file with its whole content, durably; false when something of that name is there already. */
export function createFile(path: string, bytes: Uint8Array, entropy: Random): boolean {
  for (let swept = 0; ; swept++) {
    const temporary = writeTemporary(path, bytes, entropy);
    try {
      linkSync(temporary, path);
      break;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return false;
      // Who has just taken the home swept it: once more.
      if (code !== 'ENOENT' || swept === SWEPT_MAX) throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
  }
  syncDir(dirname(path));
  return true;
}

/** What killed processes left of writing this file; nobody goes on with it. */
export function removeLeftovers(path: string): void {
  const folder = dirname(path);
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (name.startsWith(basename(path)) && LEFTOVER.test(name.slice(basename(path).length))) rmSync(join(folder, name), { force: true });
  }
}
