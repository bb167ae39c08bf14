// driven: many KadNodes on one simulated network: the production node over the production wire, with cheap signatures.
import { type KadConfig, KadNode, type KadStateStore, makeKadConfig, SessionRpc } from '@batchain/kad-node';
import { type Address, type Crypto, type NodeId, NULL_LOGGER, type Runtime, type Signer, utf8Bytes } from '@batchain/shared';
import {
  CALM_LINK,
  createSimCrypto,
  type LinkModel,
  SimDatagramSocket,
  type SimHost,
  SimNetwork,
  type Simulation,
} from '@batchain/shared/testing';

export const KAD_PORT = 4870;

export interface Member {
  readonly name: string;
  readonly host: SimHost;
  readonly address: Address;
  readonly signer: Signer;
  rpc: SessionRpc;
  node: KadNode;
  isUp: boolean;
  /** Its host was killed, not just the node stopped. */
  hasCrashed: boolean;
}

export interface ClusterOptions {
  readonly config?: Partial<KadConfig>;
  readonly profile?: 'default' | 'demo';
  readonly link?: Partial<LinkModel>;
}

/** Builds, stops, restarts and asks. Addresses are public, one /24 each, so that diversity limits do not interfere. */
export class KadCluster {
  readonly simulation: Simulation;
  readonly network: SimNetwork;
  readonly members: Member[] = [];
  readonly #crypto: Crypto & { signerFromSeed(seed: Uint8Array): Signer };
  readonly #config: KadConfig;

  constructor(simulation: Simulation, options: ClusterOptions = {}) {
    this.simulation = simulation;
    this.network = new SimNetwork(simulation, options.link === undefined ? {} : { link: options.link });
    this.#crypto = createSimCrypto(simulation.runtime.entropy.fork('crypto'));
    this.#config = makeKadConfig(options.config, options.profile);
  }

  get living(): Member[] {
    return this.members.filter((member) => member.isUp);
  }

  /** A started node that has joined nobody yet. */
  async add(name: string = `node ${this.members.length}`, stateStore?: KadStateStore): Promise<Member> {
    const member = await this.addApart(name, this.signerOf(name), stateStore);
    this.members.push(member);
    return member;
  }

  /** The same, but no member: neither grown from nor drawn nor counted among the nearest. */
  async addApart(name: string, signer: Signer, stateStore?: KadStateStore, config: KadConfig = this.#config): Promise<Member> {
    const host = this.network.addHost({ name });
    const address = { host: host.addresses[0] as string, port: KAD_PORT };
    const made = this.#makeNode(name, host, signer, stateStore, config);
    const member: Member = { name, host, address, signer, isUp: true, hasCrashed: false, ...made };
    await member.node.start();
    return member;
  }

  /** The key pair that goes with a name. */
  signerOf(name: string): Signer {
    return this.#crypto.signerFromSeed(utf8Bytes(name));
  }

  /** A bare session endpoint with a key of its own, for nodes that do not behave. */
  async addRpc(name: string): Promise<{ readonly rpc: SessionRpc; readonly signer: Signer }> {
    const host = this.network.addHost({ name });
    const signer = this.signerOf(name);
    const { runtime } = this.simulation.node(name);
    const rpc = this.#makeRpc(runtime, host, signer);
    await rpc.open();
    return { rpc, signer };
  }

  /** Grows the network to `count` nodes; each newcomer knows up to three earlier ones. */
  async grow(count: number, batchSize = 25, prepare?: (member: Member) => void): Promise<void> {
    const { random } = this.simulation.runtime;
    while (this.members.length < count) {
      const known = this.living;
      const batch: Promise<unknown>[] = [];
      for (let i = 0; i < batchSize && this.members.length < count; i++) {
        const member = await this.add();
        prepare?.(member);
        const contacts = random.shuffle(known).slice(0, 3);
        if (contacts.length === 0) break;
        batch.push(member.node.bootstrap(contacts.map((contact) => contact.address)));
      }
      await this.settle(Promise.all(batch), 120_000);
    }
  }

  /** Runs the simulation until the promise settles. */
  settle<T>(promise: Promise<T>, deadlineMs = 60_000): Promise<T> {
    return this.simulation.clock.runUntilSettled(promise, { deadlineMs });
  }

  /** Its process dies: nothing is saved, nobody is told. */
  crash(member: Member): void {
    member.isUp = false;
    member.hasCrashed = true;
    this.network.kill(member.host);
    void member.node.stop();
  }

  /** Ends in order; what it keeps is saved. */
  async stop(member: Member): Promise<void> {
    member.isUp = false;
    await this.settle(member.node.stop());
  }

  /** The same participant again, at the same address. */
  async restart(member: Member, stateStore?: KadStateStore): Promise<void> {
    if (member.hasCrashed) this.network.revive(member.host);
    member.hasCrashed = false;
    Object.assign(member, this.#makeNode(`${member.name} again`, member.host, member.signer, stateStore));
    member.isUp = true;
    await member.node.start();
  }

  async stopAll(): Promise<void> {
    for (const member of this.living) await this.stop(member);
  }

  /** What every living node's datagrams suffer from now on. */
  setLink(link: Partial<LinkModel>): void {
    for (const { host } of this.members) host.link = { ...CALM_LINK, ...link };
  }

  /** Living members by distance to a key, nearest first; computed apart from the code that is checked, by the first 52 bits. */
  nearest(key: Uint8Array, count: number): Member[] {
    const far = this.living.map((member) => {
      let distance = 0;
      for (let i = 0; i < 6; i++) distance = distance * 256 + ((member.signer.nodeId[i] as number) ^ (key[i] as number));
      return { member, distance: distance * 16 + (((member.signer.nodeId[6] as number) ^ (key[6] as number)) >> 4) };
    });
    return far
      .sort((a, b) => a.distance - b.distance)
      .slice(0, count)
      .map(({ member }) => member);
  }

  randomKey(): NodeId {
    return this.simulation.runtime.random.bytes(32) as NodeId;
  }

  randomMember(): Member {
    const living = this.living;
    return living[this.simulation.runtime.random.below(living.length)] as Member;
  }

  #makeNode(
    name: string,
    host: SimHost,
    signer: Signer,
    stateStore: KadStateStore | undefined,
    config: KadConfig = this.#config,
  ): Pick<Member, 'rpc' | 'node'> {
    const { runtime } = this.simulation.node(name);
    const rpc = this.#makeRpc(runtime, host, signer);
    const parts = { rpc, signer, crypto: this.#crypto, ...(stateStore === undefined ? {} : { stateStore }) };
    return { rpc, node: new KadNode({ ...runtime, log: NULL_LOGGER }, parts, config) };
  }

  #makeRpc(runtime: Runtime, host: SimHost, signer: Signer): SessionRpc {
    const socket = new SimDatagramSocket(host, { port: KAD_PORT, address: host.addresses[0] as string });
    return new SessionRpc({ ...runtime, log: NULL_LOGGER }, socket, signer, this.#crypto, {
      network: { name: 'simulation' },
      ownHosts: () => host.addresses,
    });
  }
}
