// driven: the folder of the sample network, and which of its homes is the person's.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  acquireHomeLock,
  ensurePrivateDir,
  type HomeLock,
  homePaths,
  LocalApiClient,
  replaceFile,
  stateDir,
  systemSurroundings,
} from '@batchain/participant/client';
import { BatChainError, type Random, utf8Bytes } from '@batchain/shared';
import { SAMPLE_NODES_MAX } from './sample-plan.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** `sample/` under the state directory. */
export function sampleFolder(env: Env): string {
  return join(stateDir(systemSurroundings(env)), 'sample');
}

const youFile = (folder: string): string => join(folder, 'you');

export function nodeHome(folder: string, number: number): string {
  return join(folder, `node${number}`);
}

/** True for the homes that `batchain sample` made: nobody starts one of them alone. */
export function isSampleHome(home: string, env: Env): boolean {
  return dirname(home) === sampleFolder(env);
}

/** The home that `batchain-sample` speaks to. Throws BAT_E_NO_HOME when no sample network is there. */
export function readSampleHome(env: Env): string {
  const folder = sampleFolder(env);
  if (!existsSync(youFile(folder))) {
    throw new BatChainError('BAT_E_NO_HOME', {
      what: 'no sample network is up on this computer',
      why: `there is none in ${folder}`,
      fix: 'batchain sample',
    });
  }
  return readFileSync(youFile(folder), 'utf8').trim();
}

/** Ends what an earlier run that was killed left running. */
async function stopLeftovers(folder: string, signal: AbortSignal): Promise<void> {
  for (let number = 1; number <= SAMPLE_NODES_MAX; number++) {
    const { home, controlPath } = homePaths(nodeHome(folder, number), systemSurroundings({}));
    if (!existsSync(home)) continue;
    const client = new LocalApiClient(controlPath);
    if (await client.isRunning({ signal }).catch(() => false)) await client.stop({ signal });
  }
}

function takeLock(path: string, entropy: Random): HomeLock {
  try {
    return acquireHomeLock(path, entropy);
  } catch (error) {
    if (!(error instanceof BatChainError) || error.code !== 'BAT_E_HOME_IN_USE') throw error;
    const fix = 'use it: batchain-sample -l; or press Ctrl-C where it runs';
    throw new BatChainError('BAT_E_HOME_IN_USE', { what: 'a sample network is up already', why: error.why, fix, details: error.details });
  }
}

/** Takes the folder for this process, empty; throws BAT_E_HOME_IN_USE while another sample network is up. */
export async function openSampleFolder(
  env: Env,
  entropy: Random,
  signal: AbortSignal,
): Promise<{ readonly folder: string; readonly lock: HomeLock }> {
  const folder = sampleFolder(env);
  ensurePrivateDir(folder);
  const lock = takeLock(join(folder, 'lock'), entropy);
  try {
    await stopLeftovers(folder, signal);
    removeSample(folder);
    return { folder, lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Removes the homes; the lock stays until it is released. */
export function removeSample(folder: string): void {
  for (let number = 1; number <= SAMPLE_NODES_MAX; number++)
    rmSync(nodeHome(folder, number), { recursive: true, force: true, maxRetries: 3 });
  rmSync(youFile(folder), { force: true });
}

export function writeSampleHome(folder: string, home: string, entropy: Random): void {
  replaceFile(youFile(folder), utf8Bytes(`${home}\n`), entropy);
}
