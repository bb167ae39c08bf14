// What Kademlia's choice of neighbours is worth, beside random and small-world choice; docs/neighbour-choice.md shows the table.
import { describe, expect, it } from 'vitest';
import { NEIGHBOUR_RULES, NeighbourChoice, type NeighbourRule, type RoutingFigures } from './neighbour-choice.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

/** `NODES=4096` for a larger network. */
const NODES = Number(process.env.NODES ?? 512);
const ROUTES = 1000;

describe('the choice of neighbours', () => {
  it.each(seedsOf('neighbour-choice', ['choice-1', 'choice-2']))(
    'BD-48 by Kademlia takes fewer hops than at random with as many neighbours, and no more than small-world, seed %s',
    (seed) => {
      for (const perBucket of [2, 4, 8]) {
        const { runtime } = beginSimulation('neighbour-choice', `${seed} ${perBucket}`);
        const choice = new NeighbourChoice(runtime.random, { nodes: NODES, perBucket });
        const figures = Object.fromEntries(NEIGHBOUR_RULES.map((rule) => [rule, choice.measure(rule, ROUTES)])) as Record<
          NeighbourRule,
          RoutingFigures
        >;
        for (const rule of NEIGHBOUR_RULES) {
          const { degree, hops, success } = figures[rule];
          say(`  ${degree.toFixed(1)} neighbours by ${rule}: ${hops.toFixed(2)} hops, ${(100 * success).toFixed(1)} % arrive`);
        }
        const { kademlia, 'small-world': smallWorld, random } = figures;
        expect(kademlia.degree).toBeCloseTo(random.degree, 5);
        expect(kademlia.hops).toBeLessThan(0.8 * random.hops);
        expect(smallWorld.hops).toBeLessThan(0.9 * random.hops);
        expect(kademlia.hops).toBeLessThan(1.05 * smallWorld.hops);
        expect([kademlia.success, smallWorld.success, random.success]).toEqual([1, 1, 1]);
      }
    },
  );
});
