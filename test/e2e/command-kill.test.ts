// The command itself is killed, not the daemon: its job ends, and the same command again goes on.
import type { ChildProcess } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MiB } from '@batchain/shared';
import { SimRandom } from '@batchain/shared/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, type Daemon, Network, sha256Of, shardBytes, statusOf, until, writeSeededFile } from './harness.ts';

const KILLS = 5;
const FILE_BYTES = 96 * MiB;

describe('a command that is killed', () => {
  const random = SimRandom.fromSeed(process.env.SEED ?? 'kills', 'command');
  let network: Network;
  let hosts: Daemon[];
  let owner: Daemon;
  let source: string;
  let id = '';
  const homes = (): string[] => hosts.map(({ home }) => home);
  const running = async (): Promise<number> => (await statusOf(owner.home)).jobs.running;

  beforeAll(async () => {
    network = await Network.create();
    hosts = await network.startHosts(3);
    owner = await network.start({ name: 'owner', offer: '0' });
    await until('the owner sees three hosts', async () => (await statusOf(owner.home)).peers.online >= 3);
    source = await writeSeededFile(join(network.folder, 'up.bin'), FILE_BYTES, 3);
  });
  afterAll(async () => {
    await network?.close();
  });

  /** Runs the command and kills its process when its job has come so far. */
  async function killed(args: readonly string[], what: string, hasCome: () => Promise<boolean>): Promise<CommandResult> {
    let command: ChildProcess | undefined;
    const run = owner.run(args, {
      onSpawn: (child) => {
        command = child;
      },
    });
    await until(what, async () => (await running()) > 0 && (await hasCome()), 30_000, 3);
    command?.kill('SIGKILL');
    return run;
  }

  it(`put: the daemon ends the job within a moment after each of ${KILLS} kills, keeps what is stored, and goes on with it`, async () => {
    const put = ['put', source, '--policy', '2of3', '--segment-size', '1MiB'];
    for (let kill = 0; kill < KILLS; kill++) {
      const wanted = (await shardBytes(homes())) + random.below(Math.floor(FILE_BYTES / KILLS));
      expect((await killed(put, `${wanted} bytes are stored`, async () => (await shardBytes(homes())) >= wanted)).code).toBe(137);
      await until('the job has ended', async () => (await running()) === 0);
      expect(await readdir(join(owner.home, 'manifest'))).toEqual([]);
      expect((await owner.run(['ls'])).last.files).toEqual([]);
    }
    const done = await owner.run(put);
    expect(done, done.stderr).toMatchObject({ code: 0, last: { placed: 3, sha256: await sha256Of(source) } });
    expect(done.last.resumedBytes).toBeGreaterThan(0);
    const stored = (done.last.hosts as { bytes: number }[]).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(await shardBytes(homes())).toBe(stored);
    for (const home of homes()) expect(await readdir(join(home, 'hosted', 'tmp'))).toEqual([]);
    expect(await readdir(join(owner.home, 'db', 'uploads'))).toEqual([]);
    expect(await readdir(join(owner.home, 'manifest'))).toHaveLength(1);
    id = done.last.id;
  });

  it(`get: nothing lies under the final name after each of ${KILLS} kills, and the same command again goes on at once`, async () => {
    const target = join(network.folder, 'down.bin');
    const get = ['get', id, '-o', target];
    const hasPart = async (): Promise<boolean> => (await readdir(network.folder)).some((name) => name.startsWith('.down.bin.'));
    for (let kill = 0; kill < KILLS; kill++) {
      expect((await killed(get, 'a part is there', hasPart)).code).toBe(137);
      expect(await readdir(network.folder)).not.toContain('down.bin');
    }
    const done = await owner.run(get);
    expect(done, done.stderr).toMatchObject({ code: 0, last: { path: target, bytes: FILE_BYTES } });
    expect(await sha256Of(target)).toBe(await sha256Of(source));
    expect(await hasPart()).toBe(false);
    expect(await running()).toBe(0);
  });
});
