// Whole participants behind simulated NATs meet through their brokers: what they know of themselves, the signals, the plan and the race.
import type { NatKind } from '@batchain/shared/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { ParticipantWorld, type SimParticipant } from './participant-world.ts';

let world: ParticipantWorld;
afterEach(() => world.stop());

/** Time for a newcomer to join, to be looked at from outside, and to be known with its brokers. */
const SETTLE_MS = 20_000;

/** Two public participants that know one another. */
async function makePublicPair(seed: string): Promise<readonly SimParticipant[]> {
  world = new ParticipantWorld(seed);
  const first = await world.add('kad1', { address: '203.0.113.10' });
  const second = await world.add('kad2', { address: '198.51.100.20' }, [world.kadAddress(first)]);
  return [first, second];
}

async function addMember(name: string, nat: NatKind, publics: readonly SimParticipant[]): Promise<SimParticipant> {
  const member = await world.add(name, { nat }, publics.map(world.kadAddress));
  await world.simulation.clock.runFor(SETTLE_MS);
  return member;
}

/** Whether `from` gets a session to `to`, and by which way; the reason of each rung otherwise. */
async function meet(from: SimParticipant, to: SimParticipant): Promise<string> {
  const met = await world.settle(from.node.meet(to.nodeId));
  if (met.ok) return met.value;
  const rungs = from.node.why(Buffer.from(to.nodeId).toString('hex')).attempts[0]?.rungs ?? [];
  return rungs.map(({ rung, outcome, reason }) => `${rung} ${outcome} ${reason}`).join('; ');
}

describe('participants behind simulated NATs', () => {
  it('BN-07 know what they are: a home is reached through its brokers, a public one is dialled', async () => {
    const publics = await makePublicPair('reach-self');
    const home = await addMember('home', 'linux', publics);
    expect((await world.settle(home.node.status())).reach).toBe('punched');
    expect((await world.settle((publics[0] as SimParticipant).node.status())).reach).toBe('public');
    const { contact } = home.node.kad.contact;
    expect(contact).toMatchObject({ flags: { isPublic: false }, natMapping: 'endpoint-independent' });
    expect(contact.brokers).toHaveLength(2);
    expect(home.node.others).toEqual({ canJoinHere: false, members: expect.arrayContaining(['203.0.113.10:4870']) });
    expect((publics[0] as SimParticipant).node.others.canJoinHere).toBe(true);
    const tables = publics.map(({ node }) => node.kad.routes().buckets.flatMap(({ contacts }) => contacts).length);
    expect(tables, 'a client is in no table').toEqual([1, 1]);
  });

  it('BD-43 BN-08 BN-14 a public node has one behind a NAT dial back; the other way round it is dialled', async () => {
    const publics = await makePublicPair('reach-reverse');
    const [kad1] = publics as [SimParticipant];
    const home = await addMember('home', 'symmetric', publics);
    expect(await meet(kad1, home)).toBe('reverse');
    expect(await meet(home, kad1)).toBe('reverse');
    const other = await addMember('other', 'port-restr', publics);
    expect(await meet(other, kad1)).toBe('direct');
  });

  it('has joined when `join` says so, though UDP does not get out', async () => {
    world = new ParticipantWorld('reach-tunnel-join');
    const first = await world.add('kad1', { address: '203.0.113.10', hasTunnels: true });
    const beganMs = world.simulation.clock.elapsedMs;
    const mute = await world.add('mute', { nat: 'udp-blocked', hasTunnels: true }, [world.kadAddress(first)]);
    expect(mute.isJoined).toBe(true);
    expect(world.simulation.clock.elapsedMs - beganMs, 'within the wait').toBeLessThan(8000);
    expect((await world.settle(mute.node.status())).reach).toBe('relayed');
  });

  it('BN-49 comes back after a restart without a word of a member, though UDP does not get out', async () => {
    world = new ParticipantWorld('reach-tunnel-restart');
    const first = await world.add('kad1', { address: '203.0.113.10', hasTunnels: true });
    const mute = await world.add('mute', { nat: 'udp-blocked', hasTunnels: true }, [world.kadAddress(first)]);
    await world.simulation.clock.runFor(SETTLE_MS);
    const again = await world.restart(mute);
    await world.simulation.clock.runFor(10_000);
    expect(again.node.kad.isJoined).toBe(true);
    expect(await world.settle(again.node.status())).toMatchObject({ reach: 'relayed', peers: { online: 1 } });
    expect(await meet(again, first)).toBe('direct');
  });

  it('waits no longer than it takes to hear that nobody carries its datagrams', async () => {
    world = new ParticipantWorld('reach-nobody');
    const refusing = world.network.addHost({ name: 'refusing' });
    const beganMs = world.simulation.clock.elapsedMs;
    const lonely = await world.add('lonely', { hasTunnels: true }, [refusing.address(4870)]);
    expect(lonely.isJoined).toBe(false);
    expect(world.simulation.clock.elapsedMs - beganMs, 'the probe is over').toBeLessThan(5000);
  });

  it('tell why when nothing leads there: each rung has a reason', async () => {
    const publics = await makePublicPair('reach-none');
    const [ana, bo] = [await addMember('ana', 'symmetric', publics), await addMember('bo', 'symmetric', publics)];
    const why = await meet(ana, bo);
    expect(why).toContain('signal won');
    expect(why).toMatch(/direct skipped it can not be dialled from outside/);
    expect(why).toMatch(/relay skipped neither knows a participant that relays/);
  });

  it('says of the own id whose it is, and of a member that is remembered since when it is away', async () => {
    const [kad1, kad2] = (await makePublicPair('reach-away')) as [SimParticipant, SimParticipant];
    const idOf = ({ nodeId }: SimParticipant): string => Buffer.from(nodeId).toString('hex');
    await world.simulation.clock.runFor(SETTLE_MS);
    await world.settle(kad2.node.stop());
    const again = await world.restart(kad1);
    await world.simulation.clock.runFor(SETTLE_MS);
    expect(again.node.rememberedCount).toBe(1);
    const away = { nodeId: idOf(kad2), path: 'none', awaySince: expect.any(String), attempts: [] };
    expect(again.node.why(idOf(kad2).slice(0, 8))).toEqual(away);
    expect(() => again.node.why(idOf(kad1).slice(0, 8))).toThrow('is this computer itself');
    expect(() => again.node.why('nobody')).toThrow('no peer nobody');
  });

  it('BN-27 BN-28 a home whose address changes outside is found again, and says so within seconds', async () => {
    const publics = await makePublicPair('reach-flip');
    const [kad1] = publics as [SimParticipant];
    const nat = world.network.addNat({ kind: 'linux', address: '203.0.113.77' });
    const home = await world.add('home', { behind: nat }, publics.map(world.kadAddress));
    await world.simulation.clock.runFor(SETTLE_MS);
    expect(home.node.kad.contact.contact.kadAddresses[0]?.host).toBe('203.0.113.77');
    nat.rebind('203.0.113.99');
    await world.simulation.clock.runFor(40_000);
    expect(home.node.kad.contact.contact.kadAddresses[0]?.host).toBe('203.0.113.99');
    expect(await meet(kad1, home)).toBe('reverse');
  });

  it('BN-28 counts nobody as online while its cable is out, and all of them again when it is back', async () => {
    const publics = await makePublicPair('reach-cable');
    const third = await world.add('third', { address: '192.0.2.30' }, publics.map(world.kadAddress));
    await world.simulation.clock.runFor(SETTLE_MS);
    const peersOf = async ({ node }: SimParticipant) => (await world.settle(node.status())).peers;
    expect(await peersOf(third)).toEqual({ online: 2, remembered: 0 });
    const heal = world.network.isolate(third.host);
    await world.simulation.clock.runFor(SETTLE_MS);
    const away = await peersOf(third);
    expect(away.online).toBe(0);
    expect(away.remembered).toBeGreaterThan(0);
    expect(await peersOf(publics[0] as SimParticipant)).toMatchObject({ online: 1 });
    heal();
    await world.simulation.clock.runFor(SETTLE_MS);
    expect(await peersOf(third)).toEqual({ online: 2, remembered: 0 });
  });
});
