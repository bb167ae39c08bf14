// An upload that not all hosts could be reached for is completed by the owner's daemon alone, across a kill of that daemon.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Daemon, Network, until, writeSeededFile } from './harness.ts';

let network: Network;
let hosts: Daemon[];
let owner: Daemon;

beforeAll(async () => {
  network = await Network.create();
  hosts = await network.startHosts(5);
  owner = await network.start({ name: 'owner', offer: '0' });
  await until('the owner sees five hosts', async () => (await owner.run(['status'])).last.peers?.online >= 5);
});
afterAll(async () => {
  await network?.close();
});

const healthOf = async (id: string): Promise<unknown> =>
  ((await owner.run(['ls'])).last.files as { id: string; health: string; shardsHealthy: number }[]).find((file) => file.id === id);

it('BN-20 BN-22 a host that was down at the upload gets its shards when it is back, though the owner was killed in between', async () => {
  await hosts[4]?.kill('SIGKILL');
  const source = await writeSeededFile(join(network.folder, 'letters.tar'), 3_000_001, 81);
  const put = await owner.run(['put', source, '--policy', '2of5', '--segment-size', '1MiB']);
  expect(put, put.stderr).toMatchObject({ code: 0, last: { placed: 4, policy: { k: 2, n: 5 } } });
  expect(await healthOf(put.last.id)).toMatchObject({ health: 'degraded', shardsHealthy: 4, shardsTotal: 5 });

  await owner.kill('SIGKILL');
  await rm(source);
  owner = await network.start({ name: 'owner', offer: '0' });
  const back = await network.start({ name: 'host5' });
  await until(
    'the file is good',
    async () => {
      const file = (await healthOf(put.last.id)) as { health: string } | undefined;
      return file?.health === 'good';
    },
    60_000,
  );
  expect(back.nodeId).toBe(hosts[4]?.nodeId);

  const audit = await owner.run(['audit', put.last.id, '--full']);
  expect(audit).toMatchObject({ code: 0, last: { files: [{ verdict: 'good' }] } });
  const shards = audit.last.files[0].shards as { host: string; segment: number; outcome: string }[];
  expect(shards).toHaveLength(15);
  expect(shards.filter(({ host }) => host === back.nodeId).map(({ segment }) => segment)).toEqual([0, 1, 2]);
  // The new shards are as good as the others: with three hosts gone the file comes from one of these and one of the first.
  for (const host of hosts.slice(1, 4)) await host.kill('SIGKILL');
  const target = join(network.folder, 'back');
  const get = await owner.run(['get', put.last.id, '-o', target]);
  expect(get, get.stderr).toMatchObject({ code: 0, last: { sha256: put.last.sha256 } });
});
