// Interrupted work continues: the owner's daemon is killed in the middle of an upload and of a download.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Daemon, Network, until, writeSeededFile } from './harness.ts';

const FILE_BYTES = 192 * 1024 * 1024;

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest('hex');
}

describe('an owner that is killed half way', () => {
  let network: Network;
  let owner: Daemon;
  let source: string;
  const usedBytes = async (): Promise<number> => {
    const all = await Promise.all(network.daemons.filter((d) => d.name.startsWith('host')).map((host) => host.run(['status'])));
    return all.reduce((sum, status) => sum + (status.last.offer?.usedBytes ?? 0), 0);
  };

  beforeAll(async () => {
    network = await Network.create();
    await network.startHosts(4);
    owner = await network.start({ name: 'owner', offer: '0' });
    await until('the owner sees four hosts', async () => (await owner.run(['status'])).last.peers?.online >= 4);
    source = await writeSeededFile(join(network.folder, 'big.bin'), FILE_BYTES, 11);
  });
  afterAll(async () => {
    await network?.close();
  });

  it('continues an upload instead of starting over, and a download likewise; no half file under the final name', async () => {
    const first = owner.run(['put', source, '--policy', '2of4', '--segment-size', '4MiB']);
    await until('a quarter of the shards are stored', async () => (await usedBytes()) > FILE_BYTES / 2);
    await owner.kill('SIGKILL');
    expect((await first).code).not.toBe(0);
    expect((await readdir(join(owner.home, 'manifest')).catch(() => [])).filter((name) => name.endsWith('.batchain'))).toEqual([]);

    owner = await network.start({ name: 'owner', offer: '0' });
    const second = await owner.run(['put', source, '--policy', '2of4', '--segment-size', '4MiB']);
    expect(second.code, second.stderr + second.stdout).toBe(0);
    expect(second.last.resumedBytes).toBeGreaterThan(0);
    // Nothing was stored twice: the shards of one upload and not more.
    expect(await usedBytes()).toBeLessThan(FILE_BYTES * 2 * 1.05);
    expect(second.last.sha256).toBe(await sha256Of(source));

    const target = join(network.folder, 'big.back');
    const third = owner.run(['get', second.last.id, '-o', target]);
    const part = await until('a part file of 32 MiB', async () => {
      const name = (await readdir(network.folder)).find((entry) => entry.startsWith('.big.back.'));
      if (name === undefined) return undefined;
      return (await stat(join(network.folder, name))).size > 32 * 1024 * 1024 ? name : undefined;
    });
    await owner.kill('SIGKILL');
    expect((await third).code).not.toBe(0);
    expect(await readdir(network.folder)).not.toContain('big.back');

    owner = await network.start({ name: 'owner', offer: '0' });
    const fourth = await owner.run(['get', second.last.id, '-o', target]);
    expect(fourth.code, fourth.stderr + fourth.stdout).toBe(0);
    expect(fourth.last.resumedBytes).toBeGreaterThan(0);
    expect(await sha256Of(target)).toBe(second.last.sha256);
    expect(await readdir(network.folder)).not.toContain(part);
  });
});
