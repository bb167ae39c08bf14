// driven: whole participants on one simulated network, each behind the NAT that it is given: the production classes over simulated sockets.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KeyValueStore, MemoryKeyValueStore, type RelayClient, type RelayService } from '@batchain/bat-node';
import { type KadRpc, type KadStateStore, MemoryKadStateStore, type SessionRpc } from '@batchain/kad-node';
import { makeSimParticipant, SIM_KAD_PORT, settleReal } from '@batchain/lab/simulation';
import type { Participant, ParticipantParts } from '@batchain/participant';
import {
  type Address,
  type Connection,
  type Crypto,
  createCrypto,
  type Dialer,
  type KeyPair,
  keyPairFromSeed,
  type Listener,
  type NodeId,
  type PeerIdentity,
  present,
  type Runtime,
  sha256,
  utf8Bytes,
} from '@batchain/shared';
import {
  createSimRuntime,
  type SimHost,
  type SimHostOptions,
  SimNetwork,
  type SimRuntimeOptions,
  type Simulation,
} from '@batchain/shared/testing';
import { counting, type Received } from '../support/bat-member.ts';

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
    { offerBytes, makeRelay, wrapRpc }: SimParticipantWishes,
  ): Promise<SimParticipant> {
    const { runtime } = this.simulation.node(name);
    const keyPair: KeyPair = keyPairFromSeed(sha256(utf8Bytes(name)));
    const identity = { nodeId: keyPair.nodeId, publicKey: keyPair.publicKey };
    const received: Received = { bytes: 0 };
    const note = (connection: Connection, wanted?: NodeId): void => {
      this.ends.push({ at: name, self: keyPair.nodeId, wanted, connection });
    };
    const node = makeSimParticipant(runtime, {
      name,
      host,
      keyPair,
      crypto: this.#crypto,
      home: join_(name),
      kadStateStore,
      valueStore,
      hasTunnels,
      hasRelays: true,
      changeParts: (parts) => noting(parts, note, received),
      ...(offerBytes === undefined ? {} : { offerBytes }),
      ...(makeRelay === undefined ? {} : { relay: makeRelay(runtime, keyPair) }),
      ...(wrapRpc === undefined ? {} : { wrapRpc }),
    });
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
    return { host: member.host.addresses[0] as string, port: SIM_KAD_PORT };
  }

  async stop(): Promise<void> {
    for (const { node } of this.members) await this.settle(node.stop());
  }
}

type Note = (connection: Connection, wanted?: NodeId) => void;

/** Every connection that the participant gets is noted, and every byte that its store takes over the wire is counted. */
function noting(parts: ParticipantParts, note: Note, received: Received): ParticipantParts {
  return {
    ...parts,
    dialer: notingDialer(parts.dialer, note),
    listener: notingListener(parts.listener, note),
    relayClient: notingRelayClient(present(parts.relayClient, 'a participant that can meet others at a relay'), note),
    shardStore: counting(parts.shardStore, received),
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

function notingListener(listener: Listener, note: Note): Listener {
  return {
    listen: (onConnection) =>
      listener.listen((connection) => {
        note(connection);
        onConnection(connection);
      }),
    get localAddress() {
      return listener.localAddress;
    },
    close: () => listener.close(),
  };
}

function notingRelayClient(client: RelayClient, note: Note): RelayClient {
  const join = client.join.bind(client);
  client.join = async (...args) => {
    const joined = await join(...args);
    if (joined.ok) note(joined.value, args[2]);
    return joined;
  };
  return client;
}

const join_ = (name: string): string => join(tmpdir(), 'batchain-sim-none', name);
