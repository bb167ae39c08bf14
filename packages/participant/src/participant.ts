// driven: one participant: its KadNode and BatNode, started and stopped together, and what they tell about themselves.
import { EventEmitter } from 'node:events';
import {
  BatNode,
  type BatNodeApi,
  type BatSession,
  ConnectionPool,
  DirectOpener,
  type FileId,
  type OwnerStore,
  type ShardId,
  ShardServer,
  type ShardStore,
  type StagePool,
} from '@batchain/bat-node';
import { type KadConfig, KadNode, type KadRpc, type KadStateStore, type TableContact } from '@batchain/kad-node';
import {
  type Address,
  BatChainError,
  type Crypto,
  type Dialer,
  formatAddress,
  isPrivateHost,
  type KeyPair,
  type Listener,
  type NodeId,
  type Runtime,
  type Startable,
  type Timer,
  toHex,
} from '@batchain/shared';
import { isoTime } from '@batchain/shared/node';
import { KadLocator } from './adapters/kad-locator.ts';
import { chooseAdvertised } from './adapters/own-addresses.ts';
import type { PeerView, StatusResult } from './api/api-schemas.ts';
import { countByHealth } from './api/result-views.ts';
import type { Profile } from './config/node-settings.ts';
import {
  JOIN_WAIT_MS,
  PEER_RECORD_WAIT_MS,
  PEER_RECORDS_ASKED_MAX,
  PEERS_SHOWN_MAX,
  ROOM_CHECK_INTERVAL_MS,
  STORE_ROOM_BYTES_MIN,
} from './limits.ts';
import type { LocalNode, NodeEvent } from './local-node.ts';

/** Everything that touches the outside; `createParticipant` gives the real ones, a simulation its own. */
export interface ParticipantParts {
  readonly keyPair: KeyPair;
  readonly crypto: Crypto;
  readonly rpc: KadRpc;
  readonly kadStateStore?: KadStateStore;
  readonly dialer: Dialer;
  readonly listener: Listener;
  readonly shardStore: ShardStore;
  readonly ownerStore: OwnerStore;
  readonly stagePool: StagePool;
  readonly keepOwnShard: (shardId: ShardId, bytes: Uint8Array) => Promise<void>;
  /** Addresses of the machine's interfaces now. */
  readonly ownHosts: () => readonly string[];
  /** Resident memory of the process, bytes. */
  readonly memoryBytes: () => number;
}

export interface ParticipantConfig {
  readonly name: string;
  /** Shown in status. */
  readonly home: string;
  readonly version: string;
  readonly network: string;
  /** 32 bytes that set this network apart on both wires. */
  readonly networkKey: Uint8Array;
  readonly kad: KadConfig;
  readonly journalFolder: string;
  /** How fast the storage side does what it does by itself; `normal` by default. */
  readonly profile?: Profile;
}

/** Event name to the arguments of its listeners. */
export interface ParticipantEventMap {
  started: [{ readonly kad: Address; readonly bat: Address }];
  stopped: [];
  'peer-found': [{ readonly nodeId: NodeId; readonly address: Address }];
  'peer-lost': [{ readonly nodeId: NodeId; readonly address: Address }];
  joined: [{ readonly contacts: number }];
  offline: [];
  /** A shard of the file has become durable here. */
  'shard-held': [{ readonly fileId: FileId }];
}

export class Participant implements LocalNode, Startable, AsyncDisposable {
  readonly nodeId: NodeId;
  readonly events: EventEmitter<ParticipantEventMap> = new EventEmitter<ParticipantEventMap>();
  /** Upload, download, audit, list, release. */
  readonly files: BatNodeApi;
  readonly kad: KadNode;
  readonly #runtime: Runtime;
  readonly #parts: ParticipantParts;
  readonly #config: ParticipantConfig;
  readonly #batNode: BatNode;
  readonly #pool: ConnectionPool;
  readonly #server: ShardServer;
  readonly #locals = new Set<(event: NodeEvent) => void>();
  #startedMs = 0;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #roomTimer: Timer | undefined;
  #advertised: { readonly kad: readonly Address[]; readonly bat: readonly Address[] } = { kad: [], bat: [] };

  constructor(runtime: Runtime, parts: ParticipantParts, config: ParticipantConfig) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#config = config;
    const { keyPair, crypto, rpc, kadStateStore } = parts;
    this.nodeId = keyPair.nodeId;
    const stateStore = kadStateStore === undefined ? {} : { stateStore: kadStateStore };
    this.kad = new KadNode(runtime.fork('kad'), { rpc, signer: keyPair, crypto, ...stateStore }, config.kad);
    const batRuntime = runtime.fork('bat');
    const onShardHeld = (fileId: FileId): void => this.#shardHeld(fileId);
    const serverParts = { store: parts.shardStore, signer: keyPair, verifier: crypto.verifier, onShardHeld, isLeaving: () => false };
    this.#server = new ShardServer(batRuntime, serverParts);
    const locator = new KadLocator(this.kad);
    this.#pool = new ConnectionPool(
      batRuntime,
      {
        opener: new DirectOpener(batRuntime, { dialer: parts.dialer, resolve: (nodeId, signal) => locator.resolve(nodeId, signal) }),
        self: keyPair,
      },
      {
        nodeId: keyPair.nodeId,
        networkKey: config.networkKey,
        shardBytesMax: parts.shardStore.usage().offerBytes,
        relays: false,
        onStream: (session, stream) => this.#server.serve(session, stream),
      },
    );
    const batParts = { ...parts, signer: keyPair, locator, connector: this.#pool };
    this.#batNode = new BatNode(batRuntime, batParts, { journalFolder: config.journalFolder, profile: config.profile ?? 'normal' });
    this.files = this.#batNode;
    this.#followKad();
  }

  // Life

  /** Ports are bound and stores open when it resolves; joining is `join`'s. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { clock, log } = this.#runtime;
    this.#startedMs = clock.monotonicMs();
    const steps = [
      () => this.kad.start(),
      () => this.#batNode.start(),
      () => this.#parts.listener.listen((connection) => void this.#pool.accept(connection)),
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
    const hosts = this.#parts.ownHosts();
    this.#advertised = {
      kad: chooseAdvertised(this.kad.localAddress, hosts),
      bat: chooseAdvertised(this.#parts.listener.localAddress, hosts),
    };
    await this.#publishContact();
    this.#armRoomCheck();
    log.info('participant.started', { node: toHex(this.nodeId), kad: formatAddress(this.kadAddress), bat: formatAddress(this.batAddress) });
    this.events.emit('started', { kad: this.kadAddress, bat: this.batAddress });
  }

  /** Resolves when the addresses answered, or after 8 s: joining then goes on by itself. True when the network was joined. */
  async join(addresses: readonly Address[], signal?: AbortSignal): Promise<boolean> {
    if (addresses.length === 0) return this.kad.isJoined;
    const joined = this.kad.bootstrap(addresses).catch((error: unknown) => {
      this.#runtime.log.warn('participant.join.failed', { error: String(error) });
    });
    await Promise.race([joined, this.#runtime.clock.sleep(JOIN_WAIT_MS, signal)]);
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
    const failures: unknown[] = [];
    const steps = [
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
    return this.#advertised.kad[0] ?? this.kad.localAddress;
  }

  get batAddress(): Address {
    return this.#advertised.bat[0] ?? this.#parts.listener.localAddress;
  }

  async #hasRoom(): Promise<boolean> {
    if (this.files.usage().offerBytes === 0) return false;
    return (await this.#parts.shardStore.roomBytes()) >= STORE_ROOM_BYTES_MIN;
  }

  async #publishContact(): Promise<void> {
    const stores = await this.#hasRoom();
    const flags = { isPublic: true, relays: false, stores, isLeaving: false, hasNoUdp: false };
    this.kad.setContact({ kadAddresses: this.#advertised.kad, batAddresses: this.#advertised.bat, flags });
  }

  #armRoomCheck(): void {
    this.#roomTimer = this.#runtime.clock.setTimer(ROOM_CHECK_INTERVAL_MS, () => {
      this.#publishContact()
        .catch((error: unknown) => this.#runtime.log.warn('participant.contact.failed', { error: String(error) }))
        .finally(() => {
          if (this.#stopping === undefined) this.#armRoomCheck();
        });
    });
  }

  // What this machine is told

  async status(): Promise<Omit<StatusResult, 'jobs'>> {
    const usage = this.files.usage();
    const files = await this.files.list();
    return {
      nodeId: toHex(this.nodeId),
      name: this.#config.name,
      version: this.#config.version,
      home: this.#config.home,
      network: this.#config.network,
      uptimeMs: Math.round(this.#runtime.clock.monotonicMs() - this.#startedMs),
      reach: this.#reach(),
      kad: formatAddress(this.kadAddress),
      bat: formatAddress(this.batAddress),
      peers: { online: this.#contacts().filter(isAnswering).length },
      offer: { bytes: usage.offerBytes, usedBytes: usage.usedBytes, shards: usage.shardCount, isReadOnly: usage.isReadOnly },
      files: countByHealth(files),
      memory: { rssBytes: this.#parts.memoryBytes() },
    };
  }

  /** Until NAT detection exists the advertised addresses decide. */
  #reach(): StatusResult['reach'] {
    return this.#advertised.kad.some(({ host }) => !isPrivateHost(host)) ? 'public' : 'lan';
  }

  #contacts(): readonly TableContact[] {
    return this.kad.routes().buckets.flatMap((bucket) => bucket.contacts);
  }

  async peers(): Promise<readonly PeerView[]> {
    const sessions = new Map(this.#pool.sessions().map(({ nodeId, session }) => [toHex(nodeId), session]));
    const contacts = this.#contacts().slice(0, PEERS_SHOWN_MAX);
    const batAddresses = await this.#batAddressesOf(contacts);
    const { clock } = this.#runtime;
    return contacts.map((contact) => {
      const session = sessions.get(toHex(contact.nodeId));
      const bat = batAddresses.get(toHex(contact.nodeId));
      const rttMs = session?.rttMs ?? contact.rttMs;
      return {
        nodeId: toHex(contact.nodeId),
        kad: formatAddress(contact.address),
        bat: bat === undefined ? null : formatAddress(bat),
        path: pathOf(session),
        rttMs: rttMs === undefined ? null : Math.round(rttMs * 100) / 100,
        lastSeen: isoTime(clock.nowMs() - (clock.monotonicMs() - contact.lastSeenMs)),
      };
    });
  }

  /** From the contact records, most of which are at hand; the others are asked for a moment. */
  async #batAddressesOf(contacts: readonly TableContact[]): Promise<ReadonlyMap<string, Address>> {
    const signal = this.#runtime.clock.timeoutSignal(PEER_RECORD_WAIT_MS);
    const asked = contacts.slice(0, PEER_RECORDS_ASKED_MAX).map(async ({ nodeId }): Promise<readonly [string, Address][]> => {
      const record = await this.kad.getContact(nodeId, { signal }).catch(() => undefined);
      const [address] = record?.contact.batAddresses ?? [];
      return address === undefined ? [] : [[toHex(nodeId), address]];
    });
    return new Map((await Promise.all(asked)).flat());
  }

  // Events

  onEvent(listener: (event: NodeEvent) => void): () => void {
    this.#locals.add(listener);
    return () => this.#locals.delete(listener);
  }

  #tell(name: string, fields: Readonly<Record<string, unknown>>): void {
    for (const listener of this.#locals) listener({ name, fields });
  }

  #shardHeld(fileId: FileId): void {
    this.#batNode.shardHeld(fileId);
    this.events.emit('shard-held', { fileId });
    this.#tell('shard.held', { fileId: toHex(fileId) });
  }

  #followKad(): void {
    const { events } = this.kad;
    events.on('contact-added', ({ nodeId, address }) => {
      this.events.emit('peer-found', { nodeId, address });
      this.#tell('peer.found', { nodeId: toHex(nodeId), kad: formatAddress(address) });
    });
    events.on('contact-dropped', ({ nodeId, address }) => {
      this.events.emit('peer-lost', { nodeId, address });
      this.#tell('peer.lost', { nodeId: toHex(nodeId), kad: formatAddress(address) });
    });
    events.on('joined', ({ contacts }) => {
      this.events.emit('joined', { contacts });
      this.#tell('network.joined', { contacts });
    });
    events.on('offline', () => {
      this.events.emit('offline');
      this.#tell('network.offline', {});
    });
  }
}

const isAnswering = (contact: TableContact): boolean => contact.failures === 0;

const pathOf = (session: BatSession | undefined): PeerView['path'] => (session?.isUsable === true ? session.connection.path : 'none');
