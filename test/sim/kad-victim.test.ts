// Liars give made-up names to the address of a third party: honest lookups have to bring it few datagrams, and stay short (T3, T6).
import type { CompactContact, KadRequest, KadResponse } from '@batchain/kad-node';
import type { Address, NodeId, Random } from '@batchain/shared';
import { SimDatagramSocket } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { KAD_PORT, KadCluster } from './kad-cluster.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

const HONEST = 40;
const NAMES = 16;
const LOOKUPS = 100;
const AT_ONCE = 10;

/** How many names an answer gives to one address: all of them, or no more than a restarted node has. */
const LIES = { blatant: NAMES, sly: 2 } as const;

/** Names next to the key, the first of them at the victim's address, the others where nobody is; new ones on each of many pages. */
function lie(request: KadRequest, victim: Address, namesAtVictim: number, random: Random): KadResponse {
  const names = (key: Uint8Array): CompactContact[] =>
    Array.from({ length: NAMES }, (_, at) => {
      const nodeId = Uint8Array.from(key) as NodeId;
      nodeId.set(random.bytes(24), 8);
      const nowhere = { host: `11.200.${random.below(250)}.${1 + random.below(250)}`, port: KAD_PORT };
      return { nodeId, address: at < namesAtVictim ? victim : nowhere };
    });
  switch (request.type) {
    case 'find-node':
      return { type: 'nodes', contacts: names(request.target), records: [], pages: 1024 };
    case 'find-value':
      return { type: 'values', records: [], holders: [], contacts: names(request.key), pages: 1024 };
    case 'store':
      return { type: 'stored', outcomes: request.records.map(() => 'stored') };
    case 'get-contact':
      return { type: 'contact', record: null };
    default:
      return { type: 'pong' };
  }
}

interface Arrival {
  readonly from: string;
  readonly atMs: number;
}

interface World {
  readonly cluster: KadCluster;
  /** What reached the victim. */
  readonly arrivals: Arrival[];
  /** Requests that the liars got. */
  readonly asked: Record<string, number>;
}

async function build(seed: string, liars: number, namesAtVictim: number): Promise<World> {
  const cluster = new KadCluster(beginSimulation('kad-victim', seed));
  const { random, clock } = cluster.simulation.runtime;
  const host = cluster.network.addHost({ name: 'victim' });
  const victim = { host: host.addresses[0] as string, port: KAD_PORT };
  const arrivals: Arrival[] = [];
  const asked: Record<string, number> = {};
  const socket = new SimDatagramSocket(host, { port: KAD_PORT, address: victim.host });
  await socket.open((_bytes, from) => arrivals.push({ from: from.host, atMs: clock.monotonicMs() }));
  await cluster.grow(HONEST);
  for (let n = 0; n < liars; n++) {
    const { rpc } = await cluster.addRpc(`liar ${n}`);
    const own = random.fork(`liar ${n}`);
    rpc.onRequest(({ request }) => {
      asked[request.type] = (asked[request.type] ?? 0) + 1;
      return lie(request, victim, namesAtVictim, own);
    });
    // Showing itself is how a liar gets into everybody's table.
    await cluster.settle(Promise.all(cluster.members.map(({ address }) => rpc.request(address, undefined, { type: 'ping' }))));
  }
  return { cluster, arrivals, asked };
}

/** Simulated time and requests per lookup. */
interface Cost {
  readonly p50Ms: number;
  readonly requests: number;
}

async function lookUp({ cluster }: World): Promise<Cost> {
  const times: number[] = [];
  let requests = 0;
  while (times.length < LOOKUPS) {
    const one = async (): Promise<void> => {
      const { stats } = await cluster.randomMember().node.findContacts(cluster.randomKey());
      times.push(stats.durationMs);
      requests += stats.requests;
    };
    await cluster.settle(Promise.all(Array.from({ length: AT_ONCE }, one)), 300_000);
  }
  return { p50Ms: times.sort((a, b) => a - b)[times.length >> 1] as number, requests: requests / LOOKUPS };
}

const costs = new Map<string, Promise<Cost>>();

/** Measured once per seed. */
function lookUpWithoutLiars(seed: string): Promise<Cost> {
  const cost = costs.get(seed) ?? build(seed, 0, 0).then(lookUp);
  costs.set(seed, cost);
  return cost;
}

/** Most arrivals from one node within any second. */
const mostPerSecond = (arrivals: readonly Arrival[]): number =>
  Math.max(0, ...arrivals.map((first) => arrivals.filter(({ from, atMs }) => from === first.from && isInSecond(first.atMs, atMs)).length));
const isInSecond = (fromMs: number, atMs: number): boolean => atMs >= fromMs && atMs < fromMs + 1000;

/** Lookups of all honest nodes so far, their upkeep included. */
const lookupsOf = ({ cluster }: World): number => cluster.members.reduce((sum, { node }) => sum + node.stats().lookups, 0);

describe.each(['blatant', 'sly'] as const)('%s liars that name a third party', (kind) => {
  it.each(seedsOf('kad-victim', ['victim-1']).flatMap((seed) => [1, 5].map((liars) => ({ seed, liars }))))(
    'T3 T6 T8 $liars of them cost a lookup and the victim little, seed $seed',
    async ({ seed, liars }) => {
      const honest = await lookUpWithoutLiars(seed);
      const world = await build(seed, liars, LIES[kind]);
      const attacked = await lookUp(world);
      const { arrivals } = world;
      const lookups = lookupsOf(world);
      say(
        `  ${liars} ${kind}: ${attacked.requests.toFixed(1)} requests and p50 ${attacked.p50Ms.toFixed(0)} ms per lookup, ` +
          `${honest.requests.toFixed(1)} and ${honest.p50Ms.toFixed(0)} ms without; in ${lookups} lookups liars got ${JSON.stringify(world.asked)}, ` +
          `the victim ${arrivals.length} datagrams, ${mostPerSecond(arrivals)} in a second from one node`,
      );
      // A first page and a further one of each liar, whatever it says to have; and some dead ids until it is not believed.
      expect(world.asked['find-node'] ?? 0).toBeLessThanOrEqual(2 * liars * lookups);
      expect(attacked.requests).toBeLessThan(honest.requests + 8 * liars);
      expect(mostPerSecond(arrivals)).toBeLessThanOrEqual(3);
      if (kind === 'blatant') {
        expect(attacked.p50Ms).toBeLessThan(1.5 * honest.p50Ms);
        expect(arrivals).toEqual([]);
      } else expect(arrivals.length, 'three tries of one name at most').toBeLessThanOrEqual(3 * lookups);
    },
    300_000,
  );
});
