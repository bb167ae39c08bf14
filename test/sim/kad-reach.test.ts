// What a KadNode finds out about itself behind each kind of NAT: its mapping, what the NAT lets in, and who reaches it.
import { type DialBack, type KadConfig, KadNode, makeKadConfig, type SelfView, SessionRpc } from '@batchain/kad-node';
import { type Address, type Crypto, fail, type NatMapping, NULL_LOGGER, ok, type Signer, second, utf8Bytes } from '@batchain/shared';
import {
  createSimCrypto,
  type NatKind,
  SimDatagramSocket,
  type SimHost,
  type SimHostOptions,
  SimNetwork,
  type Simulation,
} from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { beginSimulation, say, seedsOf } from './simulator.ts';

const PORT = 4870;
const BAT_PORT = 4880;
/** So many nodes, and so small buckets, that a newcomer does not meet them all. */
const PUBLIC_NODES = 30;
const SMALL: Partial<KadConfig> = { bucketSize: 4 };

interface Placed {
  readonly node: KadNode;
  readonly rpc: SessionRpc;
  readonly host: SimHost;
  readonly address: Address;
}

class ReachWorld {
  readonly simulation: Simulation;
  readonly network: SimNetwork;
  readonly members: Placed[] = [];
  /** IPs whose bat port answers. */
  readonly batOpen = new Set<string>();
  readonly #crypto: Crypto & { signerFromSeed(seed: Uint8Array): Signer };

  constructor(simulation: Simulation) {
    this.simulation = simulation;
    this.network = new SimNetwork(simulation);
    this.#crypto = createSimCrypto(simulation.runtime.entropy.fork('crypto'));
  }

  readonly #dialBack: DialBack = async (_nodeId, { host, port }) =>
    this.batOpen.has(host) && port === BAT_PORT ? ok(undefined) : fail('refused');

  async add(name: string, where: SimHostOptions | SimHost = {}, port: number = PORT, config: Partial<KadConfig> = SMALL): Promise<Placed> {
    const host = 'network' in where ? where : this.network.addHost({ name, ...where });
    const runtime = { ...this.simulation.node(name).runtime, log: NULL_LOGGER };
    const signer = this.#crypto.signerFromSeed(utf8Bytes(name));
    const ownHosts = (): readonly string[] => host.addresses;
    const rpc = new SessionRpc(runtime, new SimDatagramSocket(host, { port }), signer, this.#crypto, {
      network: { name: 'sim' },
      ownHosts,
    });
    const parts = { rpc, signer, crypto: this.#crypto, ownHosts, openSocket: () => new SimDatagramSocket(host), dialBack: this.#dialBack };
    const node = new KadNode(runtime, parts, makeKadConfig(config, 'demo'));
    await node.start();
    return { node, rpc, host, address: host.address(port) };
  }

  /** Public nodes that know one another; two of them share an IP. */
  async grow(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const beside = n === 1 ? this.members[0] : undefined;
      const member = await this.add(`public ${n}`, beside?.host ?? {}, beside === undefined ? PORT : PORT + 1);
      if (n > 0) await this.settle(member.node.bootstrap(this.members.slice(0, 3).map(({ address }) => address)));
      this.members.push(member);
    }
  }

  /** A newcomer that knows the first two members, which share an IP, and the third. */
  async join(name: string, where: SimHostOptions | SimHost = {}): Promise<Placed> {
    const placed = await this.add(name, where);
    await this.settle(placed.node.bootstrap(this.members.slice(0, 3).map(({ address }) => address)));
    return placed;
  }

  check({ node }: Placed, batPort: number | undefined = BAT_PORT): Promise<SelfView> {
    return this.settle(node.checkReach({ batPort }));
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return this.simulation.clock.runUntilSettled(promise, { deadlineMs: 60_000 });
  }
}

async function build(seed: string, count: number): Promise<ReachWorld> {
  const world = new ReachWorld(beginSimulation('kad-reach', seed));
  await world.grow(count);
  return world;
}

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
    const world = await build(seed, PUBLIC_NODES);
    for (const [nat, expected] of Object.entries(EXPECTED) as [NatKind, Expected][]) {
      const placed = await world.join(nat, { nat });
      let view = await world.check(placed);
      // Who plays the stranger is drawn: a node that has been met already shows nothing, so another draw may be needed.
      for (let round = 0; round < 5 && view.filtering === 'unknown'; round++) {
        await world.simulation.clock.runFor(31 * second);
        view = await world.check(placed);
      }
      say(`  ${nat}: ${JSON.stringify(view)}`);
      expect({ nat, ...view }).toMatchObject({ nat, ...expected, udp: 'works', batReachable: false });
      expect([nat, view.portDelta !== undefined]).toEqual([nat, nat === 'symmetric-seq']);
      await world.settle(placed.node.stop());
    }
  }, 60_000);
});
