// A thousand production nodes on the production wire: do lookups find what is nearest, at what cost, under which faults?
import { describe, expect, it } from 'vitest';
import { KadCluster, type Member } from './kad-cluster.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

const NODES = 1000;
const LOOKUPS = 1000;
/** Half a minute on a quiet machine. */
const PATIENCE_MS = 300_000;
/** Lookups under way at the same time, each from another node. */
const AT_ONCE = 100;

interface Found {
  /** The nearest living node came out first. */
  readonly isNearest: boolean;
  /** Any of the 20 nearest living nodes came out. */
  readonly isAmong20: boolean;
  readonly requests: number;
  readonly hops: number;
  readonly durationMs: number;
}

async function lookUpOne(cluster: KadCluster, asker: Member): Promise<Found> {
  const key = cluster.randomKey();
  const { contacts, stats } = await asker.node.findNearest(key);
  const expected = cluster.nearest(key, 21).filter((member) => member !== asker);
  const ids = contacts.map((contact) => Buffer.from(contact.nodeId).toString('hex'));
  const nearest = expected.slice(0, 20).map((member) => Buffer.from(member.signer.nodeId).toString('hex'));
  return {
    isNearest: ids[0] === nearest[0],
    isAmong20: ids.some((id) => nearest.includes(id)),
    requests: stats.requests,
    hops: stats.hops,
    durationMs: stats.durationMs,
  };
}

async function lookUpMany(cluster: KadCluster): Promise<Found[]> {
  const found: Found[] = [];
  while (found.length < LOOKUPS) {
    const batch = Array.from({ length: AT_ONCE }, () => lookUpOne(cluster, cluster.randomMember()));
    found.push(...(await cluster.settle(Promise.all(batch))));
  }
  return found;
}

function report(what: string, found: readonly Found[]): void {
  const mean = (of: (one: Found) => number): string => (found.reduce((sum, one) => sum + of(one), 0) / found.length).toFixed(2);
  const times = found.map((one) => one.durationMs).sort((a, b) => a - b);
  const part = (fraction: number): string => ((times[Math.floor(times.length * fraction)] ?? 0) / 1000).toFixed(2);
  const count = (of: (one: Found) => boolean): number => found.filter(of).length;
  say(
    `  ${what}: nearest ${count((one) => one.isNearest)}, one of the 20 nearest ${count((one) => one.isAmong20)} of ${found.length}; ` +
      `${mean((one) => one.requests)} requests per lookup, ${mean((one) => one.hops)} hops (log2(${NODES}) = ${Math.log2(NODES).toFixed(2)}); ` +
      `p50 ${part(0.5)} s, p95 ${part(0.95)} s simulated`,
  );
}

describe('lookups among 1,000 nodes', () => {
  it.each(seedsOf('kad-lookups', ['kad-1']))(
    'BD-18 BD-47 DF-17 DF-18 find the nearest node and tell how many there are, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-lookups', seed));
      await cluster.grow(NODES);
      expect(cluster.members.every((member) => member.node.isJoined)).toBe(true);

      const calm = await lookUpMany(cluster);
      report('nothing lost', calm);
      expect(calm.filter((one) => one.isNearest)).toHaveLength(LOOKUPS);
      const requests = calm.reduce((sum, one) => sum + one.requests, 0) / LOOKUPS;
      expect(requests, 'logarithmic, not linear').toBeLessThan(2 * Math.log2(NODES));

      for (const { node } of cluster.members.slice(0, 3)) {
        const { nodes, errorRatio } = await cluster.settle(node.measureSize());
        say(`  BD-18: estimated ${nodes} nodes, error ${(100 * errorRatio).toFixed(1)} %`);
        expect(Math.abs(nodes - NODES)).toBeLessThanOrEqual(0.2 * NODES);
      }

      cluster.setLink({ lossRate: 0.05 });
      for (const member of cluster.simulation.runtime.random.shuffle(cluster.living).slice(0, NODES / 5)) cluster.crash(member);
      const rough = await lookUpMany(cluster);
      report('5 % loss, 20 % just stopped', rough);
      expect(rough.filter((one) => one.isAmong20).length).toBeGreaterThanOrEqual(0.995 * LOOKUPS);
      say(`  events ${cluster.simulation.trace.eventCount}, hash ${cluster.simulation.trace.digest().slice(0, 16)}`);
    },
    PATIENCE_MS,
  );
});
