// driven: the folder of a laboratory: that it is one, that one command at a time changes it, and what goes with it.
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  acquireHomeLock,
  ensurePrivateDir,
  type HomeLock,
  type HomePaths,
  homePaths,
  systemSurroundings,
} from '@batchain/participant/client';
import { BatChainError, type Random, systemReason } from '@batchain/shared';
import { labPath } from './lab-file.ts';

/** Of a node, or of what a simulation has beside its nodes. */
const OWN_FOLDER = /^(?:node[1-9]\d{0,3}|simulation)$/;
const LOCK = 'lock';

export function nodePaths(folder: string, name: string): HomePaths {
  return homePaths(join(folder, name), systemSurroundings());
}

/** Lock, control socket and log of the process of a simulation. */
export function simulationPaths(folder: string): HomePaths {
  return nodePaths(folder, 'simulation');
}

/** Throws BAT_E_HOME_UNUSABLE for a folder with anything in it that is no laboratory: `down` would remove what is in there. */
function assertLabFolder(folder: string): void {
  if (!existsSync(folder) || existsSync(labPath(folder))) return;
  const other = readdirSync(folder).find((entry) => entry !== LOCK && !OWN_FOLDER.test(entry));
  if (other === undefined) return;
  throw new BatChainError('BAT_E_HOME_UNUSABLE', {
    what: `${folder} can not be the folder of a laboratory`,
    why: `it has ${other} in it, which no laboratory made`,
    fix: 'choose an empty one: batchain lab up --home ./lab',
  });
}

function makeLabFolder(folder: string): void {
  try {
    assertLabFolder(folder);
    ensurePrivateDir(folder);
  } catch (error) {
    if (error instanceof BatChainError) throw error;
    throw new BatChainError('BAT_E_HOME_UNUSABLE', {
      what: `${folder} can not be the folder of a laboratory`,
      why: systemReason(error),
      fix: 'choose another: batchain lab up --home ./lab',
      cause: error,
    });
  }
}

/** Takes the folder for one change; throws BAT_E_HOME_IN_USE while another command changes the laboratory, BAT_E_HOME_UNUSABLE. */
export function openLabFolder(folder: string, entropy: Random): HomeLock {
  makeLabFolder(folder);
  try {
    return acquireHomeLock(join(folder, LOCK), entropy);
  } catch (error) {
    if (!(error instanceof BatChainError) || error.code !== 'BAT_E_HOME_IN_USE') throw error;
    const fix = 'try again when it is done: batchain lab status';
    throw new BatChainError('BAT_E_HOME_IN_USE', {
      what: 'another command is changing this laboratory',
      why: error.why,
      fix,
      details: error.details,
    });
  }
}

/** Removes what a laboratory made, and the folder when nothing else is in it. */
export function removeLabFolder(folder: string): void {
  if (!existsSync(folder)) return;
  rmSync(labPath(folder), { force: true });
  for (const entry of readdirSync(folder))
    if (OWN_FOLDER.test(entry)) rmSync(join(folder, entry), { recursive: true, force: true, maxRetries: 3 });
}

/** When the lock is released; what others put there stays. */
export function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    // A folder that is none is for others to complain about.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
