// driven: one participant: its KadNode and BatNode, started and stopped together, and what they tell about themselves.
import { EventEmitter, once } from 'node:events';
import {
  BatNode,
  type BatNodeApi,
  ConnectionPool,
  type FileId,
  type KeyValueStore,
  type OwnerStore,
  type RelayService,
  type ShardId,
  ShardServer,
  type ShardStore,
  type StagePool,
  type TunnelService,
} from '@batchain/bat-node';
import { KadNode, type KadRpc, type KadStateStore } from '@batchain/kad-node';
import {
  type Address,
  BatChainError,
  type ConnectionPath,
  type Crypto,
  type DialFailure,
  formatAddress,
  type KeyPair,
  type NodeId,
  ok,
  type Result,
  type Runtime,
  type Startable,
  type Timer,
  toHex,
} from '@batchain/shared';
import { literalAddress } from './adapters/join-addresses.ts';
import { KadLocator } from './adapters/kad-locator.ts';
import { makeValues } from './adapters/kad-value-network.ts';
import type { DoctorResult, OthersJoin, PeerView, StatusResult, WhyResult } from './api/api-schemas.ts';
import type { DhtApi, NetworkApi } from './api/dht-api.ts';
import { KadDht } from './dht/kad-dht.ts';
import { KadNetwork } from './dht/kad-network.ts';
import { Membership } from './leaving/membership.ts';
import { JOIN_WAIT_MS, LADDER_MS, ROOM_CHECK_INTERVAL_MS, STORE_ROOM_BYTES_MIN } from './limits.ts';
import type { LocalNode, NodeEvent } from './local-node.ts';
import type { ParticipantConfig } from './participant-config.ts';
import { LocalNews, type ParticipantEventMap, tellOfKad } from './participant-events.ts';
import { ParticipantReport } from './participant-report.ts';
import { makeDialBack } from './reach/dial-back.ts';
import { PeerList } from './reach/peer-list.ts';
import { ReachSide, type ReachTools } from './reach/reach-side.ts';
import type { ValueFiles } from './values/value-files.ts';
import type { Values } from './values/values.ts';
import type { ValuesApi } from './values/values-api.ts';

/** Everything that touches the outside; `createParticipant` gives the real ones, a simulation its own. */
export interface ParticipantParts extends ReachTools {
  readonly keyPair: KeyPair;
  readonly crypto: Crypto;
  readonly rpc: KadRpc;
  readonly kadStateStore?: KadStateStore;
  /** Carries connections of others, and Kad datagrams of nodes without UDP; absent: it does not. */
  readonly relay?: RelayService;
  readonly tunnels?: TunnelService;
  readonly shardStore: ShardStore;
  readonly ownerStore: OwnerStore;
  /** The table of values by key, and a folder for those that do not fit in it. */
  readonly valueStore: KeyValueStore;
  readonly valueFiles: ValueFiles;
  readonly stagePool: StagePool;
  readonly keepOwnShard: (shardId: ShardId, bytes: Uint8Array) => Promise<void>;
  /** Addresses of HOST:PORT; absent: names are not looked up. */
  readonly resolveHost?: (hostPort: string) => Promise<readonly Address[]>;
  /** Resident memory of the process, bytes. */
  readonly memoryBytes: () => number;
}

export class Participant implements LocalNode, Startable, AsyncDisposable {
  readonly nodeId: NodeId;
  readonly events: EventEmitter<ParticipantEventMap> = new EventEmitter<ParticipantEventMap>();
  /** Upload, download, audit, list, release. */
  readonly files: BatNodeApi;
  /** Values by key, in the network and in the local store. */
  readonly values: ValuesApi;
  readonly kad: KadNode;
  readonly dht: DhtApi;
  readonly network: NetworkApi;
  /** Leaving with all that is kept for others, and coming back. */
  readonly membership: Membership;
  readonly #runtime: Runtime;
  readonly #parts: ParticipantParts;
  readonly #batNode: BatNode;
  readonly #values: Values;
  readonly #pool: ConnectionPool;
  readonly #server: ShardServer;
  readonly #news = new LocalNews();
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #roomTimer: Timer | undefined;
  readonly #resumeAbort = new AbortController();
  readonly #reachSide: ReachSide;
  readonly #peers: PeerList;
  readonly #report: ParticipantReport;

  constructor(runtime: Runtime, parts: ParticipantParts, config: ParticipantConfig) {
    this.#runtime = runtime;
    this.#parts = parts;
    const { keyPair, crypto, rpc, kadStateStore } = parts;
    this.nodeId = keyPair.nodeId;
    const stateStore = kadStateStore === undefined ? {} : { stateStore: kadStateStore };
    const probing = parts.openSocket === undefined ? {} : { openSocket: parts.openSocket };
    const kadParts = {
      rpc,
      signer: keyPair,
      crypto,
      ownHosts: parts.ownHosts,
      dialBack: makeDialBack(parts.dialer),
      ...probing,
      ...stateStore,
    };
    this.kad = new KadNode(runtime.fork('kad'), kadParts, config.kad);
    const batRuntime = runtime.fork('bat');
    const onShardHeld = (fileId: FileId): void => this.#shardHeld(fileId);
    this.#server = new ShardServer(batRuntime, {
      store: parts.shardStore,
      signer: keyPair,
      verifier: crypto.verifier,
      onShardHeld,
      isLeaving: () => this.membership.state !== 'member',
      relay: parts.relay,
      tunnels: parts.tunnels,
    });
    const locator = new KadLocator(this.kad);
    this.#reachSide = new ReachSide(batRuntime, {
      keyPair,
      crypto,
      networkKey: config.networkKey,
      kad: this.kad,
      tools: parts,
      resolve: (nodeId, signal) => locator.resolve(nodeId, signal),
      pool: () => this.#pool,
      onChange: () => void this.#publishContact().catch((error: unknown) => this.#contactFailed(error)),
    });
    this.#pool = new ConnectionPool(
      batRuntime,
      { opener: this.#reachSide.opener, self: keyPair, onDead: () => this.#reachSide.pathDied() },
      {
        nodeId: keyPair.nodeId,
        networkKey: config.networkKey,
        shardBytesMax: parts.shardStore.usage().offerBytes,
        relays: parts.relay !== undefined,
        onStream: (session, stream) => this.#server.serve(session, stream),
      },
    );
    this.#peers = new PeerList(runtime, { kad: this.kad, pool: this.#pool, reach: this.#reachSide.reach });
    const { resolveHost = literalAddress } = parts;
    this.dht = new KadDht(runtime, {
      kad: this.kad,
      bucketSize: config.kad.bucketSize,
      idOf: (prefix) => this.#peers.idOf(prefix),
      resolve: resolveHost,
    });
    this.network = new KadNetwork(runtime, {
      kad: this.kad,
      resolve: resolveHost,
      searchLan: (signal) => this.#reachSide.searchLan(signal),
      join: (addresses, signal) => this.#joinAgain(addresses, signal),
      forgetJoins: (addresses) => this.#forgetJoins(addresses),
    });
    const onLeaving = (): void => void this.#publishContact().catch((error: unknown) => this.#contactFailed(error));
    const batParts = { ...parts, signer: keyPair, locator, connector: this.#pool, onLeaving };
    this.#batNode = new BatNode(batRuntime, batParts, { journalFolder: config.journalFolder, profile: config.profile ?? 'normal' });
    this.files = this.#batNode;
    this.membership = new Membership(runtime, { kad: this.kad, files: this.#batNode, publishContact: () => this.#publishContact() });
    this.#values = makeValues(runtime.fork('values'), parts, this.kad, this.#batNode);
    this.values = this.#values;
    this.#report = new ParticipantReport(runtime, { participant: this, parts, config, peers: this.#peers, reachSide: this.#reachSide });
    tellOfKad(this.kad, this.events, this.#news);
    this.kad.events.on('joined', () => this.#values.joined());
  }

  // Life

  /** Ports are bound and stores open when it resolves; joining is `join`'s. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { clock, log } = this.#runtime;
    this.#report.startedMs = clock.monotonicMs();
    const steps = [
      () => this.kad.start(),
      () => this.#batNode.start(),
      () => this.#values.start(),
      () => this.#parts.listener.listen((connection) => this.#reachSide.accept(connection)),
    ];
    try {
      for (const step of steps) {
        this.#checkNotStopping();
        await step();
      }
      this.#checkNotStopping();
    } catch (error) {
      await this.#end();
      throw error;
    }
    await this.#publishContact();
    await this.#reachSide.start();
    this.#armRoomCheck();
    this.membership.resume(this.#resumeAbort.signal);
    log.info('participant.started', { node: toHex(this.nodeId), kad: formatAddress(this.kadAddress), bat: formatAddress(this.batAddress) });
    this.events.emit('started', { kad: this.kadAddress, bat: this.batAddress });
  }

  /**
   * Resolves when each of the addresses has answered, or has not by UDP nor over TCP, or after 8 s: joining then goes on by itself. True
   * when the network was joined.
   */
  async join(addresses: readonly Address[], signal?: AbortSignal): Promise<boolean> {
    if (addresses.length === 0) return this.kad.isJoined;
    this.#reachSide.joining(addresses);
    const join = async (): Promise<void> => {
      await this.kad.bootstrap(addresses);
      await this.#reachSide.joinByTunnel();
      if (this.kad.isJoined) await Promise.all(addresses.map((address) => this.kad.answersAt(address)));
    };
    const joined = join().catch((error: unknown) => {
      this.#runtime.log.warn('participant.join.failed', { error: String(error) });
    });
    await Promise.race([joined, this.#runtime.clock.sleep(JOIN_WAIT_MS, signal)]);
    return this.kad.isJoined;
  }

  /** Who left takes part again (BD-16). */
  async #joinAgain(addresses: readonly Address[], signal?: AbortSignal): Promise<boolean> {
    if (this.membership.state !== 'member') await this.membership.rejoin();
    return this.join(addresses, signal);
  }

  #forgetJoins(addresses: readonly Address[]): void {
    this.#reachSide.forgetJoins(addresses);
    this.kad.forgetBootstrap(addresses);
  }

  /** Resolves when the network is joined, or after 8 s: for a node that remembers members and was told of none. */
  async untilJoined(signal?: AbortSignal): Promise<boolean> {
    if (!this.kad.isJoined) {
      const over = new AbortController();
      const joined = once(this.kad.events, 'joined', { signal: over.signal });
      const late = this.#runtime.clock.sleep(JOIN_WAIT_MS, signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]));
      await Promise.race([joined, late]).catch(() => undefined);
      over.abort();
      await Promise.allSettled([joined, late]);
    }
    return this.kad.isJoined;
  }

  #checkNotStopping(): void {
    if (this.#stopping !== undefined)
      throw new BatChainError('BAT_E_NODE_STOPPED', { what: 'the participant was stopped while it started' });
  }

  /** Ends a start under way at its next step, then all work in good order. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      await this.#starting?.catch(() => undefined);
      await this.#end();
    })();
    return this.#stopping;
  }

  #end(): Promise<void> {
    this.#ending ??= this.#endParts();
    return this.#ending;
  }

  /** Connections, then requests in work, then the stores, then the KadNode. */
  async #endParts(): Promise<void> {
    this.#roomTimer?.cancel();
    this.#resumeAbort.abort();
    const failures: unknown[] = [];
    const steps = [
      () => this.#values.stop(),
      () => this.#reachSide.stop(),
      () => this.#parts.listener.close(),
      () => this.#pool.close(),
      () => this.#server.drain(),
      () => this.#batNode.stop(),
      () => this.kad.stop(),
    ];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    this.#runtime.log.info('participant.stopped', {});
    this.events.emit('stopped');
    if (failures.length > 0) throw new AggregateError(failures, 'the participant did not stop in good order');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // What others are told

  /** The first advertised address. */
  get kadAddress(): Address {
    return this.kad.contact.contact.kadAddresses[0] ?? this.kad.localAddress;
  }

  get batAddress(): Address {
    return this.kad.contact.contact.batAddresses[0] ?? this.#parts.listener.localAddress;
  }

  /** How others get into the network, as far as is known. */
  get others(): OthersJoin {
    return this.#report.others;
  }

  /** Members of before who do not answer now. */
  get rememberedCount(): number {
    return this.#peers.remembered.length;
  }

  async #hasRoom(): Promise<boolean> {
    if (this.files.usage().offerBytes === 0) return false;
    return (await this.#parts.shardStore.roomBytes()) >= STORE_ROOM_BYTES_MIN;
  }

  async #publishContact(): Promise<void> {
    const isLeaving = this.membership.state !== 'member';
    const stores = !isLeaving && (await this.#hasRoom());
    const { kadAddresses, batAddresses, isKadReachable, natMapping, facts } = this.#reachSide.describe();
    const flags = { isPublic: isKadReachable, relays: this.#parts.relay !== undefined, stores, isLeaving, hasNoUdp: !facts.hasUdp };
    this.kad.setContact({ kadAddresses, batAddresses, natMapping, flags });
  }

  #contactFailed(error: unknown): void {
    if (this.#stopping === undefined) this.#runtime.log.warn('participant.contact.failed', { error: String(error) });
  }

  #armRoomCheck(): void {
    this.#roomTimer = this.#runtime.clock.setTimer(ROOM_CHECK_INTERVAL_MS, () => {
      this.#publishContact()
        .catch((error: unknown) => this.#contactFailed(error))
        .finally(() => {
          if (this.#stopping === undefined) this.#armRoomCheck();
        });
    });
  }

  // What this machine is told

  status(): Promise<Omit<StatusResult, 'jobs'>> {
    return this.#report.status();
  }

  peers(): Promise<readonly PeerView[]> {
    return this.#peers.all();
  }

  /** Connects to a peer by whatever way leads there and says which that was; `why` tells what else was tried. */
  async meet(nodeId: NodeId, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Result<ConnectionPath, DialFailure>> {
    const options = { signal: signal ?? new AbortController().signal, timeoutMs: LADDER_MS };
    const session = await this.#pool.connect({ nodeId, record: undefined }, options);
    return session.ok ? ok(session.value.connection.path) : session;
  }

  why(id: string): WhyResult {
    return this.#peers.why(id);
  }

  diagnose(): Promise<DoctorResult['findings']> {
    return this.#report.diagnose();
  }

  // Events

  onEvent(listener: (event: NodeEvent) => void): () => void {
    return this.#news.follow(listener);
  }

  #shardHeld(fileId: FileId): void {
    this.#batNode.shardHeld(fileId);
    this.events.emit('shard-held', { fileId });
    this.#news.tell('shard.held', { fileId: toHex(fileId) });
  }
}
