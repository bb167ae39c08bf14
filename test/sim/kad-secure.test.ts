// A fifth of 150 nodes lie under proved ids, and others crowd around a key: what disjoint paths and the wider region add (T5).
import { makeKadConfig } from '@batchain/kad-node';
import { describe, expect, it } from 'vitest';
import type { Member } from './kad-cluster.ts';
import { LiarWorld, lookUpMany } from './kad-liars.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

const HONEST = 120;
const LIARS = 30;
/** Of each kind: one that misses all 20 nearest is one too many. */
const LOOKUPS = 100;
const KEYS = 2;
/** A whole result of them, and more. */
const SYBILS = 25;
/** Ten seconds on a quiet machine. */
const PATIENCE_MS = 600_000;

/** An honest node that joins late and knows eight honest ones. */
async function joinLate(world: LiarWorld, name: string, securePaths: number): Promise<Member> {
  const { cluster } = world;
  const member = await cluster.addApart(name, cluster.signerOf(name), undefined, makeKadConfig({ securePaths }));
  const contacts = cluster.simulation.runtime.random.shuffle(cluster.members).slice(0, 8);
  await cluster.settle(member.node.bootstrap(contacts.map(({ address }) => address)), 300_000);
  return member;
}

/** Who of both hosts is found by an asker. */
async function findBoth(world: LiarWorld, asker: Member, key: Uint8Array, hosts: readonly Member[]): Promise<boolean[]> {
  const { hostIds } = await world.cluster.settle(asker.node.findProviders(key, { resolvesContacts: false }), 300_000);
  return hosts.map(({ signer }) => hostIds.some((hostId) => Buffer.compare(hostId, signer.nodeId) === 0));
}

describe('a network without liars', () => {
  it.each(seedsOf('kad-trust', ['honest-1']))(
    'T5 secure lookups doubt nothing and cost what others do, seed %s',
    async (seed) => {
      const world = new LiarWorld(beginSimulation('kad-trust', seed));
      await world.grow(120, 0);
      const plain = await lookUpMany(world, 'nobody lies', { isSecure: false, count: LOOKUPS });
      const secure = await lookUpMany(world, 'nobody lies', { isSecure: true, count: LOOKUPS });
      expect(secure.doubtful).toBeLessThanOrEqual(2);
      expect(secure.requests / plain.requests).toBeLessThan(1.1);
    },
    PATIENCE_MS,
  );
});

describe('a network with 20 % liars whose ids are proved', () => {
  it.each(seedsOf('kad-secure', ['fifth-1']))(
    'T5 BD-47 secure lookups find what is near, and who holds an eclipsed file, seed %s',
    async (seed) => {
      const world = new LiarWorld(beginSimulation('kad-secure', seed));
      const { cluster } = world;
      await world.grow(HONEST, LIARS);
      await lookUpMany(world, 'colluding', { isSecure: false, count: LOOKUPS });
      const colluding = await lookUpMany(world, 'colluding', { isSecure: true, count: LOOKUPS });
      world.behave('mixed');
      const mixed = await lookUpMany(world, 'mixed', { isSecure: true, count: LOOKUPS });
      for (const { lookups, nearest, among20 } of [colluding, mixed]) {
        expect(among20, 'the goal is 99.9 %').toBe(lookups);
        expect(nearest).toBeGreaterThanOrEqual(0.99 * lookups);
      }

      world.behave('colluding');
      const keys = Array.from({ length: KEYS }, () => cluster.randomKey());
      for (const key of keys) await world.eclipse(key, SYBILS);
      const hosts = [await joinLate(world, 'plain host', 0), await joinLate(world, 'secure host', 4)] as const;
      const plain = await joinLate(world, 'plain asker', 0);
      const secure = await joinLate(world, 'secure asker', 4);
      const found = { plainByPlain: 0, secureByPlain: 0, plainBySecure: 0, secureBySecure: 0 };
      const before = secure.node.stats().requests;
      for (const key of keys) {
        await cluster.settle(Promise.all(hosts.map(({ node }) => node.announce(key))), 300_000);
        const byPlain = await findBoth(world, plain, key, hosts);
        const bySecure = await findBoth(world, secure, key, hosts);
        found.plainByPlain += Number(byPlain[0]);
        found.secureByPlain += Number(byPlain[1]);
        found.plainBySecure += Number(bySecure[0]);
        found.secureBySecure += Number(bySecure[1]);
      }
      const cost = ((secure.node.stats().requests - before) / KEYS).toFixed(0);
      say(
        `  of ${KEYS} keys behind ${SYBILS} made-up ids each: announced and looked up without paths ${found.plainByPlain}, with paths on ` +
          `one side ${found.secureByPlain} and ${found.plainBySecure}, on both ${found.secureBySecure} found; ${cost} requests per lookup`,
      );
      expect(found.plainByPlain, 'the attack works').toBe(0);
      expect(found.secureBySecure).toBe(KEYS);
    },
    PATIENCE_MS,
  );
});
