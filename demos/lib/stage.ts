// What a demo works with: its folder, its network, plain lines, and checks that fail the demo.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CommandResult, type Daemon, Network } from './local-network.ts';

export const FILES_FOLDER: string = fileURLToPath(new URL('../files/', import.meta.url));
/** Everything that demos make lies below this folder (BN-43); DEMOS_FOLDER names another one. */
export const WORK_FOLDER: string = process.env.DEMOS_FOLDER ?? fileURLToPath(new URL('../work/', import.meta.url));

export class CheckFailed extends Error {}

/** A demo: told in plain lines, checked by itself. */
export interface Demo {
  readonly name: string;
  readonly title: string;
  run(stage: Stage): Promise<void>;
}

export async function sha256Of(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

export class Stage {
  readonly network: Network;

  private constructor(network: Network) {
    this.network = network;
  }

  static async open(name: string): Promise<Stage> {
    return new Stage(await Network.create(join(WORK_FOLDER, name)));
  }

  say(line: string): void {
    process.stdout.write(`${line}\n`);
  }

  /** Prints `ok WHAT`, or fails the demo. */
  check(isTrue: boolean, what: string, detail = ''): void {
    if (!isTrue) throw new CheckFailed(`${what}${detail === '' ? '' : `: ${detail}`}`);
    this.say(`  ok  ${what}`);
  }

  /** Runs a command of a daemon's home; fails the demo unless it exits with 0. */
  async run(daemon: Daemon, ...args: string[]): Promise<CommandResult['last']> {
    this.say(`  $ batchain ${args.map((arg) => arg.replace(FILES_FOLDER, 'demos/files/').replace(WORK_FOLDER, 'demos/work/')).join(' ')}`);
    const result = await daemon.run(args);
    if (result.code !== 0) throw new CheckFailed(`batchain ${args.join(' ')} ended with ${result.code}: ${result.stdout}${result.stderr}`);
    return result.last;
  }

  /** Names of the shards that a host keeps. */
  async hostedShards(daemon: Daemon): Promise<string[]> {
    return shardNames(join(daemon.home, 'hosted'));
  }

  /** Names of the owner's own shard copies (`--keep-shards`). */
  async ownShards(daemon: Daemon): Promise<string[]> {
    return shardNames(join(daemon.home, 'shards'));
  }

  async manifests(daemon: Daemon): Promise<string[]> {
    return (await readdir(join(daemon.home, 'manifest'))).filter((name) => name.endsWith('.batchain'));
  }

  /** Ends the daemons; the folders stay until reset or clean-up. */
  async close(): Promise<void> {
    await this.network.close('SIGTERM');
  }
}

async function shardNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name) && !entry.parentPath.includes('files'))
    .map((entry) => entry.name);
}

/** Removes what one demo (or every demo) made: databases, hosted, shards and manifest folders (BN-47), and says so. */
export async function clean(name?: string): Promise<void> {
  const folder = name === undefined ? WORK_FOLDER : join(WORK_FOLDER, name);
  const wasThere = existsSync(folder);
  await rm(folder, { recursive: true, force: true });
  process.stdout.write(`${wasThere ? 'removed' : 'nothing to remove:'} ${folder}\n`);
}
