// driven: the production Participant over simulated sockets: how it is put together, for the laboratory and for every simulation of whole participants.
import { join } from 'node:path';
import {
  InlineStagePool,
  type KeyValueStore,
  type MemoryDisk,
  MemoryKeyValueStore,
  MemoryOwnerStore,
  MemoryShardStore,
  type OwnerStore,
  RelayClient,
  type RelayService,
  TunnelService,
  WsDialer,
  WsListener,
} from '@batchain/bat-node';
import { type KadRpc, type KadStateStore, makeKadConfig, networkKey, SessionRpc } from '@batchain/kad-node';
import { Participant, type ParticipantParts, StrangerPace, SwitchingSocket, ValueFiles } from '@batchain/participant';
import { type Crypto, type KeyPair, MiB, type Runtime } from '@batchain/shared';
import { SimDatagramSocket, SimDialer, type SimHost, SimListener } from '@batchain/shared/testing';
import { SIM_BAT_PORT, SIM_KAD_PORT, SIM_NETWORK } from '../limits.ts';

export interface SimParticipantOptions {
  readonly name: string;
  readonly host: SimHost;
  readonly keyPair: KeyPair;
  readonly crypto: Crypto;
  /** Shown in its status; journals of uploads are below it. */
  readonly home: string;
  /** 1 MiB by default. */
  readonly offerBytes?: number;
  /** `demo` by default: failures are noticed within seconds. */
  readonly profile?: 'default' | 'demo';
  /** What outlives it as a disk outlives a process; nothing by default. */
  readonly kadStateStore?: KadStateStore;
  readonly ownerStore?: OwnerStore;
  readonly valueStore?: KeyValueStore;
  readonly disk?: MemoryDisk;
  /** It carries datagrams of others, or has its own carried. */
  readonly hasTunnels?: boolean;
  /** It can meet others at a relay: TLS as in production, inside the simulated streams. */
  readonly hasRelays?: boolean;
  /** Carries connections of others. */
  readonly relay?: RelayService;
  /** Comes between the KadNode and its wire. */
  readonly wrapRpc?: (rpc: SessionRpc, runtime: Runtime, keyPair: KeyPair) => KadRpc;
  /** Comes between the participant and its parts. */
  readonly changeParts?: (parts: ParticipantParts) => ParticipantParts;
}

/** TLS, WebSocket and the check of both keys, over any stream. */
function relayClientOf(runtime: Runtime, keyPair: KeyPair, ownHosts: () => readonly string[]): RelayClient {
  return new RelayClient(runtime, {
    dialer: new WsDialer(runtime, keyPair, { ownHosts }),
    listener: new WsListener(runtime, keyPair, { host: '127.0.0.1', port: 0 }),
  });
}

function makeParts(runtime: Runtime, options: SimParticipantOptions): ParticipantParts {
  const { host, keyPair, crypto, kadStateStore, relay, disk, wrapRpc } = options;
  const ownHosts = (): readonly string[] => host.addresses;
  const udp = new SimDatagramSocket(host, { port: SIM_KAD_PORT });
  const switchingSocket = new SwitchingSocket(runtime, udp);
  const makeSocket = (): SimDatagramSocket => new SimDatagramSocket(host);
  const strangerPace = new StrangerPace(runtime);
  const rpcConfig = { network: SIM_NETWORK, ownHosts, strangerBudget: strangerPace };
  const socket = options.hasTunnels === true ? switchingSocket : udp;
  const rpc = new SessionRpc(runtime.fork('rpc'), socket, keyPair, crypto, rpcConfig);
  const tunnels = (): TunnelService => new TunnelService(runtime, { makeSocket, ownHosts, publicHost: () => undefined });
  return {
    keyPair,
    crypto,
    rpc: wrapRpc?.(rpc, runtime, keyPair) ?? rpc,
    ...(kadStateStore === undefined ? {} : { kadStateStore }),
    strangerPace,
    dialer: new SimDialer(host, keyPair),
    listener: new SimListener(host, keyPair, { port: SIM_BAT_PORT }),
    ...(options.hasRelays === true ? { relayClient: relayClientOf(runtime, keyPair, ownHosts) } : {}),
    ...(relay === undefined ? {} : { relay }),
    shardStore: new MemoryShardStore(runtime, { offerBytes: options.offerBytes ?? 1 * MiB, ...(disk === undefined ? {} : { disk }) }),
    ownerStore: options.ownerStore ?? new MemoryOwnerStore(),
    valueStore: options.valueStore ?? new MemoryKeyValueStore(),
    valueFiles: new ValueFiles(join(options.home, 'values'), runtime.random),
    stagePool: new InlineStagePool(),
    keepOwnShard: async () => undefined,
    ownHosts,
    ...(options.hasTunnels === true ? { switchingSocket, tunnels: tunnels() } : {}),
    memoryBytes: () => 0,
  };
}

/** Not started. No way is punched: simulated hosts have neither ICE nor simultaneous open. */
export function makeSimParticipant(runtime: Runtime, options: SimParticipantOptions): Participant {
  const parts = makeParts(runtime, options);
  return new Participant(runtime, options.changeParts?.(parts) ?? parts, {
    name: options.name,
    home: options.home,
    version: 'simulated',
    network: SIM_NETWORK.name,
    networkKey: networkKey(SIM_NETWORK),
    kad: makeKadConfig({}, options.profile ?? 'demo'),
    journalFolder: join(options.home, 'db', 'uploads'),
  });
}
