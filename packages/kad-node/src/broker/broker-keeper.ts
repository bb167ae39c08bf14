// driven: while we cannot be reached, keeps a few servers in touch with us, through which others can call us (BN-30).
import {
  equalBytes,
  isPrivateHost,
  type NodeId,
  openContactRecord,
  type Result,
  type Runtime,
  toHex,
  type Verifier,
} from '@batchain/shared';
import {
  BROKER_ASIDE_MS,
  BROKER_PING_JITTER,
  BROKER_PING_MS,
  BROKER_SEARCH_ROUNDS_MAX,
  BROKER_SOON_MS,
  BROKERS_ASIDE_MAX,
  BROKERS_KEPT_MAX,
} from '../limits.ts';
import { RecurringTask } from '../lookup/recurring-task.ts';
import { BoundedMap } from '../rpc/bounded-map.ts';
import type { RpcFailure, RpcReply } from '../rpc/kad-rpc.ts';
import type { KadRequest } from '../wire/messages.ts';
import { areSameBrokers, type BrokerCandidate, planBrokers } from './broker-plan.ts';

export interface BrokerKeeperParts {
  readonly selfId: NodeId;
  readonly verifier: Verifier;
  ask(to: BrokerCandidate, request: KadRequest, tries?: number): Promise<Result<RpcReply, RpcFailure>>;
  /** The servers that we know. */
  servers(): readonly BrokerCandidate[];
  onChanged(brokers: readonly BrokerCandidate[]): void;
}

/** How the brokers stand; times back from now. */
export interface BrokerState {
  readonly count: number;
  /** For how long they have been wanted; undefined while others reach us without. */
  readonly wantedForMs: number | undefined;
  /** Since a broker, or one that may become one, last proved fit; undefined when none ever did. */
  readonly silentMs: number | undefined;
  /** Nobody answered in the last round: the brokers are kept all the same. */
  readonly isCutOff: boolean;
}

/** Tries of a server that may become a broker: others are at hand. */
const SEARCH_TRIES = 2;

export class BrokerKeeper {
  readonly #runtime: Runtime;
  readonly #parts: BrokerKeeperParts;
  readonly #task: RecurringTask;
  /** Servers that do not serve as brokers, and until when they are not asked again. */
  readonly #aside = new BoundedMap<string, number>(BROKERS_ASIDE_MAX);
  #brokers: readonly BrokerCandidate[] = [];
  #isReachable = true;
  #isStarted = false;
  #isStopped = false;
  #isSoon = false;
  #isCutOff = false;
  #wantedSinceMs: number;
  #heardMs: number | undefined;
  #round: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(runtime: Runtime, parts: BrokerKeeperParts) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#wantedSinceMs = runtime.clock.monotonicMs();
    const options = { name: 'brokers', intervalMs: BROKER_PING_MS, jitterRatio: BROKER_PING_JITTER };
    this.#task = new RecurringTask(runtime, options, async () => {
      const startedMs = runtime.clock.monotonicMs();
      this.#isSoon = false;
      await this.check();
      if (this.#isCutOff || (this.#isWanting && this.#brokers.length === 0)) return BROKER_SOON_MS;
      // From ping to ping, however long the search for others took: a NAT forgets after 30 s.
      return Math.max(1, BROKER_PING_MS - (runtime.clock.monotonicMs() - startedMs));
    });
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  get state(): BrokerState {
    const nowMs = this.#runtime.clock.monotonicMs();
    return {
      count: this.#brokers.length,
      wantedForMs: this.#isReachable ? undefined : nowMs - this.#wantedSinceMs,
      silentMs: this.#heardMs === undefined ? undefined : nowMs - this.#heardMs,
      isCutOff: this.#isCutOff,
    };
  }

  start(): void {
    this.#isStarted = true;
    if (!this.#isReachable) this.#task.start(BROKER_SOON_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#task.stop();
    await this.#round;
  }

  /** Others reach us without brokers, or do not. */
  setReachable(isReachable: boolean): void {
    if (this.#isReachable === isReachable) return;
    this.#isReachable = isReachable;
    this.#wantedSinceMs = this.#runtime.clock.monotonicMs();
    if (isReachable) {
      void this.#task.stop();
      this.#isSoon = false;
      this.#isCutOff = false;
      this.#keep([]);
    } else if (this.#isStarted && !this.#isStopped) {
      this.#task.start(1);
    }
  }

  /** There are more servers to choose from. */
  serversCame(): void {
    if (!this.#isWanting || this.#isSoon) return;
    this.#isSoon = true;
    this.#task.runSoon(BROKER_SOON_MS);
  }

  /** Pings all brokers now and replaces those that are silent; after a round that is under way, which may have begun too early. */
  check(): Promise<void> {
    if (this.#round === undefined) {
      this.#round = this.#check().finally(() => {
        this.#round = undefined;
      });
      return this.#round;
    }
    this.#next ??= this.#round
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.check();
      });
    return this.#next;
  }

  get #isWanting(): boolean {
    return !this.#isReachable && (this.#isCutOff || this.#brokers.length < BROKERS_KEPT_MAX);
  }

  async #check(): Promise<void> {
    if (this.#isReachable || this.#isStopped) return;
    const current = await this.#filter(this.#brokers, (broker) => this.#isAlive(broker));
    const found = await this.#search(current);
    // Nobody at all answers: that says more about our own network than about them.
    this.#isCutOff = found.length === 0 && this.#brokers.length > 0;
    if (this.#isCutOff) return;
    if (!this.#isReachable && !this.#isStopped) this.#keep(found);
  }

  /** The best of the living brokers and of those servers that prove fit. */
  async #search(current: readonly BrokerCandidate[]): Promise<readonly BrokerCandidate[]> {
    let fit = current;
    for (let round = 0; round < BROKER_SEARCH_ROUNDS_MAX; round++) {
      const others = this.#parts.servers().filter((server) => !this.#isAside(server));
      const plan = planBrokers(this.#parts.selfId, { current: fit, others }, BROKERS_KEPT_MAX);
      const untried = plan.filter((server) => !fit.includes(server));
      if (untried.length === 0 || this.#isStopped) break;
      fit = [...fit, ...(await this.#filter(untried, (server) => this.#isFit(server)))];
    }
    return planBrokers(this.#parts.selfId, { current: fit, others: [] }, BROKERS_KEPT_MAX);
  }

  async #filter(servers: readonly BrokerCandidate[], test: (server: BrokerCandidate) => Promise<boolean>): Promise<BrokerCandidate[]> {
    const results = await Promise.all(servers.map(test));
    return servers.filter((_, i) => results[i]);
  }

  async #isAlive(broker: BrokerCandidate): Promise<boolean> {
    const answer = await this.#parts.ask(broker, { type: 'ping' });
    return this.#judge(broker, answer.ok && !answer.value.isClient);
  }

  /** A server that answers, and says of itself that anybody reaches it; on our own network answering is enough. */
  async #isFit(server: BrokerCandidate): Promise<boolean> {
    const answer = await this.#parts.ask(server, { type: 'get-contact', nodeId: null }, SEARCH_TRIES);
    if (!answer.ok || answer.value.isClient || answer.value.response.type !== 'contact') return this.#judge(server, false);
    const { record } = answer.value.response;
    const opened = record === null ? undefined : openContactRecord(this.#parts.verifier, record.bytes);
    const isPublic = opened?.ok === true && equalBytes(opened.value.nodeId, server.nodeId) && opened.value.contact.flags.isPublic;
    return this.#judge(server, isPublic || isPrivateHost(server.address.host));
  }

  #judge(server: BrokerCandidate, isGood: boolean): boolean {
    const nowMs = this.#runtime.clock.monotonicMs();
    if (isGood) this.#heardMs = nowMs;
    else this.#aside.set(toHex(server.nodeId), nowMs + BROKER_ASIDE_MS);
    return isGood;
  }

  #isAside({ nodeId }: BrokerCandidate): boolean {
    return (this.#aside.peek(toHex(nodeId)) ?? Number.NEGATIVE_INFINITY) > this.#runtime.clock.monotonicMs();
  }

  #keep(brokers: readonly BrokerCandidate[]): void {
    if (areSameBrokers(brokers, this.#brokers)) return;
    // Table contacts change: what we keep does not.
    this.#brokers = brokers.map(({ nodeId, address }) => ({ nodeId, address }));
    this.#runtime.log.info('kad.brokers.changed', { brokers: this.#brokers.length });
    this.#parts.onChanged(this.#brokers);
  }
}
