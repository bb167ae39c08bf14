// Leaving the network through the command line: real daemons.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clientOf, type Daemon, Network, statusOf, until, writeSeededFile } from './harness.ts';

let network: Network;
let owner: Daemon;
let hosts: Daemon[];
let fileId: string;

beforeAll(async () => {
  network = await Network.create();
  hosts = await network.startHosts(4);
  owner = await network.start({ name: 'owner', offer: '0' });
  await until('the owner sees four hosts', async () => (await statusOf(owner.home)).peers.online >= 4);
  const source = await writeSeededFile(join(network.folder, 'letters.tar'), 6_000_000, 5);
  const put = await owner.run(['put', source, '--policy', '1of2', '--segment-size', '1MiB']);
  expect(put, put.stderr).toMatchObject({ code: 0 });
  fileId = put.last.id;
}, 60_000);
afterAll(async () => {
  await network?.close();
});

const shardsOf = async (daemon: Daemon): Promise<number> => (await statusOf(daemon.home)).offer.shards;

/** Whether the owner has the node in its routing table. */
async function isKnown({ nodeId }: Daemon): Promise<boolean> {
  return (await clientOf(owner).dht.routes()).contacts.some((contact) => contact.nodeId === nodeId);
}

async function holder(): Promise<Daemon> {
  for (const host of hosts) if (host.isRunning && (await shardsOf(host)) > 0) return host;
  return expect.fail('nobody holds a shard');
}

it('BD-17 SH-04 a host hands over what it holds, says how much, and takes nothing until it comes back', async () => {
  const host = await holder();
  const held = await shardsOf(host);
  const leave = await host.run(['leave', '--within', '60s']);
  expect(leave, leave.stderr).toMatchObject({ code: 0, last: { command: 'leave', moved: { shards: held }, left: [] } });
  expect(leave.last.moved.bytes).toBeGreaterThan(6_000_000 / 4);
  expect(leave.last.told).toBeGreaterThan(0);
  expect(await statusOf(host.home)).toMatchObject({ membership: 'left', offer: { shards: 0 } });
  const audit = await owner.run(['audit', fileId]);
  expect(audit).toMatchObject({ code: 0, last: { files: [{ verdict: 'good', shardsHealthy: 2 }] } });
  expect(audit.last.files[0].shards.map((row: { host: string }) => row.host)).not.toContain(host.nodeId);
  await until('the owner knows it no more', async () => !(await isKnown(host)));

  expect(await host.run(['leave', '--cancel'])).toMatchObject({ code: 0, last: { changed: true } });
  expect(await statusOf(host.home)).toMatchObject({ membership: 'member' });
  await until('the owner knows it again', () => isKnown(host));
});

it('SH-04 goes on after a kill -9, without being told', async () => {
  const host = await holder();
  const held = await shardsOf(host);
  const leaving = host.run(['leave']);
  // Earlier it may not have written down yet that it leaves.
  await until('the first shard went', async () => (await shardsOf(host)) < held, 10_000, 2);
  await host.kill('SIGKILL');
  expect((await leaving).code).toBe(5);
  const again = await network.start({ name: host.name, join: [owner.kad] });
  hosts = [...hosts.filter((one) => one !== host), again];
  await until('all is handed over', async () => {
    const { membership, offer } = await statusOf(again.home);
    return membership === 'left' && offer.shards === 0;
  });
  expect(await owner.run(['audit', fileId])).toMatchObject({ code: 0, last: { files: [{ verdict: 'good' }] } });
  await again.run(['leave', '--cancel']);
});

it('BD-17 in an emergency only tells the neighbours, within seconds', async () => {
  const host = await holder();
  const held = await shardsOf(host);
  const startedMs = Date.now();
  const leave = await host.run(['leave', '--emergency']);
  expect(Date.now() - startedMs).toBeLessThan(10_000);
  expect(leave, leave.stderr).toMatchObject({ code: 0, last: { moved: { shards: 0, bytes: 0 } } });
  expect(leave.last.told).toBeGreaterThan(0);
  expect(await shardsOf(host)).toBe(held);
  await host.run(['leave', '--cancel']);
});

it('SH-11 the last one is told that the data ends with it, and must say yes', async () => {
  const host = await holder();
  for (const daemon of [owner, ...hosts]) if (daemon !== host) await daemon.kill('SIGKILL');
  await until('it is alone', async () => (await clientOf(host).membership.view()).isAlone, 30_000);
  const refused = await host.run(['leave']);
  expect(refused).toMatchObject({ code: 8, last: { code: 'BAT_E_LAST_MEMBER' } });
  expect(refused.last.fix).toContain('--yes');
  expect(await statusOf(host.home)).toMatchObject({ membership: 'member' });
  const leave = await host.run(['leave', '--yes', '--within', '10s']);
  expect(leave, leave.stderr).toMatchObject({ code: 3, last: { moved: { shards: 0 } } });
  expect(leave.last.left.length).toBeGreaterThan(0);
  expect(leave.last.left[0]).toMatchObject({ kind: 'shard', reason: expect.any(String) });
});
