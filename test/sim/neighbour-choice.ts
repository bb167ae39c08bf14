// pure: who knows whom, by three rules, and how far greedy routing gets over it (BD-48). Not for production: to see what Kademlia's rule is worth.
import type { Random } from '@batchain/shared';

export const NEIGHBOUR_RULES = ['kademlia', 'small-world', 'random'] as const;
export type NeighbourRule = (typeof NEIGHBOUR_RULES)[number];

export interface RoutingFigures {
  readonly degree: number;
  /** Of routes that arrived. */
  readonly hops: number;
  /** Part of the routes that arrived. */
  readonly success: number;
}

const RANGE = 2 ** 32;
const xorDistance = (a: number, b: number): number => (a ^ b) >>> 0;
/** On the circle of all ids, the shorter way round. */
const ringDistance = (a: number, b: number): number => Math.min(Math.abs(a - b), RANGE - Math.abs(a - b));

/** A network of `nodes` ids of 32 bits. `perBucket`: contacts in each of a node's k-buckets; the other rules give each node as many neighbours as that makes. */
export class NeighbourChoice {
  readonly #random: Random;
  readonly #ids: readonly number[];
  readonly #perBucket: number;

  constructor(random: Random, options: { readonly nodes: number; readonly perBucket: number }) {
    this.#random = random;
    this.#perBucket = options.perBucket;
    const ids = new Set<number>();
    while (ids.size < options.nodes) ids.add(random.u32());
    this.#ids = [...ids].sort((a, b) => a - b);
  }

  /** Routes greedily from one random node to another: each step to the known node nearest to the target, until none is nearer. */
  measure(rule: NeighbourRule, routes: number): RoutingFigures {
    const distance = rule === 'kademlia' ? xorDistance : ringDistance;
    const neighbours = new Map(this.#ids.map((id, at) => [id, this.#neighboursOf(rule, id, at)]));
    let hops = 0;
    let arrived = 0;
    for (let n = 0; n < routes; n++) {
      const target = this.#draw();
      let at = this.#draw();
      let steps = 0;
      for (;;) {
        const next = (neighbours.get(at) as readonly number[]).reduce(
          (best, id) => (distance(id, target) < distance(best, target) ? id : best),
          at,
        );
        if (next === at) break;
        at = next;
        steps++;
      }
      if (at !== target) continue;
      arrived++;
      hops += steps;
    }
    const degrees = [...neighbours.values()].reduce((sum, list) => sum + list.length, 0);
    return { degree: degrees / this.#ids.length, hops: hops / arrived, success: arrived / routes };
  }

  #neighboursOf(rule: NeighbourRule, id: number, at: number): readonly number[] {
    const kademlia = this.#kademlia(id);
    if (rule === 'kademlia') return kademlia;
    const count = this.#ids.length;
    // Both know the next node on either side, so that greedy routing always arrives.
    const chosen = new Set([this.#ids[(at + 1) % count] as number, this.#ids[(at + count - 1) % count] as number]);
    while (chosen.size < kademlia.length) chosen.add(rule === 'random' ? this.#drawOther(id) : this.#drawNear(at));
    return [...chosen];
  }

  /** Up to `perBucket` random nodes of each range of ids that share equally many leading bits with ours. */
  #kademlia(id: number): readonly number[] {
    const buckets = new Map<number, number[]>();
    for (const other of this.#random.shuffle(this.#ids)) {
      if (other === id) continue;
      const index = Math.clz32(xorDistance(id, other));
      const bucket = buckets.get(index) ?? [];
      if (bucket.length < this.#perBucket) buckets.set(index, [...bucket, other]);
    }
    return [...buckets.values()].flat();
  }

  /** Kleinberg: a node that is `d` places away on the ring with a probability of 1/d, which is best in one dimension. */
  #drawNear(at: number): number {
    const count = this.#ids.length;
    const places = Math.floor((count / 2) ** (this.#random.below(1_000_000) / 1_000_000));
    const step = this.#random.below(2) === 0 ? places : count - places;
    return this.#ids[(at + step) % count] as number;
  }

  #drawOther(id: number): number {
    const other = this.#draw();
    return other === id ? this.#drawOther(id) : other;
  }

  #draw(): number {
    return this.#ids[this.#random.below(this.#ids.length)] as number;
  }
}
