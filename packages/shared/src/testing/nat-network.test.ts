import { describe, expect, it } from 'vitest';
import { utf8Bytes, utf8Text } from '../core/bytes.ts';
import { type Address, formatAddress, splitHostPort } from '../net/address.ts';
import { NAT_KINDS, type NatKind } from './nat-model.ts';
import { SimDatagramSocket } from './sim-datagram-socket.ts';
import type { SimHost } from './sim-host.ts';
import { SimNetwork } from './sim-network.ts';
import { createSimRuntime } from './sim-runtime.ts';

const text = (bytes: Uint8Array): string => utf8Text(bytes) ?? '';

async function makeWorld() {
  const simulation = createSimRuntime('nat');
  const network = new SimNetwork(simulation);
  const observerHost = network.addHost({ name: 'observer' });
  const observer = new SimDatagramSocket(observerHost, { port: 3478 });
  await observer.open((_, from) => observer.send(utf8Bytes(formatAddress(from)), from));
  return { network, clock: simulation.clock, observer: observerHost.address(3478) };
}
type World = Awaited<ReturnType<typeof makeWorld>>;

/** A node that learns its own address from the observer and answers everybody who says `punch`. */
async function addPeer(world: World, host: SimHost) {
  const socket = new SimDatagramSocket(host, { port: 4870 });
  const peer = { host, socket, observed: undefined as Address | undefined, heard: new Set<string>() };
  await socket.open((bytes, from) => {
    const said = text(bytes);
    if (from.port === 3478) peer.observed = splitHostPort(said);
    else peer.heard.add(said);
    if (said === 'punch') socket.send(utf8Bytes('answer'), from);
  });
  socket.send(utf8Bytes('who am I?'), world.observer);
  await world.clock.runFor(500);
  return peer;
}

/** Both send to what the observer saw of the other, as a broker would tell them to; true when an answer got back. */
async function punch(world: World, a: SimHost, b: SimHost): Promise<boolean> {
  const [ana, bo] = [await addPeer(world, a), await addPeer(world, b)];
  for (let round = 0; round < 3; round++) {
    if (bo.observed !== undefined) ana.socket.send(utf8Bytes('punch'), bo.observed);
    if (ana.observed !== undefined) bo.socket.send(utf8Bytes('punch'), ana.observed);
    await world.clock.runFor(300);
  }
  await Promise.all([ana.socket.close(), bo.socket.close()]);
  // An answer went there and back, so both directions are open.
  return ana.heard.has('answer') || bo.heard.has('answer');
}

describe('NATs in the simulated network', () => {
  it('opens exactly the pairs that opened in the laboratory: the others need more than a plain punch', async () => {
    const world = await makeWorld();
    const kinds = Object.keys(NAT_KINDS) as NatKind[];
    const maps = (kind: NatKind): boolean => NAT_KINDS[kind].mapping !== 'endpoint-independent';
    const filters = (kind: NatKind): boolean => NAT_KINDS[kind].filtering === 'address-and-port-dependent';
    const shouldOpen = (a: NatKind, b: NatKind): boolean =>
      a !== 'udp-blocked' && b !== 'udp-blocked' && !(maps(a) && filters(b)) && !(maps(b) && filters(a));
    const result: Record<string, boolean> = {};
    const expected: Record<string, boolean> = {};
    for (const a of kinds) {
      for (const b of kinds) {
        result[`${a} - ${b}`] = await punch(world, world.network.addHost({ nat: a }), world.network.addHost({ nat: b }));
        expected[`${a} - ${b}`] = shouldOpen(a, b);
      }
    }
    expect(result).toEqual(expected);
    expect(Object.values(result).filter(Boolean)).toHaveLength(54);
  });

  it('lets two homes have the same private addresses, and hosts of one home talk directly', async () => {
    const world = await makeWorld();
    const [home, other] = [world.network.addNat({ kind: 'port-restr' }), world.network.addNat({ kind: 'port-restr' })];
    const hosts = [
      world.network.addHost({ name: 'ana', address: '192.168.1.10', behind: home }),
      world.network.addHost({ name: 'bo', address: '192.168.1.11', behind: home }),
      world.network.addHost({ name: 'far', address: '192.168.1.11', behind: other }),
    ];
    const [ana, bo, far] = await Promise.all(
      hosts.map(async (host) => {
        const socket = new SimDatagramSocket(host, { port: 5000 });
        const heard: string[] = [];
        await socket.open((bytes) => heard.push(text(bytes)));
        return { socket, heard };
      }),
    );
    ana?.socket.send(utf8Bytes('to my neighbour'), { host: '192.168.1.11', port: 5000 });
    await world.clock.runFor(500);
    expect([bo?.heard, far?.heard]).toEqual([['to my neighbour'], []]);
  });

  it('reaches the own external address only with hairpin, and no neighbour on an isolated network', async () => {
    const world = await makeWorld();
    const tryPair = async (hasHairpin: boolean): Promise<boolean> => {
      const nat = world.network.addNat({ kind: 'full-cone', behaviour: { hasHairpin }, isIsolated: true });
      const [a, b] = [world.network.addHost({ behind: nat }), world.network.addHost({ behind: nat })];
      expect(a.addresses).not.toEqual(b.addresses);
      return punch(world, a, b);
    };
    expect([await tryPair(true), await tryPair(false)]).toEqual([true, false]);
  });

  it('punches through a home behind a carrier NAT when no layer maps by destination', async () => {
    const world = await makeWorld();
    const tryPair = async (carrierKind: NatKind): Promise<boolean> => {
      const carrier = world.network.addNat({ kind: carrierKind });
      const home = world.network.addNat({ kind: 'linux', behind: carrier, address: '100.64.1.2' });
      return punch(world, world.network.addHost({ behind: home }), world.network.addHost({ nat: 'port-restr' }));
    };
    expect([await tryPair('port-restr'), await tryPair('symmetric')]).toEqual([true, false]);
  });

  it('loses a mapping when the router gets another address, and keeps a forwarded port', async () => {
    const world = await makeWorld();
    const nat = world.network.addNat({ kind: 'port-restr', address: '203.0.113.50' });
    const host = world.network.addHost({ behind: nat });
    const peer = await addPeer(world, host);
    const before = peer.observed;
    nat.rebind('203.0.113.51');
    peer.socket.send(utf8Bytes('who am I now?'), world.observer);
    await world.clock.runFor(500);
    expect([before?.host, peer.observed?.host]).toEqual(['203.0.113.50', '203.0.113.51']);
    nat.forward('udp', 4870, host.address(4870));
    const stranger = new SimDatagramSocket(world.network.addHost());
    await stranger.open(() => undefined);
    stranger.send(utf8Bytes('by the front door'), { host: '203.0.113.51', port: 4870 });
    await world.clock.runFor(500);
    expect(peer.heard).toContain('by the front door');
  });
});
