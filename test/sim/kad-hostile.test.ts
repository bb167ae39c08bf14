// A fifth of the nodes lie: forged neighbours, silence, junk for records. Lookups and announcements have to work all the same.
import type { AgedRecord, CompactContact, KadRequest, KadResponse } from '@batchain/kad-node';
import { type NodeId, sha256, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { KadCluster } from './kad-cluster.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

const HONEST = 100;
const LIARS = 25;

type Random = KadCluster['simulation']['runtime']['random'];

/** Sixteen ids nearer to the key than any real node, at addresses where nobody is. */
function forgedNeighbours(key: Uint8Array, random: Random): CompactContact[] {
  return Array.from({ length: 16 }, () => {
    const nodeId = Uint8Array.from(key) as NodeId;
    nodeId.set(random.bytes(24), 8);
    return { nodeId, address: { host: `11.200.${random.below(250)}.${1 + random.below(250)}`, port: 4870 } };
  });
}

function lie(request: KadRequest, random: Random): KadResponse {
  const junk: AgedRecord[] = Array.from({ length: 4 }, () => ({ bytes: random.bytes(150), ageMs: 0 }));
  switch (request.type) {
    case 'find-node':
      return { type: 'nodes', contacts: forgedNeighbours(request.target, random), records: [], pages: 9 };
    case 'find-value':
      return { type: 'values', records: junk, holders: [], contacts: forgedNeighbours(request.key, random).slice(0, 8), pages: 1000 };
    case 'store':
      return { type: 'stored', outcomes: request.records.map(() => 'stored') };
    case 'get-contact':
      return { type: 'contact', record: null };
    default:
      return { type: 'pong' };
  }
}

async function buildWithLiars(seed: string): Promise<KadCluster> {
  const cluster = new KadCluster(beginSimulation('kad-hostile', seed));
  const { random } = cluster.simulation.runtime;
  await cluster.grow(HONEST / 2);
  for (let n = 0; n < LIARS; n++) {
    const { rpc } = await cluster.addRpc(`liar ${n}`);
    const own = random.fork(`liar ${n}`);
    rpc.onRequest(({ request }) => lie(request, own));
    // Showing itself to many is how a liar gets into their tables.
    const victims = random.shuffle(cluster.members).slice(0, 30);
    await cluster.settle(Promise.all(victims.map((victim) => rpc.request(victim.address, undefined, { type: 'ping' }))));
  }
  await cluster.grow(HONEST);
  return cluster;
}

describe('a network with 20 % liars', () => {
  it.each(seedsOf('kad-hostile', ['liars-1']))('DF-18 BD-47 finds nodes and providers all the same, seed %s', async (seed) => {
    const cluster = await buildWithLiars(seed);
    let nearest = 0;
    let among = 0;
    let requests = 0;
    const lookups = 200;
    for (let i = 0; i < lookups; i += 20) {
      const batch = Array.from({ length: 20 }, async () => {
        const asker = cluster.randomMember();
        const key = cluster.randomKey();
        const { contacts, stats } = await asker.node.findContacts(key);
        const honest = cluster
          .nearest(key, 21)
          .filter((member) => member !== asker)
          .map((member) => Buffer.from(member.signer.nodeId).toString('hex'));
        const ids = contacts.map((contact) => Buffer.from(contact.nodeId).toString('hex'));
        if (ids.includes(honest[0] as string)) nearest++;
        if (ids.some((id) => honest.slice(0, 20).includes(id))) among++;
        requests += stats.requests;
      });
      await cluster.settle(Promise.all(batch), 300_000);
    }
    say(
      `  nearest honest node ${nearest}, one of the 20 nearest ${among} of ${lookups}; ${(requests / lookups).toFixed(1)} requests per lookup`,
    );
    expect(among).toBeGreaterThanOrEqual(0.995 * lookups);
    expect(nearest).toBeGreaterThanOrEqual(0.95 * lookups);

    let found = 0;
    for (let n = 0; n < 20; n++) {
      const fileId = sha256(utf8Bytes(`file ${n}`));
      const host = cluster.randomMember();
      await cluster.settle(host.node.announce(fileId), 300_000);
      const { hostIds } = await cluster.settle(cluster.randomMember().node.findProviders(fileId, { resolvesContacts: false }), 300_000);
      if (hostIds.length === 1 && Buffer.compare(hostIds[0] as NodeId, host.signer.nodeId) === 0) found++;
    }
    say(`  providers found for ${found} of 20 files`);
    expect(found).toBeGreaterThanOrEqual(19);
  });
});
