// driven: how a command reaches its daemon, and what it says when none runs.
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type HomePaths, homeLockHolder, LocalApiClient } from '@batchain/participant/client';
import { BatChainError } from '@batchain/shared';
import type { CommandContext } from './command.ts';
import { shellWord } from './output/shell-word.ts';
import { isSampleHome } from './sample/sample-home.ts';

type Access = Pick<CommandContext, 'paths' | 'globals' | 'io' | 'signal'>;

/** ` --home DIR` when the command was given one: what a fix names must work as it stands. */
export function homeFlag({ globals }: Pick<Access, 'globals'>): string {
  return globals.home === undefined ? '' : ` --home ${shellWord(globals.home)}`;
}

export function hasHome(paths: HomePaths): boolean {
  return existsSync(paths.identityFile);
}

/** Throws BAT_E_NO_HOME. */
export function requireHome(access: Access): void {
  if (hasHome(access.paths)) return;
  throw new BatChainError('BAT_E_NO_HOME', { what: `no BatChain home at ${access.paths.home}`, fix: `batchain init${homeFlag(access)}` });
}

/** A client of the home's daemon, which answered just now. Throws BAT_E_NO_HOME, BAT_E_NO_DAEMON. */
export async function requireDaemon(access: Access): Promise<LocalApiClient> {
  requireHome(access);
  const client = new LocalApiClient(access.paths.controlPath);
  if (await client.isRunning({ signal: access.signal })) return client;
  throw noDaemon(access);
}

/** What is to be done depends on whose home it is, and on whether a process has it that does not answer. */
function noDaemon(access: Access): BatChainError {
  const { paths, io } = access;
  if (isSampleHome(paths.home, io.env)) {
    return new BatChainError('BAT_E_NO_DAEMON', {
      what: 'the sample network is not up; start it with: batchain sample',
      fix: 'batchain sample',
    });
  }
  const holder = homeLockHolder(paths.lockFile);
  if (holder !== undefined) {
    return new BatChainError('BAT_E_NO_DAEMON', {
      what: `the daemon of this home does not answer at ${paths.controlPath}`,
      why: `process ${holder} has the home: it is starting or stopping, or runs with another XDG_RUNTIME_DIR`,
      fix: `try again in a few seconds: batchain status${homeFlag(access)}`,
    });
  }
  const start = `batchain start${homeFlag(access)}`;
  return new BatChainError('BAT_E_NO_DAEMON', { what: `no daemon runs for this home; start it with: ${start}`, fix: start });
}

/** The client when a daemon runs, undefined when none does. Throws BAT_E_NO_HOME. */
export async function daemonOrNone(access: Access): Promise<LocalApiClient | undefined> {
  requireHome(access);
  const client = new LocalApiClient(access.paths.controlPath);
  return (await client.isRunning({ signal: access.signal })) ? client : undefined;
}

/** A REF as the daemon takes it: a path made absolute (here, else in the home's manifest folder), anything else as it is. */
export function resolveRef(ref: string, { io, paths }: Pick<Access, 'io' | 'paths'>): string {
  const here = resolve(io.cwd, ref);
  if (ref.includes('/') || ref.includes('\\')) return here;
  if (!ref.endsWith('.batchain')) return ref;
  const inHome = join(paths.manifestDir, basename(ref));
  return existsSync(here) || !existsSync(inHome) ? here : inHome;
}
