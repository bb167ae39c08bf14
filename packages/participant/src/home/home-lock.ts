// driven: one process per home. A lock file names its holder; a dead holder's lock is taken over.
import { lstatSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BatChainError, KiB, type Random, toHex, utf8Bytes } from '@batchain/shared';
import { createFile, removeLeftovers } from './private-files.ts';

const LOCK_BYTES_MAX = 1 * KiB;
/** Every try finds a lock, takes a dead one away, or loses to a rival; three rivals in a row mean a busy home. */
const TRIES_MAX = 4;
/** Of a dead lock on its way out. */
const ASIDE_SUFFIX = '.dead';

interface LockHolder {
  readonly pid: number;
  /** Start time of that process since boot, and the boot: a reused pid is another holder. */
  readonly startedAt: string;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').slice(0, LOCK_BYTES_MAX);
  } catch {
    return undefined;
  }
}

/** Of a process that has ended, and whose parent has not asked how: it keeps its pid and its start time. */
const ENDED = 'ended';

/** Field 22 of /proc/PID/stat with the boot id; empty where there is no /proc (the pid alone decides then). */
function startOf(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`);
  const boot = readText('/proc/sys/kernel/random/boot_id')?.trim();
  // The command name, in brackets, may itself hold spaces and brackets.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const [state] = fields;
  const ticks = fields[19];
  if (ticks === undefined || boot === undefined) return '';
  return state === 'Z' ? ENDED : `${boot}/${ticks}`;
}

function isAlive(holder: LockHolder): boolean {
  if (holder.pid === process.pid && holder.startedAt !== startOf(process.pid)) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return holder.startedAt === '' || holder.startedAt === startOf(holder.pid);
}

function parseHolder(text: string): LockHolder | undefined {
  const [pid = '', startedAt = ''] = text.trim().split(' ');
  return /^[1-9]\d{0,9}$/.test(pid) ? { pid: Number(pid), startedAt } : undefined;
}

/** The living process that holds the lock; undefined when none does. */
export function homeLockHolder(path: string): number | undefined {
  const holder = parseHolder(readText(path) ?? '');
  return holder !== undefined && isAlive(holder) ? holder.pid : undefined;
}

/** Moves a dead holder's lock aside; a fresh lock that a rival made in between is put back. */
function removeDead(path: string, deadText: string, entropy: Random): void {
  const aside = `${path}.${toHex(entropy.bytes(8))}${ASIDE_SUFFIX}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = readText(aside);
  if (moved !== undefined && moved !== deadText) createFile(path, utf8Bytes(moved), entropy);
  rmSync(aside, { force: true });
}

/** Dead locks that a process killed meanwhile had moved aside; `text` is ours, which a rival may be about to put back. */
function removeLeftAside(path: string, text: string): void {
  const aside = new RegExp(`^\\.[0-9a-f]{16}${ASIDE_SUFFIX}$`);
  for (const name of readdirSync(dirname(path))) {
    if (!name.startsWith(basename(path)) || !aside.test(name.slice(basename(path).length))) continue;
    const left = join(dirname(path), name);
    if (readText(left) !== text) rmSync(left, { force: true });
  }
}

/** Throws BAT_E_HOME_UNUSABLE when something that is no lock file has its name, or one that can not be read. */
function assertLockable(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || (stat.isFile() && readText(path) !== undefined)) return;
  throw new BatChainError('BAT_E_HOME_UNUSABLE', {
    what: `${path} can not be used as a lock`,
    why: stat.isFile() ? 'it can not be read' : 'it is no file',
    fix: `move it away: mv ${path} ${path}.old`,
  });
}

export interface HomeLock {
  /** Harmless when released already. */
  release(): void;
}

/** Takes the lock or throws BAT_E_HOME_IN_USE with the holder's pid, or BAT_E_HOME_UNUSABLE. The index in HOME/db has a kernel lock of its own beneath this. */
export function acquireHomeLock(path: string, entropy: Random): HomeLock {
  const text = `${process.pid} ${startOf(process.pid)}\n`;
  let pid: number | undefined;
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    if (createFile(path, utf8Bytes(text), entropy)) {
      removeLeftovers(path);
      removeLeftAside(path, text);
      return {
        release: () => {
          if (readText(path) === text) rmSync(path, { force: true });
        },
      };
    }
    const found = readText(path);
    if (found === undefined) {
      assertLockable(path);
      continue;
    }
    const holder = parseHolder(found);
    if (holder !== undefined && isAlive(holder)) {
      pid = holder.pid;
      break;
    }
    removeDead(path, found, entropy);
  }
  throw new BatChainError('BAT_E_HOME_IN_USE', {
    what: 'this home is in use by another process',
    why: pid === undefined ? 'several processes want it at once' : `process ${pid} holds ${path}`,
    details: pid === undefined ? {} : { pid },
  });
}
