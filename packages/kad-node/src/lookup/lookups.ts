// driven: starts lookups of every kind, a bounded number at a time, and sums up what they learnt.
import { BatChainError, type Runtime, type Verifier } from '@batchain/shared';
import pLimit, { type LimitFunction } from 'p-limit';
import type { KadConfig } from '../kad-config.ts';
import { DENSITY_SAMPLES_MAX, LOOKUP_RECORDS_MAX, LOOKUPS_WAITING_MAX } from '../limits.ts';
import { type CollectedRecord, RecordCollector } from '../records/record-collector.ts';
import type { RecordKind } from '../records/record-kind.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import { type DensitySample, densitySample } from '../routing/size-estimate.ts';
import type { KadRequest } from '../wire/messages.ts';
import { type AnswerWorth, Lookup, type LookupPlan } from './lookup.ts';
import type { LookupKind, LookupOptions, LookupResult, LookupStats } from './lookup-types.ts';
import type { PeerClient } from './peer-client.ts';

export interface FoundRecords extends LookupResult {
  /** The newest record of each publisher, withdrawn ones too: they tell that other copies are out of date. */
  readonly records: readonly CollectedRecord[];
  /** Contact records that came along, of holders or hosts. */
  readonly holders: readonly CollectedRecord[];
}

export interface LookupTotals {
  lookups: number;
  requests: number;
  running: number;
}

type Records = Parameters<NonNullable<LookupPlan['onRecords']>>[0];

export type LookupDone = (kind: LookupKind, target: Uint8Array, stats: LookupStats) => void;

/** Every lookup of a node goes through here. */
export class Lookups {
  readonly totals: LookupTotals = { lookups: 0, requests: 0, running: 0 };
  readonly #runtime: Runtime;
  readonly #client: PeerClient;
  readonly #table: RoutingTable;
  readonly #verifier: Verifier;
  readonly #config: KadConfig;
  readonly #onDone: LookupDone;
  readonly #limit: LimitFunction;
  readonly #running = new Set<Lookup>();
  readonly #densities: DensitySample[] = [];
  #stopReason: unknown;

  constructor(
    runtime: Runtime,
    collaborators: {
      readonly client: PeerClient;
      readonly table: RoutingTable;
      readonly verifier: Verifier;
      readonly onDone: LookupDone;
    },
    config: KadConfig,
  ) {
    this.#runtime = runtime;
    this.#client = collaborators.client;
    this.#table = collaborators.table;
    this.#verifier = collaborators.verifier;
    this.#onDone = collaborators.onDone;
    this.#config = config;
    this.#limit = pLimit(config.lookupsInFlightMax);
  }

  /** How densely nodes lay around the targets of the latest find-many lookups. */
  get densities(): readonly DensitySample[] {
    return this.#densities;
  }

  /** The nodes nearest to a key: `findOneAnswers` of them. */
  findOne(target: Uint8Array, options: LookupOptions = {}): Promise<LookupResult> {
    return this.#run('find-one', target, this.#config.findOneAnswers, options, findNode(target, false));
  }

  /** The `count` nodes nearest to a key. */
  async findMany(target: Uint8Array, count: number, options: LookupOptions = {}, kind: LookupKind = 'find-many'): Promise<LookupResult> {
    const result = await this.#run(kind, target, count, options, findNode(target, false));
    if (result.isComplete && result.contacts.length >= this.#config.bucketSize) this.#noteDensity(target, result);
    return result;
  }

  /** The nodes nearest to a key, and the contact records of hosts near it that they keep: `count` of them when there are. */
  async findHosts(key: Uint8Array, count: number, options: LookupOptions = {}): Promise<FoundRecords> {
    const hosts = this.#collector('contact', undefined);
    const onRecords = (response: Records): AnswerWorth => worthOf(hosts.take(response.records));
    const result = await this.#run('find-hosts', key, count, options, findNode(key, true), onRecords);
    return { ...result, records: [], holders: hosts.living() };
  }

  /** Records of a key from the nodes nearest to it: all their pages, merged; checked; the newest of each publisher. */
  async findValue(kind: RecordKind, key: Uint8Array, options: LookupOptions = {}): Promise<FoundRecords> {
    const records = this.#collector(kind, key);
    const holders = this.#collector('contact', undefined);
    const onRecords = (response: Records): AnswerWorth => {
      if (response.type !== 'values') return 'nothing-new';
      const known = holders.take(response.holders);
      const taken = records.take(response.records);
      return worthOf({ fresh: taken.fresh + known.fresh, junk: taken.junk + known.junk });
    };
    const request = (page: number): KadRequest => ({ type: 'find-value', kind, key, page });
    const result = await this.#run('find-value', key, this.#config.findValueAnswers, options, request, onRecords);
    return { ...result, records: records.newest(), holders: holders.living() };
  }

  /** Cancels all lookups, those that wait too. */
  stop(reason: unknown): void {
    this.#stopReason = reason;
    for (const lookup of this.#running) lookup.cancel(reason);
  }

  #collector(kind: RecordKind, key: Uint8Array | undefined): RecordCollector {
    return new RecordCollector(this.#verifier, { kind, key, recordsMax: LOOKUP_RECORDS_MAX });
  }

  async #run(
    kind: LookupKind,
    target: Uint8Array,
    wanted: number,
    options: LookupOptions,
    request: LookupPlan['request'],
    onRecords?: LookupPlan['onRecords'],
  ): Promise<LookupResult> {
    options.signal?.throwIfAborted();
    if (this.#limit.pendingCount >= LOOKUPS_WAITING_MAX) {
      throw new BatChainError('BAT_E_KAD_BUSY', { what: `${LOOKUPS_WAITING_MAX} lookups are waiting already` });
    }
    return this.#limit(async () => {
      options.signal?.throwIfAborted();
      if (this.#stopReason !== undefined) throw this.#stopReason;
      this.#table.markLookup(target, this.#runtime.clock.monotonicMs());
      const deadlineMs = options.deadlineMs ?? this.#config.lookupDeadlineMs;
      const plan: LookupPlan = {
        kind,
        target,
        wanted,
        seeds: this.#table.closest(target, Math.max(wanted, this.#config.bucketSize)),
        deadlineMs,
        wantsSteps: options.wantsSteps ?? false,
        request,
        ...(onRecords === undefined ? {} : { onRecords }),
      };
      const result = await this.#drive(plan, options.signal);
      this.totals.lookups++;
      this.totals.requests += result.stats.requests;
      this.#onDone(kind, target, result.stats);
      return result;
    });
  }

  async #drive(plan: LookupPlan, signal: AbortSignal | undefined): Promise<LookupResult> {
    const lookup = new Lookup(this.#runtime, { client: this.#client, table: this.#table }, this.#config, plan);
    const onAbort = (): void => lookup.cancel(signal?.reason);
    this.#running.add(lookup);
    this.totals.running = this.#running.size;
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await lookup.result;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#running.delete(lookup);
      this.totals.running = this.#running.size;
    }
  }

  #noteDensity(target: Uint8Array, result: LookupResult): void {
    const sample = densitySample(
      target,
      result.contacts.slice(0, this.#config.bucketSize).map((contact) => contact.nodeId),
    );
    if (sample === undefined || this.#densities.some((known) => known.reach === sample.reach)) return;
    this.#densities.push(sample);
    if (this.#densities.length > DENSITY_SAMPLES_MAX) this.#densities.shift();
  }
}

function findNode(target: Uint8Array, wantsHosts: boolean): LookupPlan['request'] {
  return (page) => ({ type: 'find-node', target, wantsHosts, page });
}

function worthOf(taken: { readonly fresh: number; readonly junk: number }): AnswerWorth {
  if (taken.junk > 0) return 'junk';
  return taken.fresh > 0 ? 'useful' : 'nothing-new';
}
