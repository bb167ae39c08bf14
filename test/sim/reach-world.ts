// driven: a simulated network of KadNodes that find out about their reach, with all that the participant would hand in.
import { type DialBack, type KadConfig, KadNode, makeKadConfig, type SelfView, SessionRpc } from '@batchain/kad-node';
import { type Address, type Crypto, type DatagramSocket, fail, NULL_LOGGER, ok, type Signer, utf8Bytes } from '@batchain/shared';
import {
  createSimCrypto,
  SimDatagramSocket,
  type SimHost,
  type SimHostOptions,
  SimNetwork,
  type Simulation,
} from '@batchain/shared/testing';
import { beginSimulation } from './simulator.ts';

export const PORT = 4870;
export const BAT_PORT = 4880;
/** Small buckets, so that a newcomer does not meet everybody. */
const SMALL: Partial<KadConfig> = { bucketSize: 4 };

export interface Placed {
  readonly node: KadNode;
  readonly rpc: SessionRpc;
  readonly host: SimHost;
  readonly address: Address;
}

export class ReachWorld {
  readonly simulation: Simulation;
  readonly network: SimNetwork;
  readonly members: Placed[] = [];
  /** IPs whose bat port answers. */
  readonly batOpen = new Set<string>();
  /** Every dial to a bat port. */
  readonly dials: { readonly by: string; readonly to: string; readonly atMs: number }[] = [];
  readonly #crypto: Crypto & { signerFromSeed(seed: Uint8Array): Signer };

  constructor(simulation: Simulation) {
    this.simulation = simulation;
    this.network = new SimNetwork(simulation);
    this.#crypto = createSimCrypto(simulation.runtime.entropy.fork('crypto'));
  }

  #dialBackOf(by: string): DialBack {
    return async (_nodeId, { host, port }) => {
      this.dials.push({ by, to: host, atMs: this.simulation.clock.elapsedMs });
      return this.batOpen.has(host) && port === BAT_PORT ? ok(undefined) : fail('refused');
    };
  }

  /** A bare session endpoint with a key of its own, for nodes that do not behave. `wrap` comes between it and its socket. */
  async addRpc(
    name: string,
    host: SimHost,
    port: number,
    wrap: (socket: DatagramSocket) => DatagramSocket = (socket) => socket,
  ): Promise<{ readonly rpc: SessionRpc; readonly signer: Signer }> {
    const runtime = { ...this.simulation.node(name).runtime, log: NULL_LOGGER };
    const signer = this.#crypto.signerFromSeed(utf8Bytes(name));
    const socket = wrap(new SimDatagramSocket(host, { port }));
    const rpc = new SessionRpc(runtime, socket, signer, this.#crypto, { network: { name: 'sim' }, ownHosts: () => host.addresses });
    await rpc.open();
    return { rpc, signer };
  }

  async add(name: string, where: SimHostOptions | SimHost = {}, port: number = PORT, config: Partial<KadConfig> = SMALL): Promise<Placed> {
    const host = 'network' in where ? where : this.network.addHost({ name, ...where });
    const runtime = { ...this.simulation.node(name).runtime, log: NULL_LOGGER };
    const signer = this.#crypto.signerFromSeed(utf8Bytes(name));
    const ownHosts = (): readonly string[] => host.addresses;
    const rpc = new SessionRpc(runtime, new SimDatagramSocket(host, { port }), signer, this.#crypto, {
      network: { name: 'sim' },
      ownHosts,
    });
    const parts = {
      rpc,
      signer,
      crypto: this.#crypto,
      ownHosts,
      openSocket: () => new SimDatagramSocket(host),
      dialBack: this.#dialBackOf(host.name),
    };
    const node = new KadNode(runtime, parts, makeKadConfig(config));
    await node.start();
    return { node, rpc, host, address: host.address(port) };
  }

  /** Public nodes that know one another; the second shares the IP of the first when `isShared`. */
  async grow(count: number, isShared: boolean): Promise<void> {
    for (let n = 0; n < count; n++) {
      const beside = isShared && n === 1 ? this.members[0] : undefined;
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

export async function buildReachWorld(seed: string, count: number, isShared = true): Promise<ReachWorld> {
  const world = new ReachWorld(beginSimulation('kad-reach', seed));
  await world.grow(count, isShared);
  return world;
}
