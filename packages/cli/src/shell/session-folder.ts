// driven: the folder of one shell: the home of its own node and those of `MM`; gone when the shell ends.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acquireHomeLock, type HomeLock, homeLockHolder } from '@batchain/participant/client';
import { BatChainError, type Random, systemReason } from '@batchain/shared';

const PREFIX = 'batchain-shell-';
const LOCK = 'lock';

/** Folders of shells that were killed: theirs is a lock whose holder is dead. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(parent, name);
    try {
      if (statSync(folder).uid !== process.getuid?.() || !existsSync(join(folder, LOCK))) continue;
      if (homeLockHolder(join(folder, LOCK)) === undefined) rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another shell removes it at this moment.
    }
  }
}

/** Only its owner may enter it: mkdtemp makes it 0700. */
function makeFolder(parent: string): string {
  try {
    removeAbandoned(parent);
    return mkdtempSync(join(parent, PREFIX));
  } catch (error) {
    throw new BatChainError('BAT_E_HOME_UNUSABLE', {
      what: `${parent} can not be used for what the shell starts`,
      why: systemReason(error),
      fix: 'name a folder that can be written: TMPDIR=/tmp',
      cause: error,
    });
  }
}

/** Made on first use: a shell that talks to a daemon and starts no nodes needs none. */
export class SessionFolder {
  readonly #entropy: Random;
  #made: string | undefined;
  #lock: HomeLock | undefined;

  constructor(entropy: Random) {
    this.#entropy = entropy;
  }

  get path(): string {
    if (this.#made === undefined) {
      this.#made = makeFolder(tmpdir());
      this.#lock = acquireHomeLock(join(this.#made, LOCK), this.#entropy);
    }
    return this.#made;
  }

  remove(): void {
    if (this.#made === undefined) return;
    rmSync(this.#made, { recursive: true, force: true, maxRetries: 3 });
    this.#lock?.release();
    this.#made = undefined;
  }
}
