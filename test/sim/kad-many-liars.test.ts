// Two of five among 150 nodes lie under proved ids: what a lookup still finds, with disjoint paths and without (T5).
import { describe, expect, it } from 'vitest';
import { LiarWorld, lookUpMany } from './kad-liars.ts';
import { beginSimulation, seedsOf } from './simulator.ts';

const HONEST = 90;
const LIARS = 60;
/** Of each kind, and of the dear ones: among the mixed a secure lookup asks more than a hundred times. */
const LOOKUPS = 60;
const MIXED_LOOKUPS = 30;
/** Ten seconds on a quiet machine. */
const PATIENCE_MS = 600_000;

describe('a network with 40 % liars whose ids are proved', () => {
  it.each(seedsOf('kad-many-liars', ['fifths-1']))(
    'T5 DF-18 secure lookups find one of the nearest, seed %s',
    async (seed) => {
      const world = new LiarWorld(beginSimulation('kad-many-liars', seed));
      await world.grow(HONEST, LIARS);
      await lookUpMany(world, 'colluding', { isSecure: false, count: LOOKUPS });
      const colluding = await lookUpMany(world, 'colluding', { isSecure: true, count: LOOKUPS });
      world.behave('mixed');
      const mixed = await lookUpMany(world, 'mixed', { isSecure: true, count: MIXED_LOOKUPS });
      for (const { lookups, nearest, among20 } of [colluding, mixed]) {
        expect(among20).toBeGreaterThanOrEqual(0.95 * lookups);
        expect(nearest).toBeGreaterThanOrEqual(0.95 * lookups);
      }
    },
    PATIENCE_MS,
  );
});
