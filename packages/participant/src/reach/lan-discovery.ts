// driven: participants of the same LAN find one another without any address typed: multicast DNS on every interface (BD-14, BD-41).
import {
  type Address,
  formatAddress,
  type NodeId,
  type Runtime,
  type Startable,
  shortId,
  systemReason,
  type Timer,
} from '@batchain/shared';
import type { LanInterface } from '../adapters/lan-interfaces.ts';
import {
  LAN_ANSWER_WAIT_MS,
  LAN_INTERFACES_INTERVAL_MS,
  LAN_INTERFACES_MAX,
  LAN_SEARCH_FIRST_MS,
  LAN_SEARCH_LONGEST_MS,
} from '../limits.ts';
import { type LanAdvert, type LanParticipant, type LanWords, makeLanAdvert } from './lan-advert.ts';
import { LanLink } from './lan-link.ts';
import { LanSightings } from './lan-sightings.ts';

/** RFC 6762. */
const MULTICAST_PORT = 5353;
const SEARCH_FACTOR = 4;
const DEAF = 'nothing comes back, not even what we send ourselves: is UDP port 5353 closed by a firewall?';

export interface LanDiscoveryConfig {
  readonly nodeId: NodeId;
  /** Sets this network apart from others on the same LAN, see `lanNetworkTag`. Public. */
  readonly networkTag: string;
  readonly kadPort: number;
  /** The interfaces that the node is reached through now, `lanInterfaces(kad.localAddress)`. */
  readonly interfaces: () => readonly LanInterface[];
  /** 5353 unless told otherwise; a test takes one of its own, lest it meet the participants of this machine. */
  readonly multicastPort?: number;
}

export interface LanDiscoveryHooks {
  /** A participant of this network says that its KadNode is there. Neither is proved: a ping does that. Again at most once a minute. */
  readonly onFound: (address: Address, nodeId: NodeId) => void;
}

/** For `doctor`. */
export interface LanDiscoveryState {
  /** Interfaces by address; `problem` says in words why nobody can be heard through it. */
  readonly interfaces: readonly { readonly host: string; readonly problem: string | undefined }[];
  /** Participants of this network that were heard of since the start, as far as they are remembered. */
  readonly found: number;
}

const keyOf = ({ name, host, prefixBits }: LanInterface): string => `${name} ${host}/${prefixBits}`;

/** Neither `start` nor what happens later fails: an interface that cannot be joined is tried again, and told in `state`. */
export class LanDiscovery implements Startable {
  readonly #runtime: Runtime;
  readonly #config: LanDiscoveryConfig;
  readonly #hooks: LanDiscoveryHooks;
  readonly #advert: LanAdvert;
  readonly #sightings: LanSightings;
  readonly #links = new Map<string, { readonly host: string; readonly link: LanLink }>();
  /** Interfaces whose socket could not be opened at the last try. */
  readonly #failed = new Map<string, { readonly host: string; readonly problem: string }>();
  /** Interfaces through which not even our own search was heard, the last time that it was looked. */
  readonly #deaf = new Set<string>();
  #searchMs = LAN_SEARCH_FIRST_MS;
  #interfacesTimer: Timer | undefined;
  #searchTimer: Timer | undefined;
  #isStopped = false;
  #updating: Promise<void> = Promise.resolve();

  constructor(runtime: Runtime, config: LanDiscoveryConfig, hooks: LanDiscoveryHooks) {
    this.#runtime = runtime;
    this.#config = config;
    this.#hooks = hooks;
    this.#advert = makeLanAdvert(config.nodeId, config.networkTag, config.kadPort);
    this.#sightings = new LanSightings(config.nodeId, config.networkTag, runtime.clock.monotonicMs());
  }

  /** Resolves when the interfaces of now are joined and the first search is out. */
  start(): Promise<void> {
    if (this.#interfacesTimer === undefined) {
      this.refresh();
      this.#armInterfaces();
      this.#armSearch();
    }
    return this.#updating;
  }

  /** Looks at the interfaces now: to be called when they are known to have changed. */
  refresh(): void {
    this.#updating = this.#updating
      .then(() => this.#update())
      .catch((error: unknown) => this.#runtime.log.warn('lan.update.failed', { error: String(error) }));
  }

  /** Says goodbye on every interface; within about a second. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#interfacesTimer?.cancel();
    this.#searchTimer?.cancel();
    await this.#updating;
    await Promise.all(Array.from(this.#links.values(), ({ link }) => link.close()));
    this.#links.clear();
  }

  state(): LanDiscoveryState {
    const joined = Array.from(this.#links, ([key, { host, link }]) => ({
      host,
      problem: link.problem ?? (this.#deaf.has(key) && !link.hasHeardSelf ? DEAF : undefined),
    }));
    return { interfaces: [...joined, ...this.#failed.values()], found: this.#sightings.count };
  }

  /** Asks all to announce themselves now, and gives those heard of by then or before; not one of them is proved. */
  async search(signal: AbortSignal): Promise<readonly LanParticipant[]> {
    for (const { link } of this.#links.values()) link.search();
    await this.#runtime.clock.sleep(LAN_ANSWER_WAIT_MS, signal);
    return this.#sightings.participants;
  }

  async #update(): Promise<void> {
    if (this.#isStopped) return;
    const wanted = new Map(
      this.#config
        .interfaces()
        .slice(0, LAN_INTERFACES_MAX)
        .map((lan) => [keyOf(lan), lan]),
    );
    const gone = [...this.#links].filter(([key]) => !wanted.has(key));
    for (const [key] of gone) this.#links.delete(key);
    for (const known of [this.#failed, this.#deaf]) for (const key of known.keys()) if (!wanted.has(key)) known.delete(key);
    await Promise.all(gone.map(([, { link }]) => link.close()));
    const added = [...wanted].filter(([key]) => !this.#links.has(key));
    const opened = await Promise.all(added.map(async ([key, lan]) => (await this.#open(key, lan)) && !this.#deaf.has(key)));
    // Whoever was already there answers the search of the new link; whoever comes up with us needs a second one.
    if (opened.includes(true)) this.#searchSoon();
  }

  async #open(key: string, lan: LanInterface): Promise<boolean> {
    const { multicastPort = MULTICAST_PORT } = this.#config;
    const link = new LanLink(this.#runtime, (words) => this.#hear(words), { lan, advert: this.#advert, multicastPort });
    try {
      await link.open();
    } catch (error) {
      this.#runtime.log.debug('lan.join.failed', { host: lan.host, error: String(error) });
      this.#failed.set(key, { host: lan.host, problem: systemReason(error) });
      return false;
    }
    this.#failed.delete(key);
    this.#links.set(key, { host: lan.host, link });
    return true;
  }

  #armInterfaces(): void {
    this.#interfacesTimer = this.#runtime.clock.setTimer(LAN_INTERFACES_INTERVAL_MS, () => {
      this.refresh();
      this.#armInterfaces();
    });
  }

  #searchSoon(): void {
    this.#searchTimer?.cancel();
    this.#searchMs = LAN_SEARCH_FIRST_MS;
    if (!this.#isStopped) this.#armSearch();
  }

  #armSearch(): void {
    // Jittered, lest all who started together search together for ever.
    const delayMs = this.#searchMs + this.#runtime.random.below(this.#searchMs);
    this.#searchTimer = this.#runtime.clock.setTimer(delayMs, () => {
      this.#reopenDeaf();
      for (const { link } of this.#links.values()) link.search();
      this.#searchMs = Math.min(this.#searchMs * SEARCH_FACTOR, LAN_SEARCH_LONGEST_MS);
      this.#armSearch();
    });
  }

  /**
   * An interface that was taken away and came back under the same address has lost its membership, and no look at the interfaces shows
   * it. With each search it is opened anew while nothing is heard.
   */
  #reopenDeaf(): void {
    for (const [key, { link }] of this.#links) {
      if (link.hasHeardSelf) {
        this.#deaf.delete(key);
        continue;
      }
      this.#deaf.add(key);
      this.#links.delete(key);
      this.#updating = this.#updating.then(() => link.close());
    }
    this.refresh();
  }

  #hear(words: LanWords): void {
    if (this.#isStopped) return;
    const judged = this.#sightings.judge(words, this.#runtime.clock.monotonicMs());
    if (!judged.ok) return;
    const { kadAddress, nodeId } = judged.value;
    this.#runtime.log.info('lan.found', { node: shortId(nodeId), kad: formatAddress(kadAddress) });
    this.#hooks.onFound(kadAddress, nodeId);
  }
}
