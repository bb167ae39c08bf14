// driven: the KadNode: one participant's part in the Kademlia network. Joins, looks up, announces, keeps records, mends itself.
import { EventEmitter } from 'node:events';
import {
  type Address,
  BatChainError,
  type ContactRecord,
  isPrivateHost,
  type NodeId,
  ok,
  type Result,
  type Runtime,
  type Startable,
} from '@batchain/shared';
import type { BrokerState } from './broker/broker-keeper.ts';
import type { ObservedAddress } from './broker/observed-addresses.ts';
import type { CheckOptions } from './broker/reach-check.ts';
import type { SelfView } from './broker/self-view.ts';
import type { SignalHandler } from './broker/signal-broker.ts';
import type { SignalResult } from './broker/signal-sender.ts';
import type { SignalTarget } from './broker/signal-ways.ts';
import { makeRequestHandler } from './handlers/handler-table.ts';
import { assembleKad, type KadAssembly, type KadNodeParts } from './kad-assembly.ts';
import { KAD_DEFAULTS, type KadConfig } from './kad-config.ts';
import type { KadEventMap } from './kad-events.ts';
import type { CountOptions, FindContactsOptions, KadStats, PingResult, Reachability, RoutesView, WhoIsAtOptions } from './kad-node-api.ts';
import { statsOf } from './kad-stats.ts';
import { SIGNAL_BYTES_MAX, SIZE_LOOKUPS } from './limits.ts';
import type { JoinResult } from './lookup/bootstrap.ts';
import type { DigestKind, DigestResult } from './lookup/digester.ts';
import type { LeaveOptions, LeaveResult } from './lookup/leaving.ts';
import type { LookupOptions, LookupResult } from './lookup/lookup-types.ts';
import type { ContactSettings } from './lookup/own-contact.ts';
import type { Announcement, PutMutableOptions, PutMutableResult } from './lookup/own-publishing.ts';
import type { PublishResult } from './lookup/publisher.ts';
import type { FindProvidersOptions, FoundMutable, FoundProviders, GetContactOptions } from './lookup/record-finder.ts';
import type { SavedPeer } from './records/kad-state.ts';
import type { RecordKind } from './records/record-kind.ts';
import type { ByteRange } from './records/value-digest.ts';
import { findNeighbours } from './routing/neighbours.ts';
import type { SizeEstimate } from './routing/size-estimate.ts';
import type { KadRpc, ProvedPeer, RpcFailure } from './rpc/kad-rpc.ts';
import type { CompactContact } from './wire/messages.ts';

/**
 * Give it a fork of the runtime of its own. `start` opens the socket; `bootstrap` joins. Public calls reject with
 * BAT_E_NODE_STOPPED before `start` and after `stop`, and with the signal's reason when their signal aborts.
 */
export class KadNode implements Startable {
  readonly nodeId: NodeId;
  readonly events: EventEmitter<KadEventMap> = new EventEmitter<KadEventMap>();
  readonly #rpc: KadRpc;
  readonly #config: KadConfig;
  readonly #parts: KadAssembly;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #isOpen = false;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(runtime: Runtime, parts: KadNodeParts, config: KadConfig = KAD_DEFAULTS) {
    this.nodeId = parts.signer.nodeId;
    this.#rpc = parts.rpc;
    this.#config = config;
    this.#parts = assembleKad(runtime, parts, this.events, config);
    const { handlerContext, client, bootstrap, brokerKeeper } = this.#parts;
    const handle = makeRequestHandler(handlerContext);
    const hear = (peer: CompactContact, isClient: boolean): void => {
      if (isClient) client.noteClient(peer.nodeId);
      else client.noteAlive(peer, 'asked');
      bootstrap.heard(isClient);
    };
    // In a private range we are all on one network.
    const { leaving } = this.#parts;
    parts.rpc.decideRole(({ host }) => !leaving.isAway && (brokerKeeper.isReachable || isPrivateHost(host)));
    parts.rpc.onProved(hear);
    parts.rpc.onRequest((request) => {
      if (request.isProved) hear(request.peer, request.isClient);
      return handle(request);
    });
  }

  // Life

  /** Loads the saved state, opens the socket, and joins in the background when it knows peers from before. */
  start(): Promise<void> {
    if (this.#state === 'stopped') return Promise.reject(stopped());
    this.#starting ??= (async () => {
      await this.#parts.stateKeeper?.load();
      await this.#rpc.open();
      this.#isOpen = true;
      if (this.#stopping !== undefined) return;
      this.#state = 'running';
      this.#advertiseBoundAddress();
      this.#parts.maintenance.start();
      this.#parts.bootstrap.start();
      this.#parts.brokerKeeper.start();
    })();
    return this.#starting;
  }

  /** Ends lookups and timers, saves the state, closes the socket. A stopped node does not start again: make a new one. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      await this.#starting?.catch(() => undefined);
      const wasRunning = this.#state === 'running';
      this.#state = 'stopped';
      this.#parts.lookups.stop(stopped());
      this.#parts.reachCheck.stop();
      const dialBacksEnded = this.#parts.dialBacks.stop();
      if (this.#isOpen) await this.#rpc.close();
      const { bootstrap, maintenance, brokerKeeper } = this.#parts;
      await Promise.all([bootstrap.stop(), maintenance.stop(), brokerKeeper.stop(), dialBacksEnded]);
      if (wasRunning) await this.#parts.stateKeeper?.save();
    })();
    return this.#stopping;
  }

  /** Adds bootstrap contacts and joins: resolves after the first attempt; when nobody answered, attempts go on in the background. */
  async bootstrap(addresses: readonly Address[]): Promise<JoinResult> {
    this.#checkRunning();
    return this.#parts.bootstrap.join(addresses);
  }

  /** They are asked no more when the network is to be joined again: nobody was there. */
  forgetBootstrap(addresses: readonly Address[]): void {
    this.#parts.bootstrap.forget(addresses);
  }

  /** Whether anybody answered at an address given to `bootstrap` when it was asked last; waits while it is being asked. */
  answersAt(address: Address): Promise<boolean> {
    return this.#parts.bootstrap.answersAt(address);
  }

  // Leaving (BD-17, SH-04)

  /**
   * Leaves the network: the neighbours forget us, our announcements are withdrawn, our values refreshed, and what we keep for
   * others is handed to the nodes nearest to it. Afterwards the node still answers and asks, as a client that keeps nothing.
   * Announcements do not come back with `rejoin`. Calling it again goes on with what is left.
   */
  async leave(options: LeaveOptions = {}): Promise<LeaveResult> {
    this.#checkRunning();
    return this.#parts.leaving.leave(options);
  }

  /** Takes a `leave` back: we are in tables and keep records again (BD-16). */
  async rejoin(): Promise<JoinResult> {
    this.#checkRunning();
    const wasAway = await this.#parts.leaving.comeBack();
    const joined = await this.#parts.bootstrap.join([]);
    if (wasAway) this.#parts.maintenance.publishNow();
    return joined;
  }

  /** `leave` was called, and not taken back. */
  get isAway(): boolean {
    return this.#parts.leaving.isAway;
  }

  // Finding (BD-05, BN-11)

  /** The nodes nearest to a key that answered, nearest first; the own node is not among them (BN-12). */
  async findContacts(key: Uint8Array, options: FindContactsOptions = {}): Promise<LookupResult> {
    this.#checkRunning();
    const { lookups } = this.#parts;
    const count = options.count ?? this.#config.bucketSize;
    return options.isSecure === true ? lookups.findSecure(key, count, options) : lookups.findMany(key, count, options);
  }

  /** A quick search for the few nodes nearest to a key: it ends when KadConfig.findOneAnswers of them have answered. */
  async findNearest(key: Uint8Array, options: LookupOptions = {}): Promise<LookupResult> {
    this.#checkRunning();
    return this.#parts.lookups.findOne(key, options);
  }

  /** Contact records of hosts with room, clients included, nearest to the key first: candidates for placement. */
  async findHosts(key: Uint8Array, options: CountOptions = {}): Promise<readonly ContactRecord[]> {
    this.#checkRunning();
    return this.#parts.finder.findHosts(key, options.count ?? this.#config.bucketSize, options);
  }

  async findProviders(fileId: Uint8Array, options: FindProvidersOptions = {}): Promise<FoundProviders> {
    this.#checkRunning();
    return this.#parts.finder.findProviders(fileId, options);
  }

  async getContact(nodeId: NodeId, options: GetContactOptions = {}): Promise<ContactRecord | undefined> {
    this.#checkRunning();
    return this.#parts.finder.getContact(nodeId, options);
  }

  /** Asks whoever answers at an address whether it lives. */
  async ping(address: Address): Promise<Result<PingResult, RpcFailure>> {
    this.#checkRunning();
    const answer = await this.#parts.client.ask({ nodeId: undefined, address }, { type: 'ping' });
    if (!answer.ok) return answer;
    const { peer, rttMs, observedAddress } = answer.value;
    return ok({ peer, rttMs, observedAddress });
  }

  /**
   * Who is at an address, without a trace: no failure is counted and nobody enters a table, so that many may be asked where most are
   * nobody.
   */
  async whoIsAt(address: Address, options: WhoIsAtOptions = {}): Promise<Result<PingResult, RpcFailure>> {
    this.#checkRunning();
    const { expected, ...rest } = options;
    const answer = await this.#rpc.request(address, expected, { type: 'ping' }, { ...rest, introduce: false });
    if (!answer.ok) return answer;
    const { peer, rttMs, observedAddress } = answer.value;
    return ok({ peer, rttMs, observedAddress });
  }

  /** Kinds of records that a peer keeps under a key, as far as it shows them; undefined when it does not answer. */
  async heldBy(peer: ProvedPeer, key: Uint8Array): Promise<readonly RecordKind[] | undefined> {
    this.#checkRunning();
    return this.#parts.finder.heldBy(peer, key);
  }

  /** The same of this node. */
  heldHere(key: Uint8Array): readonly RecordKind[] {
    return this.#parts.finder.heldHere(key);
  }

  /** How far the wall clock of a contact of the table is ahead of ours, milliseconds; undefined when it does not answer. */
  async clockOffsetMs(nodeId: NodeId): Promise<number | undefined> {
    this.#checkRunning();
    return this.#parts.finder.clockOffsetMs(nodeId);
  }

  // Introductions

  /**
   * Brings 1 to SIGNAL_BYTES_MAX opaque bytes to a node through somebody in touch with it. Within 10 s; it may arrive more than
   * once. Who may read or forge it is the caller's matter: brokers see the bytes. Rejects with BAT_E_VALUE_SIZE for other lengths.
   */
  async sendSignal(target: SignalTarget, bytes: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<SignalResult> {
    this.#checkRunning();
    if (bytes.length < 1 || bytes.length > SIGNAL_BYTES_MAX) {
      throw new BatChainError('BAT_E_VALUE_SIZE', {
        what: `a signal has ${bytes.length} bytes`,
        why: `1 to ${SIGNAL_BYTES_MAX} go through`,
      });
    }
    return this.#parts.signalSender.send(target, bytes, options.signal);
  }

  /** Called for each signal to us; set once. It must not throw. */
  onSignal(handler: SignalHandler): void {
    this.#parts.signalBroker.onSignal(handler);
  }

  // Publishing

  /** Announces that this host keeps shards of a file, now and again until withdrawn (BN-21). */
  async announce(fileId: Uint8Array, options: LookupOptions & Omit<Announcement, 'fileId'> = {}): Promise<PublishResult> {
    const [result] = await this.announceMany([{ fileId, grant: options.grant }], options);
    return result as PublishResult;
  }

  /** Many at once: neighbouring ids share lookups and datagrams. Results in the order given. */
  async announceMany(announcements: readonly Announcement[], options: LookupOptions = {}): Promise<readonly PublishResult[]> {
    this.#checkRunning();
    return this.#parts.publishing.announce(announcements, options);
  }

  async withdraw(fileId: Uint8Array, options: LookupOptions = {}): Promise<PublishResult> {
    const [result] = await this.withdrawMany([fileId], options);
    return result as PublishResult;
  }

  /** Withdraws announcements now; what nobody heard of is tried again. Results in the order given. */
  async withdrawMany(fileIds: readonly Uint8Array[], options: LookupOptions = {}): Promise<readonly PublishResult[]> {
    this.#checkRunning();
    return this.#parts.publishing.withdraw(fileIds, options);
  }

  /** Ids of the files that are announced and not withdrawn, those of earlier runs included. */
  announced(): readonly Uint8Array[] {
    return this.#parts.own.keysOf('provider');
  }

  /** Stores a value of 1 to 896 bytes under its SHA-256, and again until released. Rejects with BAT_E_VALUE_SIZE. */
  async putImmutable(value: Uint8Array, options: LookupOptions = {}): Promise<PublishResult & { readonly key: Uint8Array }> {
    this.#checkRunning();
    return this.#parts.publishing.putImmutable(value, options);
  }

  async getImmutable(key: Uint8Array, options: LookupOptions = {}): Promise<Uint8Array | undefined> {
    this.#checkRunning();
    return this.#parts.finder.getImmutable(key, options);
  }

  /** No longer stores the value again; it goes when its lifetime ends. */
  releaseImmutable(key: Uint8Array): void {
    this.#parts.publishing.releaseImmutable(key);
  }

  /** Stores at most 896 bytes under our key and a name of at most 32 bytes, and again until deleted. */
  async putMutable(name: string, value: Uint8Array, options: PutMutableOptions = {}): Promise<PutMutableResult> {
    this.#checkRunning();
    return this.#parts.publishing.putMutable(name, value, options);
  }

  /** The latest value that the owner of `publicKey` stored under the name; never an older one than was given before. */
  async getMutable(publicKey: Uint8Array, name: string, options: LookupOptions = {}): Promise<FoundMutable | undefined> {
    this.#checkRunning();
    return this.#parts.finder.getMutable(publicKey, name, options);
  }

  /** Leaves a signed tombstone for as long as any copy of the value can live. */
  async deleteMutable(name: string, options: LookupOptions = {}): Promise<PutMutableResult> {
    this.#checkRunning();
    return this.#parts.publishing.putMutable(name, null, options);
  }

  /** Has every node that keeps a value hash a range of its bytes, the whole by default: copies are compared without being sent (BD-45). */
  async digest(key: Uint8Array, kind: DigestKind, range?: ByteRange, options: LookupOptions = {}): Promise<DigestResult> {
    this.#checkRunning();
    return this.#parts.digester.digest(key, kind, range, options);
  }

  /** The value that we keep alive under a name of ours, whether anybody has stored it yet or not; null: its deletion, while that is told. */
  ownMutable(name: string): Uint8Array | null | undefined {
    return this.#parts.publishing.ownMutable(name);
  }

  /** True while we store the value again and again; see putImmutable. */
  ownsImmutable(key: Uint8Array): boolean {
    return this.#parts.own.get('immutable', key) !== undefined;
  }

  /** Changes what our contact record says; a new one is published at once when it differs (BN-27). */
  setContact(changes: Partial<ContactSettings>): ContactRecord {
    const settings = { ...this.#parts.ownContact.settings, ...changes };
    const isLeaving = settings.flags.isLeaving || this.#parts.leaving.isAway;
    const hasChanged = this.#parts.ownContact.change({ ...settings, flags: { ...settings.flags, isLeaving } });
    if (hasChanged) this.#parts.maintenance.publishContactNow();
    return this.#parts.ownContact.record;
  }

  /**
   * Whether others reach us by UDP from outside; true until told otherwise. Not reachable, we are a client: who hears it does not
   * enter us in its table, and we keep brokers.
   */
  setReachability({ isReachable }: Reachability): void {
    this.#parts.brokerKeeper.setReachable(isReachable);
  }

  /** Pings all brokers now: for when a path died and our outer address may be another. Does nothing while we are reachable. */
  async checkBrokers(): Promise<void> {
    this.#checkRunning();
    await this.#parts.brokerKeeper.check();
  }

  // Looking at it

  get contact(): ContactRecord {
    return this.#parts.ownContact.record;
  }

  get localAddress(): Address {
    return this.#rpc.localAddress;
  }

  get isJoined(): boolean {
    return this.#parts.bootstrap.isJoined;
  }

  /** Nobody was named, is remembered or was met: there is nobody to ask. */
  get knowsNobody(): boolean {
    return this.#parts.bootstrap.knowsNobody;
  }

  /** Clients have asked us within the last minute. */
  get hasClients(): boolean {
    return this.#parts.bootstrap.hasClients;
  }

  /** Who keeps in touch with us while others can not reach us. */
  brokerState(): BrokerState {
    return this.#parts.brokerKeeper.state;
  }

  /** The routing table: its buckets, and the next ids above and below (BD-04). */
  routes(): RoutesView {
    return { nodeId: this.nodeId, buckets: this.#parts.table.buckets(), ...findNeighbours(this.nodeId, this.#parts.table.contacts()) };
  }

  /** Members of an earlier run, or from before the network was lost, who have not answered since; the latest seen first. */
  remembered(): readonly SavedPeer[] {
    return this.#parts.bootstrap.remembered();
  }

  /**
   * How many nodes the network has, this one included and clients left out: counted while they are fewer than a
   * k-bucket holds, else judged from how densely they lie around ourselves and the keys looked up within the last hour.
   */
  estimateSize(): SizeEstimate {
    return this.#parts.lookups.estimateSize();
  }

  /** The same after SIZE_LOOKUPS lookups of random keys; counted while all nodes fit in the table (BD-18). */
  async measureSize(options: LookupOptions = {}): Promise<SizeEstimate> {
    this.#checkRunning();
    return this.#parts.lookups.measureSize(SIZE_LOOKUPS, options);
  }

  /** Our address as others see it, most votes first. */
  observedAddresses(): readonly ObservedAddress[] {
    return this.#parts.observed.tally();
  }

  /** What is known of our NAT and of who reaches us; `self-changed` tells when it changes. Only after start. */
  selfView(): SelfView {
    return this.#parts.self.view();
  }

  /** Has up to 3 peers try to reach us now, within 5 s, and gives what is known then. One check at a time. */
  async checkReach(options: CheckOptions): Promise<SelfView> {
    this.#checkRunning();
    return this.#parts.reachCheck.run(options);
  }

  stats(): KadStats {
    return statsOf(this.#parts);
  }

  /** Until told otherwise the record names the address that the socket is bound to, when it is a definite one. */
  #advertiseBoundAddress(): void {
    const { host } = this.localAddress;
    const { settings } = this.#parts.ownContact;
    if (settings.kadAddresses.length > 0 || host === '0.0.0.0' || host === '::') return;
    this.#parts.ownContact.change({ ...settings, kadAddresses: [this.localAddress] });
  }

  #checkRunning(): void {
    if (this.#state !== 'running') throw stopped();
  }
}

function stopped(): BatChainError {
  return new BatChainError('BAT_E_NODE_STOPPED', { what: 'the kad node is not running' });
}
