// driven: whole participants on one simulated network, each behind the NAT that it is given: the production classes over simulated sockets.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  InlineStagePool,
  type KeyValueStore,
  MemoryKeyValueStore,
  MemoryOwnerStore,
  MemoryShardStore,
  RelayClient,
  type RelayService,
  TunnelService,
  WsDialer,
  WsListener,
} from '@batchain/bat-node';
import { type KadRpc, type KadStateStore, MemoryKadStateStore, makeKadConfig, networkKey, SessionRpc } from '@batchain/kad-node';
import { Participant } from '@batchain/participant';
import {
  type Address,
  type Connection,
  type Crypto,
  createCrypto,
  type Dialer,
  type KeyPair,
  keyPairFromSeed,
  MiB,
  type NodeId,
  type PeerIdentity,
  type Runtime,
  sha256,
  utf8Bytes,
} from '@batchain/shared';
import {
  createSimRuntime,
  SimDatagramSocket,
  SimDialer,
  type SimHost,
  type SimHostOptions,
  SimListener,
  SimNetwork,
  type SimRuntimeOptions,
  type Simulation,
} from '@batchain/shared/testing';
import { StrangerPace } from '../../packages/participant/src/reach/stranger-pace.ts';
import { SwitchingSocket } from '../../packages/participant/src/reach/switching-socket.ts';
import { ValueFiles } from '../../packages/participant/src/values/value-files.ts';
import { counting, type Received } from '../support/bat-member.ts';
import { settleReal } from '../support/settle-real.ts';

const KAD_PORT = 4870;
const BAT_PORT = 4880;
const NETWORK = { name: 'simulated' };

export interface SimParticipant {
  readonly name: string;
  readonly node: Participant;
  readonly nodeId: NodeId;
  readonly host: SimHost;
  readonly identity: PeerIdentity;
  /** What `join` told. */
  readonly isJoined: boolean;
  /** What its store took over the wire. */
  readonly received: Received;
  readonly hasTunnels: boolean;
  readonly kadStateStore: KadStateStore;
  readonly valueStore: KeyValueStore;
}

export interface SimParticipantWishes {
  /** 1 MiB by default. */
  readonly offerBytes?: number;
  /** Carries connections of others. */
  readonly makeRelay?: (runtime: Runtime, keyPair: KeyPair) => RelayService;
  /** Comes between the KadNode and its wire. */
  readonly wrapRpc?: (rpc: SessionRpc, runtime: Runtime, keyPair: KeyPair) => KadRpc;
}

/** One end of a connection as it was handed to a participant, and whom that wanted there. */
export interface ConnectionEnd {
  readonly at: SimParticipant['name'];
  readonly self: NodeId;
  readonly wanted: NodeId | undefined;
  readonly connection: Connection;
}

export class ParticipantWorld {
  readonly simulation: Simulation;
  readonly network: SimNetwork;
  readonly members: SimParticipant[] = [];
  /** Every end of every connection so far. */
  readonly ends: ConnectionEnd[] = [];
  readonly #crypto: Crypto = createCrypto();

  constructor(seed: string | number, options: SimRuntimeOptions = {}) {
    this.simulation = createSimRuntime(seed, options);
    this.network = new SimNetwork(this.simulation);
  }

  /**
   * A started participant that has joined through the addresses. `hasTunnels`: it carries datagrams, or has them carried. What goes
   * through a relay is TLS as in production, inside the simulated streams; no way is punched.
   */
  async add(
    name: string,
    { hasTunnels = false, ...where }: SimHostOptions & { readonly hasTunnels?: boolean },
    join: readonly Address[] = [],
    wishes: SimParticipantWishes = {},
  ): Promise<SimParticipant> {
    const host = this.network.addHost({ name, ...where });
    const kept = { kadStateStore: new MemoryKadStateStore(), valueStore: new MemoryKeyValueStore() };
    return this.#start({ name, host, hasTunnels, ...kept }, join, wishes);
  }

  /** Stops the participant and starts it anew with what its KadNode has kept; without a word of a member. */
  async restart(member: SimParticipant): Promise<SimParticipant> {
    await this.settle(member.node.stop());
    this.members.splice(this.members.indexOf(member), 1);
    return this.#start(member, [], {});
  }

  async #start(
    {
      name,
      host,
      hasTunnels,
      kadStateStore,
      valueStore,
    }: Pick<SimParticipant, 'name' | 'host' | 'hasTunnels' | 'kadStateStore' | 'valueStore'>,
    join: readonly Address[],
    { offerBytes = 1 * MiB, makeRelay, wrapRpc }: SimParticipantWishes,
  ): Promise<SimParticipant> {
    const { runtime } = this.simulation.node(name);
    const keyPair: KeyPair = keyPairFromSeed(sha256(utf8Bytes(name)));
    const identity = { nodeId: keyPair.nodeId, publicKey: keyPair.publicKey };
    const ownHosts = (): readonly string[] => host.addresses;
    const udp = new SimDatagramSocket(host, { port: KAD_PORT });
    const switchingSocket = new SwitchingSocket(runtime, udp);
    const makeSocket = (): SimDatagramSocket => new SimDatagramSocket(host);
    const tunnels = new TunnelService(runtime, { makeSocket, ownHosts, publicHost: () => undefined });
    const socket = hasTunnels ? switchingSocket : udp;
    const strangerPace = new StrangerPace(runtime);
    const rpcConfig = { network: NETWORK, ownHosts, strangerBudget: strangerPace };
    const rpc = new SessionRpc(runtime.fork('rpc'), socket, keyPair, this.#crypto, rpcConfig);
    const received: Received = { bytes: 0 };
    const note = (connection: Connection, wanted?: NodeId): void => {
      this.ends.push({ at: name, self: keyPair.nodeId, wanted, connection });
    };
    const node = new Participant(
      runtime,
      {
        keyPair,
        crypto: this.#crypto,
        rpc: wrapRpc?.(rpc, runtime, keyPair) ?? rpc,
        kadStateStore,
        strangerPace,
        dialer: notingDialer(new SimDialer(host, identity), note),
        listener: new NotingListener(host, identity, { port: BAT_PORT }).noting(note),
        relayClient: new NotingRelayClient(runtime, overTls(runtime, keyPair, ownHosts)).noting(note),
        ...(makeRelay === undefined ? {} : { relay: makeRelay(runtime, keyPair) }),
        shardStore: counting(new MemoryShardStore(runtime, { offerBytes }), received),
        ownerStore: new MemoryOwnerStore(),
        valueStore,
        valueFiles: new ValueFiles(join_(name), runtime.random),
        stagePool: new InlineStagePool(),
        keepOwnShard: async () => undefined,
        ownHosts,
        ...(hasTunnels ? { switchingSocket, tunnels } : {}),
        memoryBytes: () => 0,
      },
      {
        name,
        home: join_(name),
        version: 'simulated',
        network: NETWORK.name,
        networkKey: networkKey(NETWORK),
        kad: makeKadConfig({}, 'demo'),
        journalFolder: join_(name),
      },
    );
    await this.settle(node.start());
    const isJoined = await this.settle(node.join(join));
    const kept = { kadStateStore, valueStore };
    const member = { name, node, nodeId: keyPair.nodeId, host, identity, isJoined, received, hasTunnels, ...kept };
    this.members.push(member);
    return member;
  }

  settle<T>(work: Promise<T>, deadlineMs = 120_000): Promise<T> {
    return settleReal(this.simulation.clock, work, deadlineMs);
  }

  kadAddress(member: SimParticipant): Address {
    return { host: member.host.addresses[0] as string, port: KAD_PORT };
  }

  async stop(): Promise<void> {
    for (const { node } of this.members) await this.settle(node.stop());
  }
}

type Note = (connection: Connection, wanted?: NodeId) => void;

/** TLS, WebSocket and the check of both keys, over any stream. */
function overTls(runtime: Runtime, keyPair: KeyPair, ownHosts: () => readonly string[]): ConstructorParameters<typeof RelayClient>[1] {
  return {
    dialer: new WsDialer(runtime, keyPair, { ownHosts }),
    listener: new WsListener(runtime, keyPair, { host: '127.0.0.1', port: 0 }),
  };
}

function notingDialer(dialer: Dialer, note: Note): Dialer {
  return {
    dial: async (address, expected, options) => {
      const dialled = await dialer.dial(address, expected, options);
      if (dialled.ok) note(dialled.value, expected);
      return dialled;
    },
  };
}

class NotingListener extends SimListener {
  #note: Note = () => undefined;

  noting(note: Note): this {
    this.#note = note;
    return this;
  }

  override listen(onConnection: (connection: Connection) => void): Promise<void> {
    return super.listen((connection) => {
      this.#note(connection);
      onConnection(connection);
    });
  }
}

class NotingRelayClient extends RelayClient {
  #note: Note = () => undefined;

  noting(note: Note): this {
    this.#note = note;
    return this;
  }

  override async join(...args: Parameters<RelayClient['join']>): ReturnType<RelayClient['join']> {
    const joined = await super.join(...args);
    if (joined.ok) this.#note(joined.value, args[2]);
    return joined;
  }
}

const join_ = (name: string): string => join(tmpdir(), 'batchain-sim-none', name);
