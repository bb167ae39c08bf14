// What a KadNode finds out about itself behind each kind of NAT: its mapping, what the NAT lets in, and who reaches it.
import type { SelfView } from '@batchain/kad-node';
import { type NatMapping, second } from '@batchain/shared';
import type { NatKind, SimHostOptions } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { buildReachWorld, PORT } from './reach-world.ts';
import { say, seedsOf } from './simulator.ts';

/** The outer address of a router. */
const HOME = '203.0.113.7';
const PUBLIC_NODES = 30;

interface Expected {
  readonly mapping: NatMapping;
  readonly filtering: SelfView['filtering'];
  readonly preservesPort: boolean;
  readonly isBehindNat: boolean;
  readonly kadReachable: boolean;
}

const kind = (
  mapping: NatMapping,
  filtering: SelfView['filtering'],
  preservesPort: boolean,
  isBehindNat: boolean,
  kadReachable: boolean,
): Expected => ({
  mapping,
  filtering,
  preservesPort,
  isBehindNat,
  kadReachable,
});
const EIM = 'endpoint-independent';
const STRICT = 'address-and-port-dependent';
const EXPECTED: Readonly<Partial<Record<NatKind, Expected>>> = {
  open: kind('none', EIM, true, false, true),
  fw: kind('none', STRICT, true, false, false),
  'full-cone': kind(EIM, EIM, false, true, true),
  'addr-restr': kind(EIM, 'address-dependent', false, true, false),
  'port-restr': kind(EIM, STRICT, false, true, false),
  linux: kind(EIM, STRICT, true, true, false),
  'symmetric-ip': kind('address-dependent', STRICT, false, true, false),
  'symmetric-seq': kind(STRICT, STRICT, false, true, false),
  symmetric: kind(STRICT, STRICT, false, true, false),
};

describe.each(seedsOf('kad-reach', ['reach-1', 'reach-2']))('a KadNode, seed %s', (seed) => {
  it('tells every kind of NAT', async () => {
    const world = await buildReachWorld(seed, PUBLIC_NODES);
    for (const [nat, expected] of Object.entries(EXPECTED) as [NatKind, Expected][]) {
      const placed = await world.join(nat, { nat });
      let view = await world.check(placed);
      // Who plays the stranger is drawn: a node that has been met already shows nothing, so another draw may be needed.
      for (let round = 0; round < 10 && view.filtering === 'unknown'; round++) {
        await world.simulation.clock.runFor(41 * second);
        view = await world.check(placed);
      }
      say(`  ${nat}: ${JSON.stringify(view)}`);
      expect({ nat, ...view }).toMatchObject({ nat, ...expected, udp: 'works', batReachable: false });
      expect([nat, view.portDelta !== undefined]).toEqual([nat, nat === 'symmetric-seq']);
      await world.settle(placed.node.stop());
    }
  }, 60_000);
});

describe('a KadNode in a small network', () => {
  it.each<[string, SimHostOptions, Partial<SelfView>]>([
    ['linux', { nat: 'linux' }, { mapping: 'unknown', filtering: STRICT, kadReachable: false, isBehindNat: true, preservesPort: true }],
    ['symmetric', { nat: 'symmetric' }, { mapping: STRICT, filtering: STRICT, kadReachable: false, isBehindNat: true }],
    ['open', {}, { mapping: 'none', filtering: 'unknown', kadReachable: true, isBehindNat: false }],
    ['full-cone', { nat: 'full-cone' }, { mapping: 'unknown', filtering: 'unknown', kadReachable: true, isBehindNat: true }],
    ['fw', { nat: 'fw' }, { mapping: 'none', filtering: STRICT, kadReachable: false, isBehindNat: false }],
  ])('of one public node and itself behind %s tells what one node can show', async (name, where, expected) => {
    const world = await buildReachWorld('reach-one', 1);
    const placed = await world.join(name, where);
    const began = world.simulation.clock.elapsedMs;
    expect(await world.check(placed)).toMatchObject({ ...expected, udp: 'works', batReachable: false });
    expect(world.simulation.clock.elapsedMs - began).toBeLessThanOrEqual(5 * second);
    // The public node itself is asked by nobody but its clients, which dialled its own address.
    expect(world.members[0]?.node.selfView()).toMatchObject({ mapping: 'none', isBehindNat: false });
  });

  it('finds a forwarded port and an open bat port', async () => {
    const world = await buildReachWorld('reach-forward', 2);
    const nat = world.network.addNat({ kind: 'linux', address: HOME });
    const host = world.network.addHost({ behind: nat });
    nat.forward('udp', PORT, host.address(PORT));
    world.batOpen.add(HOME);
    const placed = await world.join('home', host);
    expect(await world.check(placed)).toMatchObject({
      kadReachable: true,
      kadReachableAt: { host: HOME, port: PORT },
      batReachable: true,
      isBehindNat: true,
    });
    expect(world.dials.map(({ to }) => to)).toEqual(world.dials.map(() => HOME));
    expect((await world.check(placed)).batReachable, 'while nobody has an allowance left, the last word stands').toBe(true);
  });

  it('finds a port that the router forwards under another number, and when it is gone', async () => {
    const world = await buildReachWorld('reach-forward-other', 4);
    const nat = world.network.addNat({ kind: 'linux', address: HOME });
    const host = world.network.addHost({ behind: nat });
    nat.forward('udp', 5000, host.address(PORT));
    const placed = await world.join('home', host);
    expect(await world.check(placed), 'nobody has told the number').toMatchObject({
      external: { host: HOME, port: PORT },
      kadReachable: false,
    });
    const check = async (kadPort?: number): Promise<SelfView> => {
      await world.simulation.clock.runFor(41 * second);
      return world.settle(placed.node.checkReach({ batPort: undefined, kadPort }));
    };
    expect(await check(5000)).toMatchObject({ kadReachable: true, kadReachableAt: { host: HOME, port: 5000 } });
    expect(await check(), 'it is tried again').toMatchObject({ kadReachable: true, kadReachableAt: { host: HOME, port: 5000 } });
    nat.forward('udp', 5000, { host: '10.9.9.9', port: 1 });
    expect(await check()).toMatchObject({ kadReachable: false, kadReachableAt: undefined });
  });

  it('finds a forwarded port of another number at which somebody has dialled it', async () => {
    const world = await buildReachWorld('reach-forward-hand', 4);
    const nat = world.network.addNat({ kind: 'linux', address: HOME });
    const host = world.network.addHost({ behind: nat });
    nat.forward('udp', 5000, host.address(PORT));
    const placed = await world.join('home', host);
    await world.check(placed);
    const friend = await world.add('friend');
    await world.settle(friend.node.bootstrap([{ host: HOME, port: 5000 }]));
    let view = placed.node.selfView();
    for (let round = 0; round < 4 && view.kadReachable !== true; round++) {
      await world.simulation.clock.runFor(41 * second);
      view = await world.check(placed);
      say(`  ${JSON.stringify(view)}`);
    }
    expect(view).toMatchObject({ external: { host: HOME, port: PORT }, kadReachableAt: { host: HOME, port: 5000 } });
  });

  it('without anybody to ask ends at once and knows nothing', async () => {
    const world = await buildReachWorld('reach-alone', 0);
    const placed = await world.add('alone');
    expect(await world.check(placed)).toMatchObject({
      mapping: 'unknown',
      udp: 'unknown',
      kadReachable: undefined,
      batReachable: undefined,
    });
  });

  it('BN-27 notices that its router has another address', async () => {
    const world = await buildReachWorld('reach-flip', 5);
    const nat = world.network.addNat({ kind: 'linux', address: HOME });
    const placed = await world.join('home', world.network.addHost({ behind: nat }));
    await world.check(placed);
    const told: SelfView[] = [];
    placed.node.events.on('self-changed', (view) => told.push(view));
    nat.rebind('203.0.113.99');
    const view = await world.check(placed);
    expect(view.external?.host).toBe('203.0.113.99');
    expect(told.at(-1)).toEqual(view);
  });

  it('tells that UDP is blocked', async () => {
    const world = await buildReachWorld('reach-blocked', 3);
    const placed = await world.add('blocked', { nat: 'udp-blocked' });
    await world.settle(placed.node.bootstrap(world.members.map(({ address }) => address)));
    expect(placed.node.selfView()).toMatchObject({ udp: 'blocked', kadReachable: false });
  });
});
