// Nodes come and go, networks are cut and healed; the same seed tells the same story twice.
import { minute, second } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { KadCluster, type Member } from './kad-cluster.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

const idOf = (member: Member): string => Buffer.from(member.signer.nodeId).toString('hex');

/** One lookup from a random living node: was the nearest living node found, was any of the 20 nearest? */
async function probe(
  cluster: KadCluster,
): Promise<{ readonly isNearest: boolean; readonly isAmong20: boolean; readonly durationMs: number }> {
  const asker = cluster.randomMember();
  const key = cluster.randomKey();
  const { contacts, stats } = await asker.node.findNearest(key);
  const ids = contacts.map((contact) => Buffer.from(contact.nodeId).toString('hex'));
  const nearest = cluster
    .nearest(key, 21)
    .filter((member) => member !== asker)
    .slice(0, 20)
    .map(idOf);
  return { isNearest: ids[0] === nearest[0], isAmong20: ids.some((id) => nearest.includes(id)), durationMs: stats.durationMs };
}

describe('churn', () => {
  it.each(seedsOf('kad-churn', ['churn-1']))(
    'BD-47 DF-18 DF-22 half the nodes leave and as many come within 15 minutes, seed %s',
    async (seed) => {
      const nodes = 80;
      const cluster = new KadCluster(beginSimulation('kad-churn', seed), { link: { lossRate: 0.02 } });
      const { random } = cluster.simulation.runtime;
      await cluster.grow(nodes);
      const found: Awaited<ReturnType<typeof probe>>[] = [];
      for (let at = 0; at < 15 * minute; at += 15 * second) {
        if (random.below(60) < 40) cluster.crash(cluster.randomMember());
        if (cluster.living.length < nodes) {
          const known = cluster.randomMember();
          const member = await cluster.add();
          void member.node.bootstrap([known.address]);
        }
        await cluster.simulation.clock.runFor(15 * second);
        found.push(...(await cluster.settle(Promise.all(Array.from({ length: 10 }, () => probe(cluster))))));
      }
      const nearest = found.filter((one) => one.isNearest).length;
      const among = found.filter((one) => one.isAmong20).length;
      const times = found.map((one) => one.durationMs).sort((a, b) => a - b);
      const p95 = times[Math.floor(times.length * 0.95)] ?? 0;
      say(`  nearest ${nearest}, one of the 20 nearest ${among} of ${found.length}; p95 ${(p95 / 1000).toFixed(2)} s simulated`);
      expect(nearest).toBeGreaterThanOrEqual(0.985 * found.length);
      expect(among).toBeGreaterThanOrEqual(0.995 * found.length);
      expect(p95).toBeLessThanOrEqual(4 * second);
    },
  );

  it.each(seedsOf('kad-partition', ['cut-1']))('BN-28 a network cut in two for an hour is one again after it, seed %s', async (seed) => {
    const cluster = new KadCluster(beginSimulation('kad-partition', seed));
    await cluster.grow(24);
    const here = cluster.members.slice(0, 12);
    const there = cluster.members.slice(12);
    const heal = cluster.network.partition(
      here.map((member) => member.host),
      there.map((member) => member.host),
    );
    await cluster.simulation.clock.runFor(60 * minute);
    for (const member of cluster.members) expect(member.node.stats().contacts, 'each side has forgotten the other').toBe(11);
    heal();
    await cluster.simulation.clock.runFor(40 * minute);
    for (let i = 0; i < 50; i++) {
      const { isNearest } = await cluster.settle(probe(cluster));
      expect(isNearest).toBe(true);
    }
    const contacts = cluster.members.map((member) => member.node.stats().contacts);
    say(`  contacts per node after healing: ${Math.min(...contacts)} to ${Math.max(...contacts)}`);
    expect(Math.min(...contacts)).toBeGreaterThan(11);
  });

  it.each(seedsOf('kad-rejoin', ['rejoin-1']))(
    'BN-28 nodes that lose the network for a while take their place again, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-rejoin', seed));
      await cluster.grow(60);
      const away = cluster.simulation.runtime.random.shuffle(cluster.members).slice(0, 10);
      const offline = new Set<string>();
      for (const member of away) member.node.events.on('offline', () => offline.add(member.name));
      const heals = away.map((member) => cluster.network.isolate(member.host));
      await cluster.simulation.clock.runFor(15 * minute);
      expect(offline.size, 'each has noticed').toBe(away.length);
      expect(away.some((member) => member.node.isJoined)).toBe(false);
      for (const heal of heals) heal();
      await cluster.simulation.clock.runFor(2 * minute);
      for (const member of away) {
        expect(member.node.isJoined, member.name).toBe(true);
        const { contacts } = await cluster.settle(cluster.randomMember().node.findNearest(member.signer.nodeId));
        const isFound = contacts.some((contact) => Buffer.compare(contact.nodeId, member.signer.nodeId) === 0);
        expect(isFound || cluster.nearest(member.signer.nodeId, 1)[0] === member, `${member.name} can be found`).toBe(true);
      }
    },
  );
});

describe('determinism', () => {
  it.each(seedsOf('kad-determinism', ['same-1']))('the same seed gives the same events, another seed others, seed %s', async (seed) => {
    const run = async (of: string): Promise<string> => {
      const cluster = new KadCluster(beginSimulation('kad-determinism', of), {
        link: { lossRate: 0.05, duplicateRate: 0.05, reorderRate: 0.05 },
      });
      await cluster.grow(40);
      for (let i = 0; i < 5; i++) cluster.crash(cluster.randomMember());
      await cluster.settle(Promise.all(Array.from({ length: 50 }, () => probe(cluster))));
      await cluster.simulation.clock.runFor(5 * minute);
      return `${cluster.simulation.trace.eventCount} events ${cluster.simulation.trace.digest()}`;
    };
    const first = await run(seed);
    expect(await run(seed)).toBe(first);
    expect(await run(`${seed}, but another`)).not.toBe(first);
  });
});
