// driven: makes the parts of a KadNode and connects them with one another.
import type { EventEmitter } from 'node:events';
import type { Crypto, DatagramSocket, Runtime, Signer } from '@batchain/shared';
import { BrokerKeeper } from './broker/broker-keeper.ts';
import { type DialBack, DialBackService } from './broker/dial-back-service.ts';
import { ObservedAddresses } from './broker/observed-addresses.ts';
import { ReachCheck } from './broker/reach-check.ts';
import { SelfKnowledge } from './broker/self-knowledge.ts';
import { SignalBroker } from './broker/signal-broker.ts';
import { SignalSender } from './broker/signal-sender.ts';
import type { HandlerContext } from './handlers/handler-context.ts';
import { HeavyWork } from './handlers/heavy-work.ts';
import { LaidAnswers } from './handlers/laid-answers.ts';
import { keepRecord } from './handlers/store.ts';
import type { KadConfig } from './kad-config.ts';
import type { KadEventMap } from './kad-events.ts';
import { STORE_SIGNATURES_PER_S } from './limits.ts';
import { Bootstrap, type JoinResult, savedPeer } from './lookup/bootstrap.ts';
import { Connectivity } from './lookup/connectivity.ts';
import { Digester } from './lookup/digester.ts';
import { Leaving } from './lookup/leaving.ts';
import type { LookupResult } from './lookup/lookup-types.ts';
import { type LookupDone, Lookups } from './lookup/lookups.ts';
import { Maintenance, type MaintenanceHooks } from './lookup/maintenance.ts';
import { OwnContact } from './lookup/own-contact.ts';
import { OwnPublishing } from './lookup/own-publishing.ts';
import { PeerClient, type PeerHooks, type PeerTarget } from './lookup/peer-client.ts';
import { Publisher, type PublisherHooks } from './lookup/publisher.ts';
import { RecordFinder } from './lookup/record-finder.ts';
import { RecordSender } from './lookup/record-sender.ts';
import { Replicator } from './lookup/replicator.ts';
import { StateKeeper, type StateParts } from './lookup/state-keeper.ts';
import type { KadStateStore } from './records/kad-state.ts';
import { OwnRecords } from './records/own-records.ts';
import { RecordStore } from './records/record-store.ts';
import { RoutingTable } from './routing/routing-table.ts';
import type { TableContact } from './routing/table-contact.ts';
import type { KadRpc } from './rpc/kad-rpc.ts';
import { TokenBucket } from './rpc/token-bucket.ts';

export interface KadNodeParts {
  readonly rpc: KadRpc;
  readonly signer: Signer;
  readonly crypto: Pick<Crypto, 'verifier'>;
  /** Keeps peers, announcements and records over a restart; without it a restart begins anew. */
  readonly stateStore?: KadStateStore;
  /** Addresses of our interfaces now; the bound one alone by default. Tells a NAT from its absence. */
  readonly ownHosts?: () => readonly string[];
  /** A socket on a free port, to tell others whether datagrams from another port reach them; without it they are told nothing. */
  readonly openSocket?: () => DatagramSocket;
  /** Tells others whether their bat port can be dialled; without it they are told nothing. */
  readonly dialBack?: DialBack;
}

interface PeerSideHooks {
  readonly events: EventEmitter<KadEventMap>;
  readonly onJoined: (result: JoinResult) => void;
  readonly onAdded: (contact: TableContact) => void;
  readonly onGone: (contact: TableContact) => void;
}

/** What finds and keeps peers. */
interface PeerSide {
  readonly table: RoutingTable;
  readonly observed: ObservedAddresses;
  readonly self: SelfKnowledge;
  readonly reachCheck: ReachCheck;
  readonly dialBacks: DialBackService;
  readonly connectivity: Connectivity;
  readonly client: PeerClient;
  readonly lookups: Lookups;
  readonly bootstrap: Bootstrap;
}

/** What finds, publishes and keeps records. */
interface RecordSide {
  readonly store: RecordStore;
  readonly own: OwnRecords;
  readonly ownContact: OwnContact;
  readonly publishing: OwnPublishing;
  readonly replicator: Replicator;
  readonly leaving: Leaving;
  readonly finder: RecordFinder;
  readonly digester: Digester;
  readonly handlerContext: HandlerContext;
  readonly signalBroker: SignalBroker;
  readonly signalSender: SignalSender;
  readonly brokerKeeper: BrokerKeeper;
  readonly maintenance: Maintenance;
  readonly stateKeeper: StateKeeper | undefined;
}

export type KadAssembly = PeerSide & RecordSide;

/** All parts of one node, wired up but not started. */
export function assembleKad(runtime: Runtime, parts: KadNodeParts, events: EventEmitter<KadEventMap>, config: KadConfig): KadAssembly {
  const onJoined = ({ contacts }: JoinResult): void => {
    runtime.log.info('kad.joined', { contacts });
    events.emit('joined', { contacts });
    records.replicator.noteJoined();
    records.maintenance.publishNow();
    records.brokerKeeper.serversCame();
  };
  const onAdded = (contact: TableContact): void => {
    const { nodeId, address } = contact;
    events.emit('contact-added', { nodeId, address });
    if (records.stateKeeper !== undefined) records.maintenance.contactAdded();
    records.brokerKeeper.serversCame();
    records.replicator.noteNewcomer(contact);
  };
  const onGone = ({ nodeId, address }: TableContact): void => {
    events.emit('contact-dropped', { nodeId, address });
    records.replicator.noteLoss(nodeId);
  };
  const peers = assemblePeerSide(runtime, parts, { events, onJoined, onAdded, onGone }, config);
  const records = assembleRecordSide(runtime, parts, peers, events, config);
  return { ...peers, ...records };
}

function assemblePeerSide(
  runtime: Runtime,
  { rpc, signer, crypto, ownHosts, openSocket, dialBack }: KadNodeParts,
  { events, onJoined, onAdded, onGone }: PeerSideHooks,
  config: KadConfig,
): PeerSide {
  const { clock } = runtime;
  const table = new RoutingTable(signer.nodeId, config);
  const observed = new ObservedAddresses();
  const self = new SelfKnowledge(runtime, {
    localPort: () => rpc.localAddress.port,
    ownHosts: ownHosts ?? (() => [rpc.localAddress.host]),
    onChanged: (view) => void events.emit('self-changed', view),
  });
  const connectivity = new Connectivity(config, clock.monotonicMs());
  const goOffline = (): void => {
    for (const peer of bootstrap.peersToSave()) bootstrap.remember(peer);
    runtime.log.info('kad.offline', { contacts: table.size });
    events.emit('offline', {});
    bootstrap.lost();
  };
  const hooks: PeerHooks = {
    onAdded,
    onDropped: (contact) => {
      bootstrap.remember(savedPeer(contact, clock.nowMs(), clock.monotonicMs()));
      onGone(contact);
      if (table.size === 0 && connectivity.giveUp()) goOffline();
    },
    onClient: onGone,
    onOffline: goOffline,
    onOnline: () => bootstrap.heard(),
    onObserved: (peer, ourAddress, isWitness) => {
      observed.note(peer.nodeId, peer.address, ourAddress);
      self.noteAnswer(peer.address, ourAddress, isWitness);
    },
    onSilent: (to) => self.noteSilence(to),
  };
  const client = new PeerClient(runtime, { rpc, table, connectivity, hooks }, config);
  const onDone: LookupDone = (kind, target, stats) => void events.emit('lookup-done', { kind, target, stats });
  const lookups = new Lookups(runtime, { client, table, verifier: crypto.verifier, onDone }, config);
  const bootstrap = new Bootstrap(runtime, { client, lookups, table, onJoined, onAdded }, config);
  const reachCheck = new ReachCheck(runtime, { rpc, client, table, self });
  rpc.onProbe((nonce, from) => reachCheck.onProbe(nonce, from));
  const dialBacks = new DialBackService(runtime, { rpc, client, table, openSocket, dialBack });
  return { table, observed, self, reachCheck, dialBacks, connectivity, client, lookups, bootstrap };
}

function assembleRecordSide(
  runtime: Runtime,
  { rpc, signer, crypto, stateStore }: KadNodeParts,
  { table, client, lookups, bootstrap, dialBacks, reachCheck }: PeerSide,
  events: EventEmitter<KadEventMap>,
  config: KadConfig,
): RecordSide {
  const { verifier } = crypto;
  const selfId = signer.nodeId;
  const { clock } = runtime;
  const store = new RecordStore(selfId);
  const own = new OwnRecords();
  const ownContact = new OwnContact(runtime, signer, config.contactLifetimeMs);
  const budget = new TokenBucket(STORE_SIGNATURES_PER_S, STORE_SIGNATURES_PER_S, clock.monotonicMs());
  const signalBroker = new SignalBroker(runtime, rpc, selfId);
  const handlerContext: HandlerContext = {
    runtime,
    table,
    store,
    verifier,
    storersMax: config.bucketSize,
    ownContact: () => ({ ...ownContact.passed(), isHost: isHost(ownContact) }),
    isLeaving: () => leaving.isAway,
    noteLeaver: (nodeId) => client.noteClient(nodeId),
    takeSignatureCheck: () => budget.take(clock.monotonicMs()),
    signalBroker,
    heavyWork: new HeavyWork(clock.monotonicMs()),
    laidHosts: new LaidAnswers(),
    laidValues: new LaidAnswers(),
    dialBacks,
    reachCheck,
  };
  const publisherHooks: PublisherHooks = {
    contact: () => ownContact.passed(),
    keepHere: (kind, record) => !leaving.isAway && keepRecord(handlerContext, kind, record, { nodeId: selfId }) === 'stored',
  };
  const publisher = new Publisher(runtime, { client, lookups, selfId, hooks: publisherHooks }, config);
  const publishing = new OwnPublishing(runtime, { signer, publisher, own }, config);
  const finder = new RecordFinder(runtime, { client, lookups, table, store, own, ownContact, verifier });
  const digester = new Digester(runtime, { client, lookups, table, store }, config);
  const signalSender = new SignalSender(runtime, {
    selfId,
    ask: (to, request) => client.ask(to, request),
    findContact: (nodeId, isFresh, deadlineMs) => finder.getContact(nodeId, { isFresh, deadlineMs }),
    addressesOf: (nodeId) => [rpc.sessionWith(nodeId)?.address, table.get(nodeId)?.address].filter((address) => address !== undefined),
    ownBrokers: () => ownContact.settings.brokers.map(({ nodeId, kad }) => ({ nodeId, address: kad })),
  });
  const state: StateParts = {
    selfId,
    ownContact,
    own,
    records: store,
    peersToSave: () => bootstrap.peersToSave(),
    rememberPeer: (peer) => bootstrap.remember(peer),
  };
  const stateKeeper = stateStore === undefined ? undefined : new StateKeeper(runtime, stateStore, state);
  const hooks: MaintenanceHooks = {
    isJoined: () => bootstrap.isJoined,
    isAway: () => leaving.isAway,
    askStrays: () => bootstrap.askStrays(),
    publishContact: () => publishContact(publisher, ownContact, bootstrap.takeNear()),
    saveState: async () => stateKeeper?.save(),
  };
  const keeping = { table, store, ownContact, publisher, publishing };
  const isJoined = (): boolean => bootstrap.isJoined;
  const { leaving, replicator } = assembleReplication(runtime, keeping, { isJoined, onChange: () => maintenance.membersChanged() }, config);
  const maintenance = new Maintenance(runtime, { client, lookups, table, store, publishing, replicator, hooks }, config);
  const brokerKeeper = new BrokerKeeper(runtime, {
    selfId,
    verifier,
    ask: (to, request, tries) => client.ask(to, request, tries),
    servers: () => [...table.contacts()],
    onChanged: (kept) => {
      const brokers = kept.map(({ nodeId, address }) => ({ nodeId, kad: address }));
      if (ownContact.change({ ...ownContact.settings, brokers })) maintenance.publishContactNow();
      events.emit('brokers-changed', { brokers });
    },
  });
  const signals = { signalBroker, signalSender, brokerKeeper };
  return {
    store,
    own,
    ownContact,
    publishing,
    replicator,
    leaving,
    finder,
    digester,
    handlerContext,
    maintenance,
    stateKeeper,
    ...signals,
  };
}

/** To the nodes that joining has just found near us, when there is no doubt about them. The number of nodes that keep it. */
async function publishContact(publisher: Publisher, ownContact: OwnContact, near: LookupResult | undefined): Promise<number> {
  const item = { key: ownContact.sign().nodeId, ...ownContact.passed() };
  if (near !== undefined && near.doubt === undefined) return (await publisher.publishTo(near, 'contact', item)).storedOn;
  const [result] = await publisher.publish('contact', [item]);
  return result?.storedOn ?? 0;
}

interface ReplicationParts {
  readonly table: RoutingTable;
  readonly store: RecordStore;
  readonly ownContact: OwnContact;
  readonly publisher: Publisher;
  readonly publishing: OwnPublishing;
}

/** What moves records while nodes, this one included, come and go. */
function assembleReplication(
  runtime: Runtime,
  parts: ReplicationParts,
  hooks: { readonly isJoined: () => boolean; readonly onChange: () => void },
  config: KadConfig,
): { readonly leaving: Leaving; readonly replicator: Replicator } {
  const { table, store, ownContact } = parts;
  const sender = new RecordSender(runtime, parts);
  const brokers = (): PeerTarget[] => ownContact.settings.brokers.map(({ nodeId, kad }) => ({ nodeId, address: kad }));
  const leaving = new Leaving(runtime, { ...parts, sender, brokers }, config);
  const isActive = (): boolean => hooks.isJoined() && !leaving.isAway;
  const replicator = new Replicator(runtime, { table, store, sender, isActive, onChange: hooks.onChange }, config);
  return { leaving, replicator };
}

function isHost({ settings }: OwnContact): boolean {
  return settings.flags.stores && !settings.flags.isLeaving;
}
