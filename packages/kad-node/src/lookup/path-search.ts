// driven: goes over a doubtful lookup on disjoint paths through the parts of the key's region, and lets their ends meet at the key (T5).
import type { NodeId } from '@batchain/shared';
import { PATH_IN_FLIGHT_MAX, PATH_SEEDS_MAX } from '../limits.ts';
import { compareDistance } from '../routing/distance.ts';
import { regionBits, regionPoints } from '../routing/region.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { ProvedPeer } from '../rpc/kad-rpc.ts';
import type { KadRequest } from '../wire/messages.ts';
import type { LookupOutcome, LookupPlan } from './lookup.ts';
import type { LookupStats } from './lookup-types.ts';
import { Claims, dealContacts } from './paths.ts';

type PlanPart = Omit<LookupPlan, 'deadlineMs' | 'wantsSteps'>;

export interface PathSearchConfig {
  readonly paths: number;
  readonly pathAnswers: number;
  readonly bucketSize: number;
}

export interface Doubtful {
  readonly plan: Omit<PlanPart, 'seeds'>;
  readonly first: LookupOutcome;
  /** Everybody whom the first lookup asked. */
  readonly asked: readonly NodeId[];
  /** How many nodes the network is thought to have. */
  readonly nodes: number;
}

/**
 * S/Kademlia (Baumgart and Mies 2007, section 4.4) runs d lookups for one key in which no node is asked twice. Here only a doubtful
 * result costs that much, the first lookup counts as a path, and each of the others goes to another part of the key's region,
 * where ids made up to lie next to the key do not get in its way.
 */
export class PathSearch {
  readonly #table: RoutingTable;
  readonly #drive: (plan: PlanPart) => Promise<LookupOutcome>;
  readonly #config: PathSearchConfig;

  constructor(
    collaborators: { readonly table: RoutingTable; readonly drive: (plan: PlanPart) => Promise<LookupOutcome> },
    config: PathSearchConfig,
  ) {
    this.#table = collaborators.table;
    this.#drive = collaborators.drive;
    this.#config = config;
  }

  /** The first result, widened by what the paths found; as it was when there is nobody else to begin with. */
  async goOver({ plan, first, asked, nodes }: Doubtful): Promise<LookupOutcome> {
    const { paths, pathAnswers, bucketSize } = this.#config;
    const claims = new Claims(asked);
    const points = regionPoints(plan.target, regionBits(nodes, bucketSize), paths);
    const others = [...this.#table.contacts()].filter((contact) => !claims.has(contact.nodeId));
    const dealt = dealContacts(points, others, PATH_SEEDS_MAX);
    const walks = points.flatMap((target, path) => {
      const seeds = dealt[path] ?? [];
      if (seeds.length === 0) return [];
      const request = (page: number): KadRequest => ({ type: 'find-node', target, wantsHosts: false, page });
      return [this.#drive({ kind: 'secure', target, wanted: pathAnswers, seeds, claims, request, inFlightMax: PATH_IN_FLIGHT_MAX })];
    });
    if (walks.length === 0) return first;
    const ends = await Promise.all(walks);
    const met = ends.flatMap(({ contacts }) => contacts);
    // Whoever should have records is asked for them wherever it lies in the region.
    const asksAllSeeds = plan.onRecords !== undefined;
    const last = await this.#drive({ ...plan, seeds: met, asksAllSeeds, claims: new Claims(asked) });
    return merge(plan.target, first, ends, last);
  }
}

function merge(target: Uint8Array, first: LookupOutcome, ends: readonly LookupOutcome[], last: LookupOutcome): LookupOutcome {
  const parts = [first, ...ends, last];
  const byDistance = parts.flatMap(({ contacts }) => contacts).sort((a, b) => compareDistance(target, a.nodeId, b.nodeId));
  const contacts: ProvedPeer[] = [];
  for (const contact of byDistance) {
    const before = contacts.at(-1);
    if (before === undefined || compareDistance(target, before.nodeId, contact.nodeId) !== 0) contacts.push(contact);
  }
  const sum = (of: (stats: LookupStats) => number): number => parts.reduce((total, { stats }) => total + of(stats), 0);
  return {
    contacts,
    isComplete: parts.every(({ isComplete }) => isComplete),
    steps: parts.flatMap(({ steps }) => steps),
    stats: {
      requests: sum((stats) => stats.requests),
      answers: sum((stats) => stats.answers),
      failures: sum((stats) => stats.failures),
      hops: Math.max(...parts.map(({ stats }) => stats.hops)),
      durationMs: first.stats.durationMs + Math.max(...ends.map(({ stats }) => stats.durationMs)) + last.stats.durationMs,
      paths: ends.length,
    },
  };
}
