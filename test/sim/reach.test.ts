// Whole participants behind simulated NATs meet through their brokers: the plan, the signals and the race, seeded.
import { MiB } from '@batchain/shared';
import type { NatKind } from '@batchain/shared/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { ParticipantWorld, type SimParticipant } from './participant-world.ts';

let world: ParticipantWorld;
afterEach(() => world.stop());

/** Two public participants that know one another. */
async function makePublicPair(seed: string): Promise<readonly SimParticipant[]> {
  world = new ParticipantWorld(seed);
  const first = await world.add('kad1', { address: '203.0.113.10' });
  const second = await world.add('kad2', { address: '198.51.100.20' }, [world.kadAddress(first)]);
  return [first, second];
}

async function addHome(name: string, nat: NatKind, publics: readonly SimParticipant[]): Promise<SimParticipant> {
  const member = await world.add(
    name,
    { nat },
    publics.map((one) => world.kadAddress(one)),
  );
  await world.simulation.clock.runFor(10_000);
  return member;
}

describe('participants behind simulated NATs', () => {
  it('BN-07 know what they are: a home is reached through its brokers, a public one is dialled', async () => {
    const publics = await makePublicPair('reach-self');
    const home = await addHome('home', 'linux', publics);
    const status = await home.node.status();
    expect(status.reach).toBe('punched');
    expect((await world.settle((publics[0] as SimParticipant).node.status())).reach).toBe('public');
    expect(home.node.kad.contact.contact).toMatchObject({ flags: { isPublic: false }, natMapping: 'endpoint-independent' });
    expect(home.node.kad.contact.contact.brokers.length).toBeGreaterThan(0);
    expect(MiB).toBeGreaterThan(0);
  });
});
