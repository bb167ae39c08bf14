// driven: a real host daemon that is killed and started again on the same home, and what can be seen of it from outside.
import type { ChildProcess } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FsShardStore, LevelKeyValueStore, nodeFileSystem } from '@batchain/bat-node';
import { homePaths, loadIdentityFile, systemSurroundings } from '@batchain/participant/client';
import { GiB, present } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { type Daemon, hostedDiskBytes, type Network, shardBytes, statusOf } from '../e2e/harness.ts';
import type { BookedFile, ReceiptBook } from './receipt-book.ts';
import type { WireHost } from './wire-host.ts';

const HEX_ID = /^[0-9a-f]{64}$/;
const HOSTED_NAMES = new Set(['format', 'clock', 'files', 'rosters', 'tmp']);

/** Where a daemon's wire is, and whose it is: what `session` and `client` of a wire host want. */
export type WireAddress = Parameters<WireHost['client']>[0];

export class KilledHost {
  readonly #network: Network;
  readonly name: string;
  readonly home: string;
  daemon: Daemon | undefined;
  /** How long each start took that was let come to its end. */
  readonly startsMs: number[] = [];

  constructor(network: Network, name: string) {
    this.#network = network;
    this.name = name;
    this.home = network.home(name);
  }

  async start(): Promise<void> {
    const beganAtMs = performance.now();
    this.daemon = await this.#network.start({ name: this.name, offer: '8GiB', join: [] });
    this.startsMs.push(performance.now() - beganAtMs);
  }

  /** Starts it and kills it so long after, ready or not. Rejects when it ended in another way. */
  async startAndKill(afterMs: number): Promise<void> {
    let child: ChildProcess | undefined;
    const onSpawn = (spawned: ChildProcess): void => {
      child = spawned;
      setTimeout(() => spawned.kill('SIGKILL'), afterMs);
    };
    try {
      await (await this.#network.start({ name: this.name, offer: '8GiB', join: [], onSpawn })).kill();
    } catch (error) {
      if (child?.signalCode !== 'SIGKILL') throw error;
    }
  }

  kill(): void {
    present(this.daemon, 'a daemon').process.kill('SIGKILL');
  }

  async gone(): Promise<void> {
    await present(this.daemon, 'a daemon').kill('SIGKILL');
  }

  get wire(): WireAddress {
    const [host = '', port = ''] = present(this.daemon, 'a daemon').bat.split(':');
    const keyPair = present(loadIdentityFile(join(this.home, 'identity')), 'an identity');
    return { keyPair, address: { host, port: Number(port) } };
  }

  /** What the daemon counts, and what the disk has. */
  async usedBytes(): Promise<{ readonly counted: number; readonly onDisk: number; readonly ofShards: number }> {
    const counted = (await statusOf(this.home)).offer.usedBytes;
    return { counted, onDisk: await hostedDiskBytes(this.home), ofShards: await shardBytes([this.home]) };
  }
}

/** Everything in the home that should not be there, while nothing is under way and the book has no doubts. */
export async function findStrays(home: string, book: ReceiptBook): Promise<string[]> {
  const strays = (await readdir(home, { recursive: true })).filter((name) => /\.(tmp|dead)$/.test(name));
  const hosted = join(home, 'hosted');
  const held = new Map(book.heldShards());
  for (const part of await readdir(join(hosted, 'tmp'))) {
    const shard = part.replace(/\.part$/, '');
    // The rest of a release is swept up there, and of a store that nobody repeats.
    if (held.has(shard)) strays.push(`tmp/${part} of a shard that is held`);
    else if (!book.hasSeen(shard)) strays.push(`tmp/${part}`);
  }
  for (const folder of await readdir(hosted)) {
    if (HOSTED_NAMES.has(folder)) continue;
    if (!/^[0-9a-f]{2}$/.test(folder)) strays.push(folder);
    else
      for (const name of await readdir(join(hosted, folder))) {
        const path = join(hosted, folder, name);
        if ((await stat(path)).size !== held.get(name)) strays.push(`${folder}/${name}`);
        held.delete(name);
      }
  }
  strays.push(...[...held.keys()].map((shard) => `missing: ${shard}`));
  const files = new Set(book.heldFiles().map(({ file }) => Buffer.from(file.fileId).toString('hex')));
  for (const name of await readdir(join(hosted, 'files'))) if (!HEX_ID.test(name) || !files.has(name)) strays.push(`files/${name}`);
  for (const name of await readdir(join(hosted, 'rosters'))) if (!files.has(name.split('.')[0] ?? '')) strays.push(`rosters/${name}`);
  return strays;
}

/** Opens the store of a daemon that has ended and lays leases and rosters beside what was signed. */
export async function findLostLeases(home: string, files: readonly BookedFile[]): Promise<string[]> {
  const paths = homePaths(home, systemSurroundings());
  const config = { hostedPath: paths.hostedDir, offerBytes: 8 * GiB, keepFreeBytes: 0 };
  const store = new FsShardStore(createSystemRuntime(), nodeFileSystem, new LevelKeyValueStore(paths.indexDir), config);
  await store.open();
  const faults: string[] = [];
  for (const { name, file, lease } of files) {
    if (lease === undefined) continue;
    const kept = store.file(file.fileId);
    if (kept === undefined || kept.leaseUntilMs < lease.leaseUntilMs)
      faults.push(`${name} ends at ${kept?.leaseUntilMs}, not ${lease.leaseUntilMs}`);
    if (!lease.isCommitted) continue;
    const roster = await store.roster(file.fileId);
    const isRight = roster.ok && Buffer.compare(roster.value.roster, file.signed.rosterBytes) === 0;
    if (kept?.isCommitted !== true || !isRight) faults.push(`${name} was committed and is not`);
  }
  await store.close();
  return faults;
}
