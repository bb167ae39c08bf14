// driven: keeps each record on the nodes nearest to its key while nodes come and go: hands it over, and stores it again now and then.
import { equalBytes, type NodeId, type Runtime, toHex } from '@batchain/shared';
import type { KadConfig } from '../kad-config.ts';
import { HANDOVER_CHANGES_MAX, HANDOVER_GIVERS, HANDOVER_RECORDS_MAX, HANDOVERS_IN_FLIGHT_MAX, RECORDS_LOOKED_AT_ONCE } from '../limits.ts';
import { planHandover } from '../records/handover-plan.ts';
import type { RecordStore, StoredRecord } from '../records/record-store.ts';
import { isReplicationDue } from '../records/replication-plan.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { TableContact } from '../routing/table-contact.ts';
import { partyOf } from '../rpc/party.ts';
import { HandoverBudget } from './handover-budget.ts';
import { addWork, type RecordSender } from './record-sender.ts';

/** How long to wait for the budget of all hand-overs. */
const BUDGET_WAIT_MS = 1000;
/** So many times KadConfig.handoverDelayMs after joining a node has met its neighbours: a minute. */
const SETTLING_DELAYS = 6;

interface ReplicatorCounts {
  /** Records that others keep because we handed them over, and those that we stored again: once per node. */
  handedOver: number;
  replicated: number;
}

type CountName = keyof ReplicatorCounts;

export class Replicator {
  readonly counts: ReplicatorCounts = { handedOver: 0, replicated: 0 };
  readonly #runtime: Runtime;
  readonly #table: RoutingTable;
  readonly #store: RecordStore;
  readonly #sender: RecordSender;
  readonly #isActive: () => boolean;
  readonly #onChange: () => void;
  readonly #config: KadConfig;
  readonly #budget: HandoverBudget;
  readonly #settlingMs: number;
  #settledMs = 0;
  #newcomers = new Map<string, TableContact>();
  #lost = new Map<string, NodeId>();
  readonly #stop = new AbortController();

  constructor(
    runtime: Runtime,
    collaborators: {
      readonly table: RoutingTable;
      readonly store: RecordStore;
      readonly sender: RecordSender;
      /** False while we are not part of the network. */
      readonly isActive: () => boolean;
      /** Somebody came or went: `handOver` is to be called a little later. */
      readonly onChange: () => void;
    },
    config: KadConfig,
  ) {
    this.#runtime = runtime;
    this.#table = collaborators.table;
    this.#store = collaborators.store;
    this.#sender = collaborators.sender;
    this.#isActive = collaborators.isActive;
    this.#onChange = collaborators.onChange;
    this.#config = config;
    this.#settlingMs = SETTLING_DELAYS * config.handoverDelayMs;
    this.#budget = new HandoverBudget(runtime.clock.monotonicMs());
  }

  /** We are part of the network from now on: whom we meet within the next minute was there before us. */
  noteJoined(): void {
    this.#settledMs = this.#runtime.clock.monotonicMs() + this.#settlingMs;
  }

  /** A proved contact has entered the table (SH-03). */
  noteNewcomer(contact: TableContact): void {
    if (!this.#isActive() || this.#newcomers.size >= HANDOVER_CHANGES_MAX) return;
    if (this.#runtime.clock.monotonicMs() < this.#settledMs) return;
    this.#newcomers.set(toHex(contact.nodeId), contact);
    this.#onChange();
  }

  /** A contact is gone (BD-52). */
  noteLoss(nodeId: NodeId): void {
    if (!this.#isActive() || this.#lost.size >= HANDOVER_CHANGES_MAX) return;
    this.#lost.set(toHex(nodeId), nodeId);
    this.#onChange();
  }

  /** Hands records to those who keep them since the last changes. */
  async handOver(): Promise<void> {
    const newcomers = this.#newcomers;
    const lost = this.#lost;
    this.#newcomers = new Map();
    this.#lost = new Map();
    if (!this.#isActive() || this.#store.count === 0 || newcomers.size + lost.size === 0) return;
    // Whoever went and came back has lost nothing, or is a newcomer.
    for (const name of newcomers.keys()) lost.delete(name);
    const work = await this.#planHandovers(newcomers, [...lost.values()]);
    await this.#send(work, 'handedOver', (contact, bytes) => this.#takeBudget(partyOf(contact), bytes));
  }

  /** Stores again what is due on the nodes nearest to it that we know: we are one of them, so we know the others (Kademlia section 2.5). */
  async replicate(): Promise<number> {
    if (!this.#isActive() || this.#table.size === 0) return 0;
    const { bucketSize } = this.#config;
    const due = await this.#dueRecords();
    const work = new Map<TableContact, StoredRecord[]>();
    for (const record of due) {
      // Also what nobody takes: it is tried again after the interval, not in every round.
      record.storedMs = this.#runtime.clock.monotonicMs();
      for (const contact of this.#table.closest(record.key, bucketSize)) addWork(work, contact, record, due.length);
    }
    await this.#send(work, 'replicated', (_contact, bytes) => this.#takeBudget(undefined, bytes));
    return due.length;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #planHandovers(newcomers: ReadonlyMap<string, TableContact>, lost: readonly NodeId[]): Promise<Map<TableContact, StoredRecord[]>> {
    const { bucketSize: storersMax } = this.#config;
    const limits = { storersMax, giversMax: HANDOVER_GIVERS };
    const young = this.#youngContacts(newcomers);
    const isNewcomer = (nodeId: NodeId): boolean => newcomers.has(toHex(nodeId));
    const changes = { isNewcomer, isYoung: (nodeId: NodeId) => young.has(toHex(nodeId)), lost };
    const work = new Map<TableContact, StoredRecord[]>();
    await this.#lookAtAll((record) => {
      // A cheap look first: most records are others' to hand over, however many newcomers there are, and strangers store far ones.
      if (this.#table.nearerCount(record.key) >= Math.min(storersMax, HANDOVER_GIVERS + young.size)) return;
      const nearest = this.#table.closest(record.key, storersMax);
      for (const contact of planHandover({ key: record.key, selfId: this.#table.selfId, nearest }, changes, limits)) {
        if (!equalBytes(contact.nodeId, record.publisher)) addWork(work, contact, record, HANDOVER_RECORDS_MAX);
      }
    });
    return work;
  }

  /** Names of the newcomers, and of those whom we met so lately that they may not have been given everything yet. */
  #youngContacts(newcomers: ReadonlyMap<string, TableContact>): Set<string> {
    const sinceMs = this.#runtime.clock.monotonicMs() - this.#settlingMs;
    const young = new Set(newcomers.keys());
    for (const { nodeId, firstSeenMs } of this.#table.contacts()) if (firstSeenMs > sinceMs) young.add(toHex(nodeId));
    return young;
  }

  #send(
    work: ReadonlyMap<TableContact, StoredRecord[]>,
    count: CountName,
    mayGo: (contact: TableContact, bytes: number) => Promise<boolean>,
  ): Promise<void> {
    return this.#sender.send(work, {
      signal: this.#stop.signal,
      inFlightMax: HANDOVERS_IN_FLIGHT_MAX,
      mayGo,
      onAnswer: (_record, answer) => {
        if (answer === 'stored') this.counts[count] += 1;
      },
    });
  }

  async #takeBudget(party: string | undefined, bytes: number): Promise<boolean> {
    while (!this.#stop.signal.aborted) {
      const allowed = this.#budget.take(party, bytes, this.#runtime.clock.monotonicMs());
      if (allowed !== 'later') return allowed === 'now';
      await this.#runtime.clock.sleep(BUDGET_WAIT_MS, this.#stop.signal);
    }
    return false;
  }

  async #dueRecords(): Promise<StoredRecord[]> {
    const { replicationIntervalMs: intervalMs, replicationRoundMs: stepMs, replicationPerRoundMax, bucketSize: storersMax } = this.#config;
    const timing = { intervalMs, stepMs, storersMax };
    const nowMs = this.#runtime.clock.monotonicMs();
    const due: StoredRecord[] = [];
    await this.#lookAtAll((record) => {
      // Contact records live for hours, and whom they name publishes them again while it is there.
      if (record.kind === 'contact' || nowMs - record.storedMs < intervalMs) return;
      if (isReplicationDue(record.storedMs, this.#table.nearerCount(record.key), nowMs, timing)) due.push(record);
    });
    if (due.length <= replicationPerRoundMax) return due;
    return due.sort((a, b) => a.storedMs - b.storedMs).slice(0, replicationPerRoundMax);
  }

  /** All living records, a few at a time, so that a full store does not hold up everything else. */
  async #lookAtAll(look: (record: StoredRecord) => void): Promise<void> {
    const nowMs = this.#runtime.clock.monotonicMs();
    let looked = 0;
    for (const record of this.#store.all()) {
      if (record.receivedMs + record.keptMs > nowMs) look(record);
      if (++looked % RECORDS_LOOKED_AT_ONCE === 0) await this.#runtime.clock.sleep(1, this.#stop.signal);
    }
  }
}
