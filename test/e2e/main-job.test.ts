// The main job on real processes: six hosts and an owner on loopback.
import { createHash } from 'node:crypto';
import { cp, mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Daemon, Network, runCli, until, writeSeededFile } from './harness.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Every regular file below a folder. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** The file on a host that holds the shard with this id. */
async function shardFile(host: Daemon, shardId: string): Promise<string | undefined> {
  return (await filesBelow(join(host.home, 'hosted'))).find((path) => path.endsWith(shardId));
}

async function flipByte(path: string, position: number): Promise<void> {
  const handle = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, position);
  byte[0] = (byte[0] as number) ^ 0xff;
  await handle.write(byte, 0, 1, position);
  await handle.close();
}

describe('a network of six hosts and an owner', () => {
  let network: Network;
  let hosts: Daemon[];
  let owner: Daemon;

  beforeAll(async () => {
    network = await Network.create();
    hosts = await network.startHosts(6);
    owner = await network.start({ name: 'owner', offer: '0' });
    await until('the owner sees six hosts', async () => {
      const status = await owner.run(['status']);
      return status.last.peers?.online >= 6;
    });
  });

  afterAll(async () => {
    await network?.close();
  });

  it('BN-01 BN-03 BN-24 puts a file over Kademlia, lists it, and gets the same bytes back', async () => {
    const source = await writeSeededFile(join(network.folder, 'holiday.bin'), 3_000_001);
    const put = await owner.run(['put', source, '--policy', '4of6', '--segment-size', '1MiB']);
    expect(put).toMatchObject({
      code: 0,
      last: { type: 'result', name: 'holiday.bin', bytes: 3_000_001, policy: { k: 4, n: 6 }, placed: 6 },
    });
    expect(put.last.id).toMatch(/^[0-9a-f]{64}$/);
    expect(put.last.sha256).toBe(sha256(await readFile(source)));

    const list = await owner.run(['ls']);
    expect(list.last.files).toMatchObject([
      { id: put.last.id, name: 'holiday.bin', health: 'good', shardsHealthy: 6, shardsTotal: 6, policy: { k: 4, n: 6 } },
    ]);

    const target = join(network.folder, 'back.bin');
    const get = await owner.run(['get', put.last.manifest, '-o', target]);
    expect(get).toMatchObject({ code: 0, last: { bytes: 3_000_001, path: target, rejected: [] } });
    expect(sha256(await readFile(target))).toBe(put.last.sha256);
  });

  it.each([0, 1, 65_535, 65_536, 65_537, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1])(
    'BN-25 a file of %i bytes comes back whole through the seeds flags -u and -d',
    async (bytes) => {
      const source = await writeSeededFile(join(network.folder, `size-${bytes}`), bytes, bytes + 1);
      const up = await owner.run(['-u', source, '--policy', '2of3', '--segment-size', '1MiB']);
      expect(up.code, up.stderr + up.stdout).toBe(0);
      const target = join(network.folder, `size-${bytes}.back`);
      const down = await owner.run(['-d', up.last.manifest, '-o', target]);
      expect(down.code, down.stderr + down.stdout).toBe(0);
      expect(sha256(await readFile(target))).toBe(sha256(await readFile(source)));
    },
  );

  it('BN-57 BN-58 names exactly the shard with a flipped byte, and the download works around it', async () => {
    const source = await writeSeededFile(join(network.folder, 'flip.bin'), 2_500_000, 77);
    const put = await owner.run(['put', source, '--policy', '4of6', '--segment-size', '1MiB']);
    expect(put.code).toBe(0);
    const before = await owner.run(['audit', put.last.id, '--full']);
    expect(before).toMatchObject({ code: 0, last: { files: [{ verdict: 'good' }] } });
    const rows = before.last.files[0].shards as { shardId: string; segment: number; index: number; host: string; outcome: string }[];
    expect(rows).toHaveLength(18);
    expect(rows.every((row) => row.outcome === 'passed')).toBe(true);

    const victim = rows.find((row) => row.segment === 1 && row.index === 2);
    const host = hosts.find((daemon) => daemon.nodeId === victim?.host) as Daemon;
    await flipByte((await shardFile(host, victim?.shardId as string)) as string, 40_000);

    const target = join(network.folder, 'flip.back');
    const get = await owner.run(['get', put.last.id, '-o', target]);
    expect(get.code, get.stderr).toBe(0);
    expect(sha256(await readFile(target))).toBe(put.last.sha256);
    expect(get.last.rejected).toMatchObject([{ host: host.nodeId, shardId: victim?.shardId }]);

    const after = await owner.run(['audit', put.last.id, '--full']);
    expect(after.code).toBe(7);
    const failed = (after.last.files[0].shards as typeof rows).filter((row) => row.outcome !== 'passed');
    expect(failed).toMatchObject([{ shardId: victim?.shardId, segment: 1, index: 2, host: host.nodeId, outcome: 'failed' }]);
  });

  it('a stranger with nothing but the manifest downloads the file while the owner is gone, and no disk shows its text or name', async () => {
    const marker = 'the treasure lies beneath the third oak ';
    const source = join(network.folder, 'zebra-treasure-map.txt');
    await writeFile(source, marker.repeat(40_000));
    const put = await owner.run(['put', source, '--policy', '3of6']);
    expect(put.code).toBe(0);
    const manifest = join(network.folder, 'given.batchain');
    await cp(put.last.manifest, manifest);
    await owner.kill('SIGKILL');
    try {
      const stranger = await network.start({ name: 'stranger', offer: '0' });
      const target = join(network.folder, 'stranger.txt');
      const get = await stranger.run(['get', manifest, '-o', target]);
      expect(get.code, get.stderr + get.stdout).toBe(0);
      expect(await readFile(target, 'utf8')).toBe(marker.repeat(40_000));
      await stranger.kill('SIGTERM');
      for (const host of hosts) {
        for (const path of await filesBelow(host.home)) {
          const bytes = await readFile(path);
          expect(bytes.includes('third oak'), path).toBe(false);
          expect(bytes.includes('zebra-treasure'), path).toBe(false);
        }
      }
    } finally {
      owner = await network.start({ name: 'owner', offer: '0' });
    }
  });

  it('BN-22 a full host refuses cleanly and another takes the shard', async () => {
    const tiny = await network.start({ name: 'tiny', offer: '64KiB' });
    const source = await writeSeededFile(join(network.folder, 'for-bigger-hosts.bin'), 1_500_000, 5);
    const put = await owner.run(['put', source, '--policy', '3of6', '--segment-size', '1MiB']);
    expect(put, put.stderr).toMatchObject({ code: 0, last: { placed: 6 } });
    expect((await tiny.run(['status'])).last.offer).toMatchObject({ bytes: 65_536 });
    expect((await stat(tiny.home)).isDirectory()).toBe(true);
    await tiny.kill('SIGTERM');
  });

  it('rm releases the shards at the hosts', async () => {
    const source = await writeSeededFile(join(network.folder, 'short-lived.bin'), 500_000, 9);
    const used = async (): Promise<number> => {
      const all = await Promise.all(hosts.map((host) => host.run(['status'])));
      return all.reduce((sum, status) => sum + status.last.offer.usedBytes, 0);
    };
    const before = await used();
    const put = await owner.run(['put', source, '--policy', '4of6']);
    expect(await used()).toBeGreaterThan(before + 500_000);
    const removed = await owner.run(['rm', put.last.id, '--yes']);
    expect(removed).toMatchObject({ code: 0, last: { id: put.last.id, released: 6 } });
    expect(await used()).toBe(before);
  });

  it('two dead hosts: audit names exactly them as offline and the file still comes back', async () => {
    const source = await writeSeededFile(join(network.folder, 'survivor.bin'), 5_000_000, 3);
    const put = await owner.run(['put', source, '--policy', '4of6', '--segment-size', '1MiB']);
    expect(put.code).toBe(0);
    const dead = hosts.slice(2, 4);
    for (const host of dead) await host.kill('SIGKILL');

    const target = join(network.folder, 'survivor.back');
    const get = await owner.run(['get', put.last.id, '-o', target]);
    expect(get.code, get.stderr).toBe(0);
    expect(sha256(await readFile(target))).toBe(put.last.sha256);

    const audit = await owner.run(['audit', put.last.id]);
    expect(audit.code).toBe(3);
    const rows = audit.last.files[0].shards as { host: string; outcome: string }[];
    const offline = new Set(rows.filter((row) => row.outcome === 'offline').map((row) => row.host));
    expect(offline).toEqual(new Set(dead.map((host) => host.nodeId)));
    expect(rows.filter((row) => row.outcome !== 'offline').every((row) => row.outcome === 'passed')).toBe(true);

    await hosts[0]?.kill('SIGKILL');
    const refused = await owner.run(['get', put.last.id, '-o', join(network.folder, 'never')], { timeoutMs: 60_000 });
    expect(refused).toMatchObject({ code: 5, last: { type: 'error', code: 'BAT_E_TOO_FEW_SHARDS' } });
    const left = await readdir(network.folder);
    expect(left).not.toContain('never');
  });
});

describe('a home of its own', () => {
  it('BN-55 says in one line that no daemon runs, and lists all the same', async () => {
    const network = await Network.create();
    try {
      const home = network.home('alone');
      await mkdir(home, { recursive: true });
      expect((await runCli(['init', '--home', home, '--no-input', '--offer', '0', '--json'])).code).toBe(0);
      expect(await runCli(['ls', '--home', home, '--json'])).toMatchObject({ code: 0, last: { type: 'result', files: [] } });
      expect(await runCli(['put', '/etc/hostname', '--home', home, '--json'])).toMatchObject({ code: 5, last: { type: 'error' } });
    } finally {
      await network.close();
    }
  });
});
