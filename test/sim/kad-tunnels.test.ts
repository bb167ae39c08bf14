// A KadNode without UDP: it finds somebody who carries its datagrams, and another when that one goes; UDP is used again when it works.
import { sha256, toHex, utf8Bytes } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SimTunnelMember, TunnelWorld } from '../support/tunnel-world.ts';

let world: TunnelWorld;
beforeEach(() => {
  world = new TunnelWorld();
});
afterEach(() => world.close());

/** Two that carry, ten others, and one that has no UDP. */
async function makeNetwork(carriesAt = 4880): Promise<{ first: SimTunnelMember; second: SimTunnelMember; mute: SimTunnelMember }> {
  const first = await world.add('first', { carriesAt });
  const second = await world.add('second', { carriesAt });
  await world.settle(second.node.bootstrap([first.kad]));
  await world.grow(10);
  const mute = await world.add('mute', { isUdpDead: true });
  return { first, second, mute };
}

/** As the participant does when nobody answered at the join addresses. */
async function joinThrough(mute: SimTunnelMember, joins: readonly SimTunnelMember[]): Promise<number> {
  const addresses = joins.map(({ kad }) => kad);
  const beganMs = world.clock.elapsedMs;
  expect(await world.settle(mute.node.bootstrap(addresses))).toMatchObject({ isJoined: false });
  mute.attacher.noteUdpSilent(addresses);
  await world.until(() => mute.attacher.state.via !== undefined, 10_000);
  await world.settle(mute.node.bootstrap(addresses));
  expect(mute.node.isJoined).toBe(true);
  return world.clock.elapsedMs - beganMs;
}

const nearest = (key: Uint8Array, among: readonly SimTunnelMember[]): string[] => {
  const distance = ({ keyPair }: SimTunnelMember): Buffer => Buffer.from(keyPair.nodeId.map((byte, i) => byte ^ (key[i] as number)));
  return [...among].sort((a, b) => Buffer.compare(distance(a), distance(b))).map(({ keyPair }) => toHex(keyPair.nodeId));
};

describe('a node without UDP', () => {
  it('joins, looks up, announces and is found through a participant that carries its datagrams, and answers requests', async () => {
    const { first, second, mute } = await makeNetwork();
    await joinThrough(mute, [first, second]);
    expect(mute.attacher.state).toMatchObject({ hasNoUdp: true, via: { port: 4880 } });
    const others = world.members.filter((member) => member !== mute);
    for (let n = 0; n < 10; n++) {
      const key = sha256(utf8Bytes(`key ${n}`));
      const { contacts } = await world.settle(mute.node.findContacts(key, { count: 4 }));
      expect(contacts.map(({ nodeId }) => toHex(nodeId))).toEqual(nearest(key, others).slice(0, 4));
    }
    const fileId = sha256(utf8Bytes('file'));
    await world.settle(mute.node.announce(fileId));
    const asker = others.at(-1) as SimTunnelMember;
    const found = await world.settle(asker.node.findProviders(fileId));
    expect(found.hostIds.map(toHex)).toEqual([toHex(mute.keyPair.nodeId)]);
    const { address } = mute.attacher.state;
    const ping = await world.settle(asker.node.ping(address ?? mute.kad));
    expect(ping).toMatchObject({ ok: true, value: { peer: { nodeId: mute.keyPair.nodeId } } });
    expect(await world.settle(asker.node.ping(mute.kad)), 'by UDP it answers nobody').toMatchObject({ ok: false });
  });

  it('finds those that listen on 443 or 80 alone', async () => {
    for (const port of [443, 80]) {
      const { first, mute } = await makeNetwork(port);
      await joinThrough(mute, [first]);
      expect(mute.attacher.state.via).toEqual({ host: first.host.addresses[0], port });
      await world.close();
      world = new TunnelWorld();
    }
  });

  it('asks no member that it knows by its record alone to be anybody else', async () => {
    const { first, second } = await makeNetwork();
    const wrong = { address: first.host.address(4880), expected: second.keyPair.nodeId };
    const right = { address: second.host.address(4880), expected: second.keyPair.nodeId };
    const mute = await world.add('knowing', { isUdpDead: true, known: [wrong, right] });
    mute.attacher.noteUdpSilent([]);
    await world.until(() => mute.attacher.state.via !== undefined, 10_000);
    expect(mute.attacher.state.via).toEqual(right.address);
  });

  it('BN-28 asks another participant when the one that carries for it dies', async () => {
    const { first, second, mute } = await makeNetwork();
    await joinThrough(mute, [first, second]);
    const dead = mute.attacher.state.via?.host === first.host.addresses[0] ? first : second;
    const heir = dead === first ? second : first;
    world.kill(dead);
    const delayMs = await world.until(() => mute.attacher.state.via?.host === heir.host.addresses[0], 30_000);
    expect(delayMs).toBeLessThan(15_000);
    const key = sha256(utf8Bytes('key'));
    const { contacts } = await world.settle(mute.node.findContacts(key, { count: 2 }));
    const living = world.members.filter((member) => member !== mute && member !== dead);
    expect(contacts.map(({ nodeId }) => toHex(nodeId))).toEqual(nearest(key, living).slice(0, 2));
  });

  it('goes back to UDP when its network lets it out again, and gives the tunnel up', async () => {
    const { first, second, mute } = await makeNetwork();
    await joinThrough(mute, [first, second]);
    mute.udp.isDead = false;
    await world.until(() => !mute.attacher.state.hasNoUdp, 70_000);
    expect(mute.socket.tunnelAddress).toBeUndefined();
    await world.until(() => [first, second].every(({ tunnels }) => tunnels.usage().open === 0), 5_000);
    expect(await world.settle((world.members[4] as SimTunnelMember).node.ping(mute.kad))).toMatchObject({ ok: true });
    await world.settle(mute.node.findContacts(sha256(utf8Bytes('key')), { count: 2 }));
    mute.udp.isDead = true;
    mute.attacher.noteUdpSilent([first.kad]);
    await world.until(() => mute.attacher.state.via !== undefined, 10_000);
  });

  it('opens no tunnel while UDP works, though it was told otherwise', async () => {
    const { first, second } = await makeNetwork();
    const ana = await world.add('ana');
    ana.attacher.noteUdpSilent([first.kad, second.kad]);
    await world.settle(world.clock.sleep(10_000));
    expect(ana.states).toEqual([]);
    expect(ana.socket.tunnelAddress).toBeUndefined();
    await world.until(() => [first, second].every(({ tunnels }) => tunnels.usage().open === 0), 1_000);
  });

  it('goes on trying where nobody carries, ever more rarely, and at once when its network is another', async () => {
    const first = await world.add('first', { carriesAt: 4880 });
    const mute = await world.add('mute', { isUdpDead: true });
    const heal = world.network.isolate(first.host);
    mute.attacher.noteUdpSilent([first.kad]);
    await world.settle(world.clock.sleep(300_000));
    expect(mute.attacher.state.hasNoUdp).toBe(false);
    const rounds = mute.udp.lost / 3;
    expect(rounds).toBeGreaterThan(4);
    expect(rounds).toBeLessThan(12);
    heal();
    mute.attacher.networkChanged();
    await world.until(() => mute.attacher.state.via !== undefined, 10_000);
  });
});
