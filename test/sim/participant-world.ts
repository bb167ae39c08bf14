// driven: whole participants on one simulated network, each behind the NAT that it is given: the production classes over simulated sockets.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InlineStagePool, MemoryOwnerStore, MemoryShardStore, TunnelService } from '@batchain/bat-node';
import { makeKadConfig, networkKey, SessionRpc } from '@batchain/kad-node';
import { Participant } from '@batchain/participant';
import {
  type Address,
  type Crypto,
  createCrypto,
  type KeyPair,
  keyPairFromSeed,
  MiB,
  type NodeId,
  type PeerIdentity,
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
  type Simulation,
} from '@batchain/shared/testing';
import { SwitchingSocket } from '../../packages/participant/src/reach/switching-socket.ts';
import { settleReal } from '../support/settle-real.ts';

const KAD_PORT = 4870;
const BAT_PORT = 4880;
const NETWORK = { name: 'simulated' };

export interface SimParticipant {
  readonly node: Participant;
  readonly nodeId: NodeId;
  readonly host: SimHost;
  readonly identity: PeerIdentity;
  /** What `join` told. */
  readonly isJoined: boolean;
}

export class ParticipantWorld {
  readonly simulation: Simulation;
  readonly network: SimNetwork;
  readonly members: SimParticipant[] = [];
  readonly #crypto: Crypto = createCrypto();

  constructor(seed: string | number) {
    this.simulation = createSimRuntime(seed);
    this.network = new SimNetwork(this.simulation);
  }

  /** A started participant that offers a MiB and has joined through the addresses; `hasTunnels`: it carries datagrams, or has them carried. */
  async add(
    name: string,
    { hasTunnels = false, ...where }: SimHostOptions & { readonly hasTunnels?: boolean },
    join: readonly Address[] = [],
  ): Promise<SimParticipant> {
    const host = this.network.addHost({ name, ...where });
    const { runtime } = this.simulation.node(name);
    const keyPair: KeyPair = keyPairFromSeed(sha256(utf8Bytes(name)));
    const identity = { nodeId: keyPair.nodeId, publicKey: keyPair.publicKey };
    const ownHosts = (): readonly string[] => host.addresses;
    const udp = new SimDatagramSocket(host, { port: KAD_PORT });
    const switchingSocket = new SwitchingSocket(runtime, udp);
    const makeSocket = (): SimDatagramSocket => new SimDatagramSocket(host);
    const tunnels = new TunnelService(runtime, { makeSocket, ownHosts, publicHost: () => undefined });
    const socket = hasTunnels ? switchingSocket : udp;
    const node = new Participant(
      runtime,
      {
        keyPair,
        crypto: this.#crypto,
        rpc: new SessionRpc(runtime.fork('rpc'), socket, keyPair, this.#crypto, { network: NETWORK, ownHosts }),
        dialer: new SimDialer(host, identity),
        listener: new SimListener(host, identity, { port: BAT_PORT }),
        shardStore: new MemoryShardStore(runtime, { offerBytes: 1 * MiB }),
        ownerStore: new MemoryOwnerStore(),
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
    const member = { node, nodeId: keyPair.nodeId, host, identity, isJoined };
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

const join_ = (name: string): string => join(tmpdir(), 'batchain-sim-none', name);
