// driven: starts lookups of every kind, a bounded number at a time, and sums up what they learnt.
import { setMaxListeners } from 'node:events';
import { BatChainError, equalBytes, type Runtime, type Verifier } from '@batchain/shared';
import pLimit, { type LimitFunction } from 'p-limit';
import type { KadConfig } from '../kad-config.ts';
import { LOOKUP_RECORDS_MAX, LOOKUPS_WAITING_MAX } from '../limits.ts';
import { type CollectedRecord, oldestSequence, RecordCollector } from '../records/record-collector.ts';
import type { RecordKind } from '../records/record-kind.ts';
import { DensityLog } from '../routing/density-log.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import { type DensitySample, densitySample, estimateNodes, type SizeEstimate } from '../routing/size-estimate.ts';
import type { KadRequest } from '../wire/messages.ts';
import { judgeResult, type ResultFacts } from './agreement.ts';
import { type AnswerWorth, Lookup, type LookupOutcome, type LookupPlan } from './lookup.ts';
import type { LookupDoubt, LookupKind, LookupOptions, LookupResult, LookupStats } from './lookup-types.ts';
import { PathSearch } from './path-search.ts';
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

/** What one lookup is for. `secures`: what must be found for its result to be taken as it is; undefined takes every result. */
interface Ask extends Omit<LookupPlan, 'seeds' | 'deadlineMs' | 'wantsSteps'> {
  readonly secures?: ResultFacts['expects'];
}

interface Driven {
  readonly lookup: Lookup;
  readonly outcome: Promise<LookupOutcome>;
}

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
  readonly #densities = new DensityLog();
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

  /** How many nodes the network has, this one included, judged from how densely they lie around ourselves and the keys looked up. */
  estimateSize(): SizeEstimate {
    return this.#estimateFrom(this.#densities.samples(this.#nowMs()));
  }

  /** The same from lookups of the own id and `count` random keys alone: exact when the table has room for all that they meet. */
  async measureSize(count: number, options: LookupOptions = {}): Promise<SizeEstimate> {
    const keys = Array.from({ length: count }, () => this.#runtime.random.bytes(32));
    const sinceMs = this.#nowMs();
    const own: LookupOptions = options.signal === undefined ? options : { ...options, signal: AbortSignal.any([options.signal]) };
    // One of each lookup is no leak.
    if (own.signal !== undefined) setMaxListeners(0, own.signal);
    await Promise.all([this.#table.selfId, ...keys].map((key) => this.findMany(key, this.#config.bucketSize, own)));
    return this.#table.hasRoomForAll
      ? { nodes: this.#table.size + 1, errorRatio: 0 }
      : this.#estimateFrom(this.#densities.samplesSince(sinceMs));
  }

  #estimateFrom(elsewhere: readonly DensitySample[]): SizeEstimate {
    const known = this.#table.size + 1;
    if (this.#table.size < this.#config.bucketSize) return { nodes: known, errorRatio: 0 };
    const { nodes, errorRatio } = estimateNodes([...this.#ownDensity(), ...elsewhere]);
    return { nodes: Math.max(known, nodes + 1), errorRatio };
  }

  /** The nodes nearest to a key: `findOneAnswers` of them. */
  findOne(target: Uint8Array, options: LookupOptions = {}): Promise<LookupResult> {
    const ask: Ask = { kind: 'find-one', target, wanted: this.#config.findOneAnswers, request: findNode(target, false) };
    return this.#run(ask, options);
  }

  /** The `count` nodes nearest to a key. */
  findMany(target: Uint8Array, count: number, options: LookupOptions = {}): Promise<LookupResult> {
    return this.#run({ kind: 'find-many', target, wanted: count, request: findNode(target, false) }, options);
  }

  /** The `count` nodes nearest to a key, and more of its region when the result is doubtful. */
  findSecure(
    target: Uint8Array,
    count: number,
    options: LookupOptions = {},
    kind: Extract<LookupKind, 'secure' | 'publish'> = 'secure',
  ): Promise<LookupResult> {
    return this.#run({ kind, target, wanted: count, request: findNode(target, false), secures: 'nothing' }, options);
  }

  /** The nodes nearest to a key, and the contact records of hosts near it that they keep: `count` of them when there are. */
  async findHosts(key: Uint8Array, count: number, options: LookupOptions = {}): Promise<FoundRecords> {
    const hosts = this.#collector('contact', undefined);
    const onRecords = (response: Records): AnswerWorth => worthOf(hosts.take(response.records));
    const request = findNode(key, true);
    const result = await this.#run({ kind: 'find-hosts', target: key, wanted: count, request, onRecords, secures: 'some' }, options);
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
    const wanted = this.#config.findValueAnswers;
    const result = await this.#run({ kind: 'find-value', target: key, wanted, request, onRecords, secures: 'each' }, options);
    return { ...result, records: records.newest(), holders: holders.living() };
  }

  /** Cancels all lookups, those that wait too. */
  stop(reason: unknown): void {
    this.#stopReason = reason;
    for (const lookup of this.#running) lookup.cancel(reason);
  }

  #collector(kind: RecordKind, key: Uint8Array | undefined): RecordCollector {
    const sequenceMin = oldestSequence(kind, this.#runtime.clock.nowMs());
    return new RecordCollector(this.#verifier, { kind, key, recordsMax: LOOKUP_RECORDS_MAX, sequenceMin });
  }

  async #run(ask: Ask, options: LookupOptions): Promise<LookupResult> {
    options.signal?.throwIfAborted();
    if (this.#limit.pendingCount >= LOOKUPS_WAITING_MAX) {
      throw new BatChainError('BAT_E_KAD_BUSY', { what: `${LOOKUPS_WAITING_MAX} lookups are waiting already` });
    }
    return this.#limit(async () => {
      options.signal?.throwIfAborted();
      if (this.#stopReason !== undefined) throw this.#stopReason;
      this.#table.markLookup(ask.target, this.#nowMs());
      const result = await this.#search(ask, options);
      this.totals.lookups++;
      this.totals.requests += result.stats.requests;
      this.#onDone(ask.kind, ask.target, result.stats);
      return result;
    });
  }

  /** One lookup; when its result is doubtful and the kind is a secure one, disjoint paths go over it. */
  async #search(ask: Ask, options: LookupOptions): Promise<LookupResult> {
    const { secures, ...plan } = ask;
    const { bucketSize, lookupDeadlineMs, securePaths } = this.#config;
    const untilMs = this.#nowMs() + (options.deadlineMs ?? lookupDeadlineMs);
    const wantsSteps = options.wantsSteps ?? false;
    const drive = (part: Omit<LookupPlan, 'deadlineMs' | 'wantsSteps'>): Driven => {
      const deadlineMs = Math.max(1, untilMs - this.#nowMs());
      return this.#drive({ ...part, deadlineMs, wantsSteps }, options.signal);
    };
    const { lookup, outcome } = drive({ ...plan, seeds: this.#table.closest(ask.target, Math.max(ask.wanted, bucketSize)) });
    const first = await outcome;
    const doubt = this.#judge(ask, lookup, first);
    if (doubt === undefined || secures === undefined || securePaths === 0 || !first.isComplete) return { ...first, doubt };
    const search = new PathSearch(
      { table: this.#table, drive: (part) => drive(part).outcome },
      { paths: securePaths, pathAnswers: this.#config.pathAnswers, bucketSize },
    );
    // The smaller estimate gives the wider region.
    const sizes = this.#estimatesApartFrom(ask.target).map((estimate) => estimate.nodes);
    const nodes = sizes.length === 0 ? this.estimateSize().nodes : Math.min(...sizes);
    const widened = await search.goOver({ plan, first, asked: lookup.asked(), nodes });
    return { ...widened, doubt };
  }

  /** Looks at a result of a k-bucket's size or more, and remembers how densely any result lies. */
  #judge({ target, wanted, secures }: Ask, lookup: Lookup, { contacts, isComplete }: LookupOutcome): LookupDoubt | undefined {
    if (!isComplete) return undefined;
    const { bucketSize } = this.#config;
    const count = Math.min(wanted, bucketSize);
    const ids = contacts.slice(0, count).map((contact) => contact.nodeId);
    const density = ids.length < count ? undefined : densitySample(target, ids);
    const nearer = densitySample(target, ids.slice(0, count >> 1));
    const densities = density === undefined || nearer === undefined ? [] : [nearer, density];
    const testimonies = lookup.testimonies().slice(0, bucketSize);
    const facts: ResultFacts = { testimonies, expects: secures ?? 'nothing', densities, estimates: this.#estimatesApartFrom(target) };
    const doubt = wanted < bucketSize ? undefined : judgeResult(facts);
    // Our own surroundings are sampled from the table. Made-up ids tell nothing about the network.
    const isSample = density !== undefined && doubt !== 'crowded' && !equalBytes(target, this.#table.selfId);
    if (isSample) this.#densities.note(target, density, this.#nowMs());
    return doubt;
  }

  /** The size of the network by our own surroundings and by other lookups: an attacker at one of both places misleads one of them. */
  #estimatesApartFrom(target: Uint8Array): SizeEstimate[] {
    const own = equalBytes(target, this.#table.selfId) ? [] : this.#ownDensity();
    const elsewhere = this.#densities.samples(this.#nowMs(), target);
    return [own, elsewhere].filter((samples) => samples.length > 0).map(estimateNodes);
  }

  #ownDensity(): DensitySample[] {
    const { bucketSize } = this.#config;
    if (this.#table.size < bucketSize) return [];
    const nearest = this.#table.closest(this.#table.selfId, bucketSize).map((contact) => contact.nodeId);
    const sample = densitySample(this.#table.selfId, nearest);
    return sample === undefined ? [] : [sample];
  }

  #drive(plan: LookupPlan, signal: AbortSignal | undefined): Driven {
    const lookup = new Lookup(this.#runtime, { client: this.#client, table: this.#table }, this.#config, plan);
    const onAbort = (): void => lookup.cancel(signal?.reason);
    this.#running.add(lookup);
    this.totals.running = this.#running.size;
    signal?.addEventListener('abort', onAbort, { once: true });
    const outcome = lookup.result.finally(() => {
      signal?.removeEventListener('abort', onAbort);
      this.#running.delete(lookup);
      this.totals.running = this.#running.size;
    });
    return { lookup, outcome };
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }
}

function findNode(target: Uint8Array, wantsHosts: boolean): LookupPlan['request'] {
  return (page) => ({ type: 'find-node', target, wantsHosts, page });
}

function worthOf(taken: { readonly fresh: number; readonly junk: number }): AnswerWorth {
  if (taken.junk > 0) return 'junk';
  return taken.fresh > 0 ? 'useful' : 'nothing-new';
}
