// driven: a network in which some nodes lie: they join like everybody else, prove their ids, and answer as they please.
import { type CompactContact, compareDistance, type KadConfig, type KadRequest, type KadResponse } from '@batchain/kad-node';
import type { NodeId, Signer } from '@batchain/shared';
import { CALM_LINK, type Simulation } from '@batchain/shared/testing';
import { KadCluster, type Member } from './kad-cluster.ts';
import { say } from './simulator.ts';

/**
 * `colluding`: names the liars nearest to the target and nobody else, keeps nothing. `forging`: names ids next to the target that
 * nobody has. `stale`: names nodes that left long ago. `silent`: says nothing. `mixed`: a quarter of the liars does each.
 */
export const BEHAVIOURS = ['colluding', 'forging', 'stale', 'silent', 'mixed'] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

const NAMES = 16;
/** What a newcomer knows when it joins (T4). */
const BOOTSTRAPS = 8;
const BATCH = 20;
const DEPARTED = 400;
/** Lookups under way at the same time, at most. */
const AT_ONCE = 50;

export interface Tally {
  lookups: number;
  /** The nearest honest node was among those found. */
  nearest: number;
  /** Any of the 20 nearest honest nodes was. */
  among20: number;
  doubtful: number;
  requests: number;
}

interface Liar extends Member {
  readonly at: number;
}

/** Honest nodes are the members of the cluster; liars stand apart. Everybody meets liars from the first minute on. */
export class LiarWorld {
  readonly cluster: KadCluster;
  readonly #liars: Liar[] = [];
  readonly #departed: CompactContact[];
  #behaviour: Behaviour = 'colluding';

  constructor(simulation: Simulation, config: Partial<KadConfig> = {}) {
    this.cluster = new KadCluster(simulation, { config });
    this.#departed = Array.from({ length: DEPARTED }, () => this.#nobody(simulation.runtime.random.bytes(32)));
  }

  /** Honest nodes and liars come in drawn order; every one knows eight of those before it, whatever they are. */
  async grow(honest: number, liars: number): Promise<void> {
    const { random } = this.cluster.simulation.runtime;
    await this.cluster.add();
    const kinds = random.shuffle([...Array<boolean>(honest - 1).fill(false), ...Array<boolean>(liars).fill(true)]);
    for (let from = 0; from < kinds.length; from += BATCH) {
      const newcomers: Member[] = [];
      const known = [...this.cluster.members, ...this.#liars];
      for (const isLiar of kinds.slice(from, from + BATCH)) {
        newcomers.push(isLiar ? await this.addLiar(this.cluster.signerOf(`liar ${this.#liars.length}`)) : await this.cluster.add());
      }
      const joins = newcomers.map((member) => {
        const contacts = random.shuffle(known).slice(0, BOOTSTRAPS);
        return member.node.bootstrap(contacts.map(({ address }) => address));
      });
      await this.cluster.settle(Promise.all(joins), 300_000);
    }
  }

  /** A liar that knows nobody yet. */
  async addLiar(signer: Signer): Promise<Member> {
    const at = this.#liars.length;
    const member = await this.cluster.addApart(`liar ${at}`, signer);
    const liar: Liar = Object.assign(member, { at });
    member.rpc.onRequest(({ request }) => this.#answer(liar, request));
    this.#liars.push(liar);
    return member;
  }

  /** As many liars as wanted whose ids are nearer to a key than any honest node's: about `count` times the network's size to try. */
  async eclipse(key: Uint8Array, count: number): Promise<void> {
    const [nearest] = this.cluster.nearest(key, 1) as [Member];
    const sybils: Member[] = [];
    for (let n = 0; sybils.length < count; n++) {
      const signer = this.cluster.signerOf(`sybil ${Buffer.from(key).toString('hex')} ${n}`);
      if (compareDistance(key, signer.nodeId, nearest.signer.nodeId) < 0) sybils.push(await this.addLiar(signer));
    }
    const { random } = this.cluster.simulation.runtime;
    const joins = sybils.map(({ node }) => {
      const contacts = random.shuffle(this.cluster.members).slice(0, BOOTSTRAPS);
      return node.bootstrap(contacts.map(({ address }) => address));
    });
    await this.cluster.settle(Promise.all(joins), 300_000);
  }

  /** What liars do from now on; tables stay as they are. */
  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
    for (const liar of this.#liars) liar.host.link = { ...CALM_LINK, lossRate: this.#behaviourOf(liar) === 'silent' ? 1 : 0 };
  }

  #behaviourOf({ at }: Liar): Behaviour {
    return this.#behaviour === 'mixed' ? (BEHAVIOURS[at % 4] as Behaviour) : this.#behaviour;
  }

  #answer(liar: Liar, request: KadRequest): KadResponse {
    switch (request.type) {
      case 'find-node':
        return { type: 'nodes', contacts: this.#names(liar, request.target), records: [], pages: 1 };
      case 'find-value':
        return { type: 'values', records: [], holders: [], contacts: this.#names(liar, request.key), pages: 1 };
      case 'store':
        return { type: 'stored', outcomes: request.records.map(() => 'stored') };
      case 'get-contact':
        return { type: 'contact', record: null };
      default:
        return { type: 'pong' };
    }
  }

  #names(liar: Liar, target: Uint8Array): CompactContact[] {
    switch (this.#behaviourOf(liar)) {
      case 'forging':
        return Array.from({ length: NAMES }, () => this.#neighbourOf(target));
      case 'stale':
        return nearestOf(target, this.#departed);
      default: {
        const accomplices = this.#liars.filter((other) => other !== liar);
        return nearestOf(
          target,
          accomplices.map(({ signer, address }) => ({ nodeId: signer.nodeId, address })),
        );
      }
    }
  }

  #neighbourOf(target: Uint8Array): CompactContact {
    const nodeId = Uint8Array.from(target);
    nodeId.set(this.cluster.simulation.runtime.random.bytes(24), 8);
    return this.#nobody(nodeId);
  }

  #nobody(id: Uint8Array): CompactContact {
    const { random } = this.cluster.simulation.runtime;
    return { nodeId: id as NodeId, address: { host: `11.200.${random.below(250)}.${1 + random.below(250)}`, port: 4870 } };
  }
}

function nearestOf(target: Uint8Array, contacts: readonly CompactContact[]): CompactContact[] {
  return [...contacts].sort((a, b) => compareDistance(target, a.nodeId, b.nodeId)).slice(0, NAMES);
}

const idOf = ({ nodeId }: { readonly nodeId: NodeId }): string => Buffer.from(nodeId).toString('hex');

/** Lookups from random honest nodes for random keys, 50 at a time, and a line about them. */
export async function lookUpMany(
  world: LiarWorld,
  what: string,
  options: { readonly isSecure: boolean; readonly count: number },
): Promise<Tally> {
  const { cluster } = world;
  const tally: Tally = { lookups: 0, nearest: 0, among20: 0, doubtful: 0, requests: 0 };
  const times: number[] = [];
  const lookUp = async (): Promise<void> => {
    const asker = cluster.randomMember();
    const key = cluster.randomKey();
    const { contacts, stats, doubt } = await asker.node.findContacts(key, { isSecure: options.isSecure });
    const ids = contacts.map(idOf);
    const honest = cluster.nearest(key, 21).filter((member) => member !== asker);
    const isFound = honest.slice(0, 20).map(({ signer }) => ids.includes(idOf(signer)));
    tally.lookups++;
    if (isFound[0] === true) tally.nearest++;
    if (isFound.includes(true)) tally.among20++;
    if (doubt !== undefined) tally.doubtful++;
    tally.requests += stats.requests;
    times.push(stats.durationMs);
  };
  while (tally.lookups < options.count)
    await cluster.settle(Promise.all(Array.from({ length: Math.min(AT_ONCE, options.count - tally.lookups) }, lookUp)), 300_000);
  const median = times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
  say(
    `  ${what}, ${options.isSecure ? 'secure' : 'plain'}: nearest honest node ${tally.nearest}, one of the 20 nearest ${tally.among20} ` +
      `of ${tally.lookups}; ${(tally.requests / tally.lookups).toFixed(1)} requests per lookup, p50 ${(median / 1000).toFixed(1)} s simulated, ` +
      `${tally.doubtful} doubtful`,
  );
  return tally;
}
