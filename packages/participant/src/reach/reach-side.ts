// driven: everything by which a participant reaches others and is reached, put together; the Participant only starts, stops and asks it.
import type { BatSession, ConnectionPool, Opener, RelayClient } from '@batchain/bat-node';
import type { KadNode } from '@batchain/kad-node';
import {
  type Address,
  type Connection,
  type ContactRecord,
  type Crypto,
  type DatagramSocket,
  type Dialer,
  equalAddress,
  type KeyPair,
  type Listener,
  type NodeId,
  type Runtime,
  type Timer,
} from '@batchain/shared';
import type { LanInterface } from '../adapters/lan-interfaces.ts';
import { JOIN_WAIT_MS, UDP_SILENT_AFTER_MS } from '../limits.ts';
import type { TunnelOpener } from './attach-race.ts';
import type { SelfDescription } from './describe-self.ts';
import type { MappingTrial } from './diagnosis.ts';
import { HandPuncher } from './hand-punch/hand-puncher.ts';
import { KadAttacher } from './kad-attacher.ts';
import { KnownNodes } from './known-nodes.ts';
import { type LanParticipant, lanNetworkTag } from './lan-advert.ts';
import { LanDiscovery } from './lan-discovery.ts';
import type { MeetingTools } from './meeting.ts';
import { NetworkWatch } from './network-watch.ts';
import { PacedDialer } from './paced-dialer.ts';
import { PathImprover } from './path-improver.ts';
import type { PortMapperConfig } from './port-mapper.ts';
import { Reach, type ReachParts } from './reach.ts';
import type { DataChannels, TcpPunching } from './reach-types.ts';
import { RelayDirectory } from './relay-directory.ts';
import { makeRelayJoiner } from './relay-joiner.ts';
import { RouterPorts } from './router-ports.ts';
import { SelfKeeper } from './self-keeper.ts';
import { StrangerPace } from './stranger-pace.ts';
import { StunServers } from './stun-servers.ts';
import type { SwitchingSocket } from './switching-socket.ts';
import { makeTunnelOpener } from './tunnel-opener.ts';

/** What touches the outside; a simulation leaves out what it has not. */
export interface ReachTools {
  readonly dialer: Dialer;
  readonly listener: Listener;
  /** Addresses of the machine's interfaces now. */
  readonly ownHosts: () => readonly string[];
  /** What the KadNode's wire asks too; absent: HELLOs are counted apart. */
  readonly strangerPace?: StrangerPace;
  readonly tcpPunching?: TcpPunching;
  readonly dataChannels?: DataChannels;
  /** A UDP socket on a free port, for hand punching and for what others ask to have tried. */
  readonly openSocket?: () => DatagramSocket;
  readonly relayClient?: RelayClient;
  /** Under the KadNode's wire: where UDP does not get out, a tunnel. */
  readonly switchingSocket?: SwitchingSocket;
  /** Sockets and the route for asking the router to forward ports; absent: it is not asked. */
  readonly portMapping?: Omit<PortMapperConfig, 'nonceKey'>;
  /** Interfaces on which members are looked for, for a socket bound there; absent: nobody is looked for. */
  readonly lanInterfaces?: (bound: Address) => readonly LanInterface[];
}

export interface ReachSideParts {
  readonly keyPair: KeyPair;
  readonly crypto: Crypto;
  readonly networkKey: Uint8Array;
  readonly kad: KadNode;
  readonly tools: ReachTools;
  /** The newest contact record of a node. */
  readonly resolve: (nodeId: NodeId, signal: AbortSignal) => Promise<ContactRecord | undefined>;
  /** The pool that this side opens connections for; it is made after this. */
  readonly pool: () => ConnectionPool;
  /** Something of the description may be new. */
  readonly onChange: (self: SelfDescription) => void;
}

export class ReachSide {
  readonly reach: Reach;
  readonly #runtime: Runtime;
  readonly #parts: ReachSideParts;
  readonly #pace: StrangerPace;
  readonly #dialer: Dialer;
  readonly #relays: RelayDirectory;
  readonly #stun: StunServers;
  readonly #improver: PathImprover;
  readonly #self: SelfKeeper;
  readonly #attacher: KadAttacher | undefined;
  readonly #watch: NetworkWatch;
  readonly #ports: RouterPorts;
  readonly #nodes: KnownNodes;
  #lan: LanDiscovery | undefined;
  #silentTimer: Timer | undefined;
  readonly #joins: Address[] = [];
  /** By the way that was found last. */
  #rejoining: Promise<unknown> = Promise.resolve();
  #isRunning = false;

  constructor(runtime: Runtime, parts: ReachSideParts) {
    this.#runtime = runtime;
    this.#parts = parts;
    const { kad, tools, resolve, pool } = parts;
    this.#nodes = new KnownNodes(kad);
    this.#pace = tools.strangerPace ?? new StrangerPace(runtime);
    this.#dialer = new PacedDialer(runtime, tools.dialer, this.#pace);
    this.#stun = new StunServers(runtime, { openSocket: tools.openSocket, candidates: () => this.#nodes.stunCandidates() });
    this.reach = new Reach(runtime, {
      signer: parts.keyPair,
      verifier: parts.crypto.verifier,
      signalling: kad,
      tools: this.#meetingTools(),
      ...this.#handPunch(),
      resolve,
      onConnection: (connection) => void pool().accept(connection),
    });
    this.#relays = new RelayDirectory(runtime, {
      candidates: () => this.#nodes.relayCandidates(),
      resolve: (nodeId, signal) => kad.getContact(nodeId, { signal }),
      reaches: async (record, signal) => (await pool().connect({ nodeId: record.nodeId, record }, { signal, timeoutMs: JOIN_WAIT_MS })).ok,
    });
    this.#improver = new PathImprover(runtime, {
      relayedPeers: () => relayedPeers(pool()),
      improve: (nodeId, signal) => this.reach.improve(nodeId, signal),
    });
    this.#self = new SelfKeeper(runtime, {
      kad,
      ownHosts: tools.ownHosts,
      bound: () => ({ kad: kad.localAddress, bat: tools.listener.localAddress }),
      relays: () => this.#relays.relays,
      hasNoUdp: () => this.#hasNoUdp,
      onChange: (self) => {
        this.#ports.askWhereNeeded(self);
        parts.onChange(self);
      },
    });
    this.#attacher = this.#makeAttacher();
    this.#ports = new RouterPorts(runtime, {
      keyPair: parts.keyPair,
      asking: tools.portMapping,
      ports: () => ({ udpPort: kad.localAddress.port, tcpPort: tools.listener.localAddress.port }),
      onMapped: (mapping) => this.#self.mapped(mapping),
      onLost: (protocol) => this.#self.unmapped(protocol),
    });
    this.#watch = new NetworkWatch(runtime, { ownHosts: tools.ownHosts, onChange: () => this.#networkChanged() });
    kad.events.on('self-changed', () => this.#self.checkSoon());
    kad.events.on('joined', () => this.#self.checkSoon());
    kad.events.on('brokers-changed', () => {
      void this.#stun.get();
      this.#relays.lookSoon();
      this.#self.checkSoon();
    });
    kad.events.on('offline', () => this.#attacher?.noteUdpSilent(this.#joins));
  }

  /** For the pool of connections. */
  get opener(): Opener {
    return this.reach;
  }

  /** How this node stands; only while the sockets are bound. */
  describe(): SelfDescription {
    return this.#self.describe();
  }

  get relayCount(): number {
    return this.#relays.relays.length;
  }

  /** Where members were said to be. */
  get joins(): readonly Address[] {
    return this.#joins;
  }

  /** Members heard of on the local network; undefined when nobody is looked for. */
  get lanFound(): number | undefined {
    return this.#lan?.state().found;
  }

  /** The sockets are bound. */
  async start(): Promise<void> {
    this.#isRunning = true;
    this.#self.start();
    this.#relays.start();
    this.#improver.start();
    this.#watch.start();
    // The KadNode asks them by itself.
    if (this.#parts.kad.remembered().length > 0) this.#armSilence();
    this.#lan = this.#makeLanDiscovery();
    await this.#lan?.start();
  }

  /** Before the KadNode and the pool stop. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#silentTimer?.cancel();
    this.#self.stop();
    this.#relays.stop();
    this.#improver.stop();
    this.#watch.stop();
    this.reach.close();
    this.#parts.tools.dataChannels?.close();
    await Promise.all([this.#lan?.stop(), this.#attacher?.stop(), this.#ports.stop()]);
  }

  /**
   * A connection that a peer opened to our listener. Its certificate has proved who it is; that it is of our network, and answers at all,
   * HELLO shows: until then other ways to it are not given up.
   */
  accept(connection: Connection): void {
    void this.#parts.pool().accept(connection, () => this.reach.noteInbound(connection));
  }

  /** The network is being joined at these addresses: when nobody answers there by UDP, it is tried another way. */
  joining(addresses: readonly Address[]): void {
    for (const address of addresses) if (!this.#joins.some((known) => equalAddress(known, address))) this.#joins.push(address);
    this.#armSilence();
  }

  /** Nobody was there: these are tried no more. */
  forgetJoins(addresses: readonly Address[]): void {
    this.#joins.splice(0, this.#joins.length, ...this.#joins.filter((join) => !addresses.some((address) => equalAddress(address, join))));
    this.#attacher?.forgetJoins(addresses);
  }

  /** Who says on the local network to be of our network; nobody when members are not looked for. */
  async searchLan(signal: AbortSignal): Promise<readonly LanParticipant[]> {
    return (await this.#lan?.search(signal)) ?? [];
  }

  #armSilence(): void {
    this.#silentTimer?.cancel();
    this.#silentTimer = this.#runtime.clock.setTimer(UDP_SILENT_AFTER_MS, () => {
      if (this.#isRunning && !this.#parts.kad.isJoined) this.#attacher?.noteUdpSilent(this.#joins);
    });
  }

  /** Nobody answered by UDP: resolves when the network was joined, or was not, through a participant that carries our datagrams, or none does. */
  async joinByTunnel(): Promise<void> {
    if (this.#attacher === undefined || this.#parts.kad.isJoined || !this.#isRunning) return;
    this.#silentTimer?.cancel();
    this.#attacher.noteUdpSilent(this.#joins);
    await this.#attacher.firstRound();
    await this.#rejoining;
  }

  /** A peer has gone silent: our address outside may be another now, and brokers would not know us. */
  pathDied(): void {
    if (!this.#isRunning) return;
    const { kad } = this.#parts;
    kad.checkBrokers().catch((error: unknown) => this.#runtime.log.debug('reach.brokers.failed', { error: String(error) }));
    this.#self.checkSoon();
  }

  /** What the router was asked for, one trial for each way and port. */
  get mappingTrials(): readonly MappingTrial[] {
    return this.#ports.trials;
  }

  #networkChanged(): void {
    this.pathDied();
    this.#stun.forget();
    this.#improver.networkChanged();
    this.#attacher?.networkChanged();
    this.#lan?.refresh();
    this.#ports.refresh();
    this.#self.checkSoon();
    this.#relays.lookSoon();
  }

  get #hasNoUdp(): boolean {
    return this.#attacher?.state.hasNoUdp ?? false;
  }

  #handPunch(): Pick<ReachParts, 'handPunch'> {
    const { kad, tools } = this.#parts;
    const { openSocket, dataChannels: channels } = tools;
    if (openSocket === undefined || channels === undefined) return {};
    const puncher = new HandPuncher(this.#runtime, { openSocket, ownHosts: tools.ownHosts });
    return { handPunch: { puncher, channels, natFacts: () => kad.selfView(), observers: () => this.#stun.get() } };
  }

  #meetingTools(): Omit<MeetingTools, 'punchedChannel' | 'isVouched'> {
    const { kad, pool, tools } = this.#parts;
    const { relayClient: client } = tools;
    const dialer = this.#dialer;
    return {
      dialer,
      pace: this.#pace,
      ownHosts: tools.ownHosts,
      selfFacts: () => this.#self.describe().facts,
      tcp: tools.tcpPunching,
      channels: tools.dataChannels,
      stunServers: () => this.#stun.get(),
      joinRelay: client === undefined ? undefined : makeRelayJoiner({ self: kad.nodeId, client, dialer, pool, relays: () => this.#relays }),
    };
  }

  #makeAttacher(): KadAttacher | undefined {
    const { kad, tools, pool } = this.#parts;
    if (tools.switchingSocket === undefined) return undefined;
    const parts = {
      socket: tools.switchingSocket,
      // The pool is made after this.
      open: (...args: Parameters<TunnelOpener>) => makeTunnelOpener(tools.dialer, pool())(...args),
      knownHosts: () => this.#relays.relays.map(({ nodeId, bat }) => ({ address: bat, expected: nodeId })),
      knownKad: () => this.#nodes.addresses(),
    };
    return new KadAttacher(this.#runtime, parts, (state) => {
      this.#self.checkSoon();
      this.#relays.lookSoon();
      this.#improver.networkChanged();
      if (state.address === undefined && state.hasNoUdp) return;
      // The same members, by the new way.
      this.#rejoining = kad
        .bootstrap(this.#joins)
        .catch((error: unknown) => this.#runtime.log.warn('reach.rejoin.failed', { error: String(error) }));
    });
  }

  #makeLanDiscovery(): LanDiscovery | undefined {
    const { kad, tools, networkKey } = this.#parts;
    const { lanInterfaces } = tools;
    if (lanInterfaces === undefined) return undefined;
    const config = {
      nodeId: kad.nodeId,
      networkTag: lanNetworkTag(networkKey),
      kadPort: kad.localAddress.port,
      interfaces: () => lanInterfaces(kad.localAddress),
    };
    return new LanDiscovery(this.#runtime, config, {
      onFound: (address) => {
        kad.bootstrap([address]).catch((error: unknown) => this.#runtime.log.debug('reach.lan-join.failed', { error: String(error) }));
      },
    });
  }
}

/** Those of our own calls: the other end would call at the same time. */
function relayedPeers(pool: ConnectionPool): NodeId[] {
  const isOurs = ({ connection }: BatSession): boolean => connection.path === 'relayed' && connection.isInitiator;
  return pool.sessions().flatMap(({ nodeId, session }) => (session.isUsable && isOurs(session) ? [nodeId] : []));
}
