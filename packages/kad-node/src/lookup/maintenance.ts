// driven: everything a node does by itself: refresh, liveness, publishing again, expiry, saving; one timer per concern.
import type { Runtime } from '@batchain/shared';
import pLimit from 'p-limit';
import type { KadConfig } from '../kad-config.ts';
import { SAVE_SOON_MS } from '../limits.ts';
import type { RecordStore } from '../records/record-store.ts';
import { idInBucket } from '../routing/distance.ts';
import { planRefresh } from '../routing/refresh-plan.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { Lookups } from './lookups.ts';
import type { OwnPublishing } from './own-publishing.ts';
import type { PeerClient } from './peer-client.ts';
import { jittered, RecurringTask } from './recurring-task.ts';
import type { Replicator } from './replicator.ts';

const REFRESH_LOOKUPS_IN_FLIGHT_MAX = 2;

export interface MaintenanceHooks {
  isJoined(): boolean;
  /** We have left, or are about to: nothing of ours is published. */
  isAway(): boolean;
  /** Asks peers that the table has lost; see Bootstrap. */
  askStrays(): Promise<void>;
  /** Publishes our contact record; the number of nodes that keep it. */
  publishContact(): Promise<number>;
  saveState(): Promise<void>;
}

export class Maintenance {
  readonly #runtime: Runtime;
  readonly #client: PeerClient;
  readonly #lookups: Lookups;
  readonly #table: RoutingTable;
  readonly #store: RecordStore;
  readonly #publishing: OwnPublishing;
  readonly #replicator: Replicator;
  readonly #hooks: MaintenanceHooks;
  readonly #config: KadConfig;
  readonly #tasks: readonly RecurringTask[];
  readonly #contact: RecurringTask;
  readonly #republish: RecurringTask;
  readonly #save: RecurringTask;
  readonly #handover: RecurringTask;
  #savedContacts = 0;
  #isSaveDue = false;
  #isHandoverDue = false;

  constructor(
    runtime: Runtime,
    collaborators: {
      readonly client: PeerClient;
      readonly lookups: Lookups;
      readonly table: RoutingTable;
      readonly store: RecordStore;
      readonly publishing: OwnPublishing;
      readonly replicator: Replicator;
      readonly hooks: MaintenanceHooks;
    },
    config: KadConfig,
  ) {
    this.#runtime = runtime;
    this.#client = collaborators.client;
    this.#lookups = collaborators.lookups;
    this.#table = collaborators.table;
    this.#store = collaborators.store;
    this.#publishing = collaborators.publishing;
    this.#replicator = collaborators.replicator;
    this.#hooks = collaborators.hooks;
    this.#config = config;
    this.#contact = this.#task('contact', config.contactIntervalMs, () => this.#publishContact());
    this.#republish = this.#task('republish', config.republishRoundMs, () => this.#republishDue());
    this.#save = this.#task('save', config.saveIntervalMs, () => this.#saveState());
    this.#handover = this.#task('handover', config.replicationIntervalMs, () => this.#handOver());
    this.#tasks = [
      this.#contact,
      this.#republish,
      this.#task('refresh', config.refreshIntervalMs, () => this.refresh()),
      this.#task('liveness', config.livenessIntervalMs, () => this.pingSilent()),
      this.#task('expiry', config.expiryIntervalMs, () => void this.#store.expire(this.#runtime.clock.monotonicMs())),
      this.#save,
      this.#handover,
      this.#task('replication', config.replicationRoundMs, async () => void (await this.#replicator.replicate())),
    ];
  }

  start(): void {
    for (const task of this.#tasks) task.start();
  }

  async stop(): Promise<void> {
    const ended = Promise.all(this.#tasks.map((task) => task.stop()));
    this.#replicator.stop();
    await ended;
  }

  /** After joining: our contact record and what nobody stored yet go out at once. */
  publishNow(): void {
    this.#contact.runSoon();
    this.#republish.runSoon();
  }

  /** Our contact record has changed. */
  publishContactNow(): void {
    this.#contact.runSoon();
  }

  /**
   * A contact is new. The state is saved soon when the contacts worth saving are twice those saved last: after a crash half
   * of them are known at least, and a join costs a few writes, however many it finds.
   */
  contactAdded(): void {
    if (this.#isSaveDue || this.#contactsToSave() < Math.max(1, 2 * this.#savedContacts)) return;
    this.#isSaveDue = true;
    this.#save.runSoon(SAVE_SOON_MS);
  }

  /** Somebody came or went: a little later, so that others who come or go at the same time cost no more. */
  membersChanged(): void {
    if (this.#isHandoverDue) return;
    this.#isHandoverDue = true;
    this.#handover.runSoon(jittered(this.#runtime, this.#config.handoverDelayMs, this.#config.jitterRatio));
  }

  #handOver(): Promise<void> {
    this.#isHandoverDue = false;
    return this.#replicator.handOver();
  }

  #contactsToSave(): number {
    return Math.min(this.#table.size, this.#config.rememberedPeersMax);
  }

  #saveState(): Promise<void> {
    this.#isSaveDue = false;
    this.#savedContacts = this.#contactsToSave();
    return this.#hooks.saveState();
  }

  /** Looks up the own id and a random id in each stale bucket (DF-22, Kademlia section 2.3). */
  async refresh(): Promise<void> {
    if (!this.#hooks.isJoined()) return;
    const { refreshIntervalMs, refreshBucketsMax, bucketSize } = this.#config;
    // A little earlier than the interval, so that a bucket refreshed by the last round is due again in this one.
    const plan = { intervalMs: refreshIntervalMs / 2, bucketsMax: refreshBucketsMax };
    const stale = planRefresh(this.#table.buckets(), this.#runtime.clock.monotonicMs(), plan);
    await this.#hooks.askStrays();
    await this.#lookups.findMany(this.#table.selfId, bucketSize);
    const limit = pLimit(REFRESH_LOOKUPS_IN_FLIGHT_MAX);
    const targets = stale.map((index) => idInBucket(this.#table.selfId, index, this.#runtime.random.bytes(32)));
    await Promise.all(targets.map((target) => limit(() => this.#lookups.findOne(target))));
  }

  /** Pings the contacts that were silent for longest; those that do not answer are dropped (DF-22). */
  async pingSilent(): Promise<void> {
    const { silentAfterMs, livenessPingsMax } = this.#config;
    const silent = this.#table.silentContacts(this.#runtime.clock.monotonicMs(), silentAfterMs, livenessPingsMax);
    await Promise.all(silent.map((contact) => this.#client.ask(contact, { type: 'ping' })));
  }

  async #publishContact(): Promise<number | undefined> {
    if (!this.#hooks.isJoined() || this.#hooks.isAway()) return undefined;
    const storedOn = await this.#hooks.publishContact();
    return storedOn > 0 ? undefined : Math.min(this.#config.contactIntervalMs, this.#config.rejoinDelayMaxMs);
  }

  async #republishDue(): Promise<void> {
    if (this.#hooks.isJoined() && !this.#hooks.isAway()) await this.#publishing.republish();
  }

  #task(name: string, intervalMs: number, run: () => Promise<number | undefined> | Promise<void> | undefined): RecurringTask {
    const { jitterRatio } = this.#config;
    return new RecurringTask(this.#runtime, { name, intervalMs, jitterRatio }, async () => (await run()) ?? undefined);
  }
}
