// driven: joins the network, and joins it again whenever nobody answers any more (BN-28).
import {
  type Address,
  equalAddress,
  formatAddress,
  minute,
  type NodeId,
  type Runtime,
  type Timer,
  toBatChainError,
  toHex,
} from '@batchain/shared';
import pLimit from 'p-limit';
import type { KadConfig } from '../kad-config.ts';
import { BOOTSTRAP_ADDRESSES_MAX } from '../limits.ts';
import type { SavedPeer } from '../records/kad-state.ts';
import { idInBucket } from '../routing/distance.ts';
import { planJoin } from '../routing/refresh-plan.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { TableContact } from '../routing/table-contact.ts';
import type { LookupResult } from './lookup-types.ts';
import type { Lookups } from './lookups.ts';
import { isSamePeer, type PeerClient, type PeerTarget } from './peer-client.ts';
import { jittered } from './recurring-task.ts';

export interface JoinResult {
  readonly isJoined: boolean;
  /** In the routing table. */
  readonly contacts: number;
}

/** Table contacts that are asked too when joining again. */
const TABLE_SOURCES_MAX = 16;
/** Clients keep in touch with their brokers more often than this. */
const CLIENT_FRESH_MS: number = 1 * minute;
const PINGS_IN_FLIGHT_MAX = 16;
const FAR_LOOKUPS_IN_FLIGHT_MAX = 3;
/** Forgotten peers asked in one refresh. */
const STRAY_PINGS_MAX = 3;

export class Bootstrap {
  readonly #runtime: Runtime;
  readonly #client: PeerClient;
  readonly #lookups: Lookups;
  readonly #table: RoutingTable;
  readonly #config: KadConfig;
  readonly #onJoined: (result: JoinResult) => void;
  readonly #onAdded: (contact: TableContact) => void;
  readonly #addresses: Address[] = [];
  /** By configured address: whether anybody answered there when it was asked last. */
  readonly #asked = new Map<string, Promise<boolean>>();
  /** By id; what is worth asking after a restart or a loss of the network. */
  readonly #remembered = new Map<string, SavedPeer>();
  #near: LookupResult | undefined;
  #attempt: Promise<JoinResult> | undefined;
  #attemptedMs = Number.NEGATIVE_INFINITY;
  #clientHeardMs = Number.NEGATIVE_INFINITY;
  #failedAttempts = 0;
  #timer: Timer | undefined;
  #isJoined = false;
  #isStopped = false;

  constructor(
    runtime: Runtime,
    collaborators: {
      readonly client: PeerClient;
      readonly lookups: Lookups;
      readonly table: RoutingTable;
      readonly onJoined: (result: JoinResult) => void;
      readonly onAdded: (contact: TableContact) => void;
    },
    config: KadConfig,
  ) {
    this.#runtime = runtime;
    this.#client = collaborators.client;
    this.#lookups = collaborators.lookups;
    this.#table = collaborators.table;
    this.#onJoined = collaborators.onJoined;
    this.#onAdded = collaborators.onAdded;
    this.#config = config;
  }

  get isJoined(): boolean {
    return this.#isJoined;
  }

  /** Clients ask us: we are the network's only server, as far as we know, and part of it all the same. */
  get hasClients(): boolean {
    return this.#runtime.clock.monotonicMs() - this.#clientHeardMs <= CLIENT_FRESH_MS;
  }

  get knowsNobody(): boolean {
    return this.#sources().length === 0;
  }

  /** What the lookup for the own id found when joining, once: our contact record goes to these nodes. */
  takeNear(): LookupResult | undefined {
    const near = this.#near;
    this.#near = undefined;
    return near;
  }

  /** Adds bootstrap contacts and makes one attempt; when it fails, attempts go on in the background. */
  async join(addresses: readonly Address[]): Promise<JoinResult> {
    for (const address of addresses) {
      const isKnown = this.#addresses.some((known) => isSamePeer({ nodeId: undefined, address: known }, { nodeId: undefined, address }));
      if (!isKnown && this.#addresses.length < BOOTSTRAP_ADDRESSES_MAX) this.#addresses.push(address);
    }
    await this.#attempt;
    return this.#tryNow();
  }

  forget(addresses: readonly Address[]): void {
    for (const address of addresses) {
      const at = this.#addresses.findIndex((known) => equalAddress(known, address));
      if (at >= 0) this.#addresses.splice(at, 1);
      this.#asked.delete(formatAddress(address));
    }
    if (!this.#isJoined && this.#sources().length === 0) this.#timer?.cancel();
  }

  /** Whether anybody answered at a configured address when it was asked last; waits while it is being asked. */
  async answersAt(address: Address): Promise<boolean> {
    return (await this.#asked.get(formatAddress(address))) ?? false;
  }

  /** Starts to join in the background when there is anybody to ask. */
  start(): void {
    if (this.#sources().length > 0) this.#schedule(0);
  }

  /** Nobody answers any more: join again, soon at first, then with growing waits. */
  lost(): void {
    this.#isJoined = false;
    this.#failedAttempts = 0;
    this.#schedule(this.#config.rejoinDelayMinMs);
  }

  /** Somebody was heard from. When we are not joined that is the moment to try, though not more often than the shortest wait. */
  heard(isClient = false): void {
    if (isClient) this.#clientHeardMs = this.#runtime.clock.monotonicMs();
    if (this.#isJoined || this.#attempt !== undefined || this.#isStopped) return;
    const sinceMs = this.#runtime.clock.monotonicMs() - this.#attemptedMs;
    this.#failedAttempts = 0;
    this.#schedule(Math.max(0, this.#config.rejoinDelayMinMs - sinceMs));
  }

  /** Keeps a peer of the saved state, or one that was just dropped; the least recently seen makes room. */
  remember(peer: SavedPeer): void {
    if (this.#config.rememberedPeersMax === 0) return;
    this.#remembered.set(toHex(peer.nodeId), peer);
    if (this.#remembered.size <= this.#config.rememberedPeersMax) return;
    const [oldest] = [...this.#remembered.entries()].sort(([, a], [, b]) => a.seenMs - b.seenMs);
    if (oldest !== undefined) this.#remembered.delete(oldest[0]);
  }

  /**
   * Asks a few of those whom we once knew or were told of and who are not in the table. When a network was cut in two for
   * so long that both parts forgot one another, this is what joins them again.
   */
  async askStrays(): Promise<void> {
    const configured = this.#addresses.filter(
      (address) => ![...this.#table.contacts()].some((contact) => equalAddress(contact.address, address)),
    );
    const strays: PeerTarget[] = [...configured.map(configuredTarget), ...this.remembered()];
    const some = this.#runtime.random.shuffle(strays).slice(0, STRAY_PINGS_MAX);
    await Promise.all(some.map((stray) => this.#ping(stray)));
  }

  /** Those from before a restart or a loss who have not answered since; the latest seen first. */
  remembered(): readonly SavedPeer[] {
    return this.#freshRemembered().filter((peer) => this.#table.get(peer.nodeId) === undefined);
  }

  /** The peers to save: the longest living contacts, then those remembered from before that are not too old. */
  peersToSave(): SavedPeer[] {
    const { clock } = this.#runtime;
    const contacts = [...this.#table.contacts()].sort((a, b) => a.firstSeenMs - b.firstSeenMs);
    const peers = contacts.map((contact) => savedPeer(contact, clock.nowMs(), clock.monotonicMs()));
    return [...peers, ...this.remembered()].slice(0, this.#config.rememberedPeersMax);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#attempt;
  }

  #freshRemembered(): SavedPeer[] {
    const nowMs = this.#runtime.clock.nowMs();
    const fresh = [...this.#remembered.values()].filter((peer) => nowMs - peer.seenMs <= this.#config.rememberedPeerAgeMs);
    return fresh.sort((a, b) => b.seenMs - a.seenMs);
  }

  /** Whom to ask, each once: configured contacts, remembered peers, whoever asked us, and contacts from before a loss (T4: many sources). */
  #sources(): PeerTarget[] {
    const configured = this.#addresses.map(configuredTarget);
    const known = this.#runtime.random.shuffle([...this.#table.contacts()]).slice(0, TABLE_SOURCES_MAX);
    const sources: PeerTarget[] = [];
    for (const source of [...configured, ...this.#table.replacements(), ...known, ...this.#freshRemembered()]) {
      if (!sources.some((other) => isSamePeer(other, source))) sources.push(source);
    }
    return sources;
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    this.#timer = this.#runtime.clock.setTimer(jittered(this.#runtime, delayMs, this.#config.jitterRatio), () => void this.#tryNow());
  }

  #tryNow(): Promise<JoinResult> {
    this.#timer?.cancel();
    this.#attempt ??= this.#try().finally(() => {
      this.#attempt = undefined;
    });
    return this.#attempt;
  }

  async #try(): Promise<JoinResult> {
    this.#attemptedMs = this.#runtime.clock.monotonicMs();
    let isJoined = false;
    try {
      isJoined = await this.#joinOnce();
    } catch (error) {
      if (!this.#isStopped) this.#runtime.log.warn('kad.join.failed', { why: toBatChainError(error).message });
    }
    const result = { isJoined, contacts: this.#table.size };
    if (isJoined) {
      const isNews = !this.#isJoined;
      this.#isJoined = true;
      if (isNews) this.#onJoined(result);
    }
    if (isJoined && this.#table.size > 0) {
      this.#failedAttempts = 0;
    } else if ((!this.#isJoined || this.#table.size === 0) && this.#sources().length > 0) {
      const { rejoinDelayMinMs, rejoinDelayMaxMs } = this.#config;
      this.#schedule(Math.min(rejoinDelayMaxMs, rejoinDelayMinMs * 2 ** Math.min(this.#failedAttempts, 20)));
      this.#failedAttempts++;
    }
    return result;
  }

  async #joinOnce(): Promise<boolean> {
    const sources = this.#sources();
    if (!(await this.#reachAny(sources))) return this.hasClients;
    const near = await this.#lookups.findMany(this.#table.selfId, this.#config.bucketSize);
    for (const contact of this.#table.openToInbound()) this.#onAdded(contact);
    this.#near = near;
    if (near.contacts.length >= this.#config.bucketSize) await this.#lookIntoFarBuckets();
    return this.#table.size > 0 || this.hasClients;
  }

  #ping(target: PeerTarget): Promise<boolean> {
    const asked = this.#client.ask(target, { type: 'ping' }).then(({ ok }) => ok);
    if (target.nodeId === undefined) this.#asked.set(formatAddress(target.address), asked);
    return asked;
  }

  /** Pings all; true soon after the first has answered, false when none did. */
  #reachAny(sources: readonly PeerTarget[]): Promise<boolean> {
    const limit = pLimit(PINGS_IN_FLIGHT_MAX);
    return new Promise((resolve) => {
      let open = sources.length;
      let isReached = false;
      let timer: Timer | undefined;
      const settle = (): void => {
        timer?.cancel();
        limit.clearQueue();
        resolve(isReached);
      };
      if (open === 0) settle();
      for (const source of sources) {
        void limit(() => this.#ping(source)).then((hasAnswered) => {
          open--;
          if (hasAnswered && !isReached) {
            isReached = true;
            timer = this.#runtime.clock.setTimer(this.#config.bootstrapWaitMs, settle);
          }
          if (open === 0) settle();
        });
      }
    });
  }

  /** A newcomer knows only its own neighbourhood; one lookup into each farther range fills the other buckets. */
  async #lookIntoFarBuckets(): Promise<void> {
    const limit = pLimit(FAR_LOOKUPS_IN_FLIGHT_MAX);
    const deepest = this.#table.buckets().at(-1)?.index ?? -1;
    const targets = planJoin(deepest).map((index) => idInBucket(this.#table.selfId, index, this.#runtime.random.bytes(32)));
    await Promise.all(targets.map((target: NodeId) => limit(() => this.#lookups.findOne(target))));
  }
}

/** Whoever is at an address that the user gave. */
const configuredTarget = (address: Address): PeerTarget => ({ nodeId: undefined, address, isOurChoice: true });

/** A table contact as it is saved; monotonic times become wall-clock times. */
export function savedPeer(contact: TableContact, wallMs: number, monotonicMs: number): SavedPeer {
  const { nodeId, address } = contact;
  return { nodeId, address, seenMs: Math.max(0, Math.floor(wallMs - (monotonicMs - contact.lastSeenMs))) };
}
