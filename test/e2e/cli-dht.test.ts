// `batchain dht`, finding and joining, against real daemons on loopback.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientOf, type Daemon, Network, runCli, until } from './harness.ts';
import { jsonLines, PLAIN_ENV } from './transcript.ts';

let network: Network;
let members: Daemon[];
/** Joined with nobody. */
let alone: Daemon;
const portOf = ({ kad }: Daemon): number => Number(kad.split(':').at(-1));
const idsOf = (nodes: readonly { readonly nodeId: string | null }[]): string[] => nodes.map(({ nodeId }) => String(nodeId)).sort();

beforeAll(async () => {
  network = await Network.create();
  members = await network.startHosts(3);
  alone = await network.start({ name: 'alone', offer: '0', join: [] });
  const [first] = members as [Daemon];
  await until('the first knows the others', async () => (await clientOf(first).dht.routes()).contacts.length === 2);
});
afterAll(async () => {
  await network?.close();
});

describe('batchain dht', () => {
  it('BD-04 BD-05 BD-15 BD-18 BD-19 shows the network from inside', async () => {
    const [first, second, third] = members as [Daemon, Daemon, Daemon];
    const [size, find, ping, routes, trace] = await Promise.all([
      first.run(['dht', 'size']),
      first.run(['dht', 'find', second.nodeId.slice(0, 16)]),
      first.run(['dht', 'ping', `localhost:${portOf(third)}`]),
      second.run(['dht', 'routes']),
      third.run(['dht', 'trace', first.nodeId]),
    ]);
    expect(size).toMatchObject({ code: 0, last: { command: 'dht', estimate: 3, error: 0, basis: 'counted' } });
    expect(find.last).toMatchObject({
      target: second.nodeId,
      contacts: [{ nodeId: second.nodeId, kad: second.kad }, { nodeId: third.nodeId }],
    });
    expect(ping.last).toMatchObject({ nodeId: third.nodeId, kad: third.kad, observed: first.kad });
    expect(idsOf(routes.last.contacts)).toEqual(idsOf([first, third]));
    expect(idsOf([routes.last.above, routes.last.below])).toEqual(idsOf([first, third]));
    expect(trace.last.hops.find(({ nodeId }: { nodeId: string }) => nodeId === first.nodeId)).toMatchObject({
      distance: { sharedBits: 256, log2: null },
      outcome: 'ok',
      holds: ['contact'],
      isResponsible: true,
    });
    expect(idsOf(trace.last.responsible)).toEqual(idsOf(members));
  });

  it('BD-19 writes the routing table as CSV and nothing else on standard output', async () => {
    const [first] = members as [Daemon];
    const { code, stdout, stderr } = await runCli(['dht', 'routes', '--csv', '--home', first.home], { env: PLAIN_ENV });
    const [header, ...rows] = stdout.trimEnd().split('\n');
    expect([code, stderr, header]).toEqual([0, '', 'bucket,node_id,kad,distance_log2,rtt_ms,last_seen,failures,neighbour']);
    expect(rows).toHaveLength(2);
    for (const row of rows) expect(row).toMatch(/^\d+,[0-9a-f]{64},127\.0\.0\.1:\d+,\d+,[\d.]*,[\dT:.-]+Z,0,(above|below)$/);
  });

  it('says in a line why there is no answer, with the right exit code', async () => {
    const [first] = members as [Daemon];
    const [unknown, port, silent] = await Promise.all([
      first.run(['dht', 'find', 'ffffffffffff']),
      first.run(['dht', 'ping', '127.0.0.1:70000']),
      first.run(['dht', 'ping', '127.0.0.1:1']),
    ]);
    expect([unknown, port, silent].map((result) => [result.code, jsonLines(result).at(-1)?.what])).toEqual([
      [4, 'no peer ffffffffffff'],
      [2, '"127.0.0.1:70000" is no HOST:PORT'],
      [5, 'nobody answers at 127.0.0.1:1'],
    ]);
  });
});

describe('finding and joining', () => {
  it('BD-13 BD-14 BD-16 SH-07 SH-08 finds participants by their ports, is refused where nobody is, and joins where somebody is', async () => {
    const { network: client, dht } = clientOf(alone);
    const [first, second] = members as [Daemon, Daemon];
    const port = portOf(second);
    const { found } = await client.find({ host: 'localhost', ports: { from: Math.max(1, port - 20), to: Math.min(65_535, port + 20) } });
    expect(idsOf(found)).toContain(second.nodeId);
    await expect(clientOf(first).network.join(['127.0.0.1:1'])).rejects.toMatchObject({ code: 'BAT_E_NO_ANSWER', exit: 5 });
    expect((await dht.routes()).contacts, 'finding is not joining').toEqual([]);
    const joined = await client.join([second.kad]);
    expect(joined).toMatchObject({ joined: true, addresses: [{ address: second.kad, nodeId: second.nodeId, reason: null }] });
    await until('all are known', async () => (await dht.routes()).contacts.length === 3);
    expect(idsOf((await client.find()).found)).toEqual(idsOf(members));
  });
});
