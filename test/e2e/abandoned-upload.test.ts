// An upload whose owner never comes back: its hosts keep what they promised to keep, then let it go.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { day, MiB } from '@batchain/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Daemon, Network, shardBytes, statusOf, until, writeSeededFile } from './harness.ts';

const FILE_BYTES = 256 * MiB;
const SEGMENT_MIB = 16;

/** Runs a daemon with a wall clock that is ahead. */
const clockAhead = (aheadMs: number) => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`const now = Date.now; Date.now = () => now() + ${aheadMs};`)}`,
});

describe('an upload whose owner never comes back', () => {
  let network: Network;
  let hosts: Daemon[];
  const homes = (): string[] => hosts.map(({ home }) => home);

  beforeAll(async () => {
    network = await Network.create();
    hosts = await network.startHosts(2);
  });
  afterAll(async () => {
    await network?.close();
  });

  /** Shards, parts, journals and rosters: names of all that a host has on its disk for others. */
  async function hosted(folders: (name: string) => boolean = () => true): Promise<string[]> {
    const names: string[] = [];
    for (const home of homes()) {
      const folder = join(home, 'hosted');
      // The files beside the folders, one of them half written at times, are the host's own.
      const entries = await readdir(folder, { withFileTypes: true });
      for (const { name } of entries.filter((entry) => entry.isDirectory() && folders(entry.name)))
        names.push(...(await readdir(join(folder, name))));
    }
    return names;
  }

  async function stop(): Promise<void> {
    for (const host of hosts) await host.kill('SIGTERM');
  }

  async function restart(aheadMs: number): Promise<void> {
    await stop();
    const started: Daemon[] = [];
    for (const { name } of hosts) started.push(await network.start({ name, join: [], env: clockAhead(aheadMs) }));
    hosts = started;
  }

  it('leaves nothing at its hosts when its leases and their grace are over: no shard, no part, no journal', async () => {
    const owner = await network.start({ name: 'owner', offer: '0' });
    await until('the owner sees both hosts', async () => (await statusOf(owner.home)).peers.online >= 2);
    const source = await writeSeededFile(join(network.folder, 'left.bin'), FILE_BYTES);
    const put = owner.run(['put', source, '--policy', '1of2', '--segment-size', `${SEGMENT_MIB}MiB`]);
    const isHalf = async (): Promise<boolean> =>
      (await shardBytes(homes())) >= 2 * SEGMENT_MIB * MiB && (await hosted((name) => name === 'tmp')).length > 0;
    await until('shards are stored and others are on their way', isHalf, 20_000, 3);
    await owner.kill('SIGKILL');
    expect((await put).code).not.toBe(0);
    // What had come whole when the owner went is still made durable.
    await stop();
    const before = await shardBytes(homes());
    const shards = await hosted((name) => /^[0-9a-f]{2}$/.test(name));

    // A day's lease and two days' grace; a host that was away counts two days at most.
    await restart(30 * day);
    expect(await shardBytes(homes())).toBe(before);
    expect(await hosted((name) => /^[0-9a-f]{2}$/.test(name))).toEqual(shards);
    expect(await hosted((name) => name === 'tmp')).toEqual([]);

    await restart(60 * day);
    await until('the hosts let it go', async () => (await shardBytes(homes())) === 0);
    await until('nothing of it is on the disks', async () => (await hosted()).length === 0);
  });
});
