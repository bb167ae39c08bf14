// driven: one iterative lookup: asks the candidates of a shortlist until the nearest have answered (Kademlia section 2.3).
import type { NodeId, Runtime, Timer } from '@batchain/shared';
import { CANDIDATES_MAX, CANDIDATES_PER_WANTED, PAGE_SOURCES_MAX } from '../limits.ts';
import { distanceHead } from '../routing/distance.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { ProvedPeer, RpcFailure } from '../rpc/kad-rpc.ts';
import { pagesMax } from '../wire/message-sizes.ts';
import type { CompactContact, KadRequest, KadResponse } from '../wire/messages.ts';
import type { Testimony } from './agreement.ts';
import type { LookupKind, LookupResult, LookupStep } from './lookup-types.ts';
import { Paging } from './paging.ts';
import type { Claims } from './paths.ts';
import type { PeerClient } from './peer-client.ts';
import { type Candidate, type FailureKind, Shortlist } from './shortlist.ts';
import { Source } from './source.ts';

export interface LookupConfig {
  readonly concurrency: number;
  readonly concurrencyMax: number;
  readonly findOneAnswers: number;
  readonly slowAfterMs: number;
  readonly overdueAfterMs: number;
}

/** What an answer's records were worth: `useful` asks this node for its next page, `junk` never asks it for one again. */
export type AnswerWorth = 'useful' | 'nothing-new' | 'junk';

export interface LookupPlan {
  readonly kind: LookupKind;
  readonly target: Uint8Array;
  /** Done when so many of the nearest have answered. */
  readonly wanted: number;
  /** Candidates to begin with. */
  readonly seeds: readonly CompactContact[];
  /** Has all seeds asked, however far they are. */
  readonly asksAllSeeds?: boolean;
  /** Nobody whom it says to be taken is asked. */
  readonly claims?: Claims;
  /** Bounds what is in flight further than the config, for one of several lookups at the same time. */
  readonly inFlightMax?: number;
  readonly deadlineMs: number;
  readonly wantsSteps: boolean;
  request(page: number): KadRequest;
  /** Gets every answer that carries records. */
  onRecords?(response: Extract<KadResponse, { type: 'nodes' | 'values' }>): AnswerWorth;
}

type Answer = Extract<KadResponse, { type: 'nodes' | 'values' }>;

/** What an answerer said on its first page. */
interface Statement {
  readonly source: Source;
  readonly named: readonly number[];
  readonly hasRecords: boolean;
}

/** What a failed request says about who is at the address. */
const FAILURE_KINDS: Readonly<Record<RpcFailure, FailureKind>> = {
  timeout: 'silent',
  'not-dialable': 'silent',
  'no-session': 'silent',
  aborted: 'silent',
  stopped: 'silent',
  'wrong-identity': 'stranger',
  'wrong-network': 'stranger',
  'unsupported-version': 'stranger',
  'malformed-reply': 'stranger',
  refused: 'stranger',
  busy: 'busy',
  'held-back': 'unasked',
};

/** What one lookup found by itself. */
export type LookupOutcome = Omit<LookupResult, 'doubt'>;

/** Runs once. The result resolves when done, at the deadline, or when cancelled (then it rejects). */
export class Lookup {
  readonly result: Promise<LookupOutcome>;
  readonly #runtime: Runtime;
  readonly #client: PeerClient;
  readonly #selfId: NodeId;
  readonly #config: LookupConfig;
  readonly #plan: LookupPlan;
  readonly #shortlist: Shortlist;
  readonly #peers = new Map<Candidate, ProvedPeer>();
  readonly #statements = new Map<Candidate, Statement>();
  readonly #pagings: Paging[] = [];
  readonly #steps: LookupStep[] = [];
  readonly #startedMs: number;
  #resolve: (result: LookupOutcome) => void = () => undefined;
  #reject: (reason: unknown) => void = () => undefined;
  #timer: Timer | undefined;
  #inFlight = 0;
  #late = 0;
  #requests = 0;
  #answers = 0;
  #failures = 0;
  #pageReaders = 0;
  /** A further page brought no new contact: others' further pages will not either. */
  #areCutsRead = false;
  #isOver = false;

  constructor(
    runtime: Runtime,
    collaborators: { readonly client: PeerClient; readonly table: RoutingTable },
    config: LookupConfig,
    plan: LookupPlan,
  ) {
    this.#runtime = runtime;
    this.#client = collaborators.client;
    this.#selfId = collaborators.table.selfId;
    this.#config = config;
    this.#plan = plan;
    const candidatesMax = Math.max(CANDIDATES_MAX, plan.wanted * CANDIDATES_PER_WANTED, 2 * plan.seeds.length);
    this.#shortlist = new Shortlist(plan.target, this.#selfId, { wanted: plan.wanted, candidatesMax });
    this.#startedMs = runtime.clock.monotonicMs();
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const table = new Source({ isOurs: true });
    for (const seed of plan.seeds) {
      this.#shortlist.add(seed, 0, table);
      if (plan.asksAllSeeds === true) this.#shortlist.require(seed.nodeId);
    }
    this.#armTimer();
    this.#proceed();
  }

  /** Ends it at once: the result rejects with the reason. Requests under way end by themselves and still teach the table. */
  cancel(reason: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#reject(reason);
  }

  /** Everybody who was asked so far. */
  asked(): NodeId[] {
    return this.#shortlist.candidates.filter(({ state }) => state !== 'waiting' && state !== 'claimed').map(({ nodeId }) => nodeId);
  }

  /** What the nodes of the result said, nearest first. */
  testimonies(): Testimony[] {
    return this.#shortlist.nearestAnswered(this.#plan.wanted).flatMap((candidate): Testimony[] => {
      const said = this.#statements.get(candidate);
      if (said === undefined) return [];
      const { source, named, hasRecords } = said;
      return [{ head: candidate.head, named, isDiscredited: source.isDiscredited, hasRecords }];
    });
  }

  #armTimer(): void {
    this.#timer = this.#runtime.clock.setTimer(this.#config.slowAfterMs, () => {
      const nowMs = this.#runtime.clock.monotonicMs();
      if (nowMs - this.#startedMs >= this.#plan.deadlineMs) return this.#complete(false);
      this.#late = this.#shortlist.notePatience(nowMs, this.#config.slowAfterMs, this.#config.overdueAfterMs);
      this.#armTimer();
      this.#proceed();
    });
  }

  /** Requests that may be in flight now: few while searching, more where nodes are slow, and all once it has converged. */
  #allowance(): number {
    const { concurrency, findOneAnswers } = this.#config;
    const concurrencyMax = Math.min(this.#config.concurrencyMax, this.#plan.inFlightMax ?? this.#config.concurrencyMax);
    const candidates = this.#shortlist.candidates;
    let answered = 0;
    while (answered < findOneAnswers && candidates[answered]?.state === 'answered') answered++;
    if (answered >= findOneAnswers) return concurrencyMax;
    return Math.min(concurrencyMax, concurrency + this.#late + this.#failures);
  }

  #proceed(): void {
    if (this.#isOver) return;
    const allowance = this.#allowance();
    while (this.#inFlight < allowance) {
      const candidate = this.#shortlist.next();
      if (candidate === undefined) break;
      if (this.#mayAsk(candidate)) this.#askCandidate(candidate);
      else this.#shortlist.claimed(candidate);
    }
    if (!this.#shortlist.isDone) return;
    this.#readCutAnswers();
    if (this.#pageReaders === 0 && this.#shortlist.isDone) this.#complete(true);
  }

  /** Not when another path was first; asking it again at another address needs no second claim. */
  #mayAsk(candidate: Candidate): boolean {
    return candidate.askedMs >= 0 || (this.#plan.claims?.take(candidate.nodeId) ?? true);
  }

  #askCandidate(candidate: Candidate): void {
    this.#shortlist.asking(candidate, this.#runtime.clock.monotonicMs());
    this.#inFlight++;
    this.#requests++;
    void this.#client.ask(candidate, this.#plan.request(0)).then((result) => {
      this.#inFlight--;
      if (this.#isOver) return;
      const response = result.ok ? result.value.response : undefined;
      const outcome = result.ok ? (response?.type === 'error' ? response.code : 'ok') : result.reason;
      this.#noteStep(candidate, result.ok ? result.value.rttMs : undefined, outcome, response);
      if (result.ok && (response?.type === 'nodes' || response?.type === 'values')) {
        this.#answers++;
        this.#shortlist.answered(candidate);
        this.#peers.set(candidate, result.value.peer);
        const source = new Source();
        for (const contact of response.contacts) this.#shortlist.add(contact, candidate.depth + 1, source);
        const pages = Math.min(response.pages, pagesMax(this.#plan.request(0)));
        const paging = new Paging(candidate, result.value.peer, source, pages);
        this.#notePage(paging, response);
        if (pages > 1) this.#pagings.push(paging);
        const worth = this.#takeRecords(paging, response);
        const named = response.contacts.map((contact) => distanceHead(this.#plan.target, contact.nodeId));
        this.#statements.set(candidate, { source, named, hasRecords: response.records.length > 0 && worth !== 'junk' });
      } else {
        this.#failures++;
        this.#shortlist.failed(candidate, result.ok ? 'busy' : FAILURE_KINDS[result.reason]);
      }
      this.#proceed();
    });
  }

  #takeRecords(paging: Paging, response: Answer): AnswerWorth {
    const worth = this.#plan.onRecords?.(response) ?? 'nothing-new';
    if (worth === 'junk') {
      paging.stop();
      return worth;
    }
    if (worth === 'useful' && paging.hasMore && this.#pageReaders < PAGE_SOURCES_MAX) this.#readPage(paging);
    return worth;
  }

  #notePage(paging: Paging, response: Answer): void {
    const last = response.contacts.at(-1);
    paging.lastHead = last === undefined ? Number.POSITIVE_INFINITY : distanceHead(this.#plan.target, last.nodeId);
  }

  /** Asks an answerer for its next page; goes on with the one after as long as they bring something. */
  #readPage(paging: Paging): void {
    paging.isReading = true;
    this.#pageReaders++;
    this.#requests++;
    void this.#client.ask(paging.peer, this.#plan.request(paging.next)).then((result) => {
      this.#pageReaders--;
      paging.isReading = false;
      if (this.#isOver) return;
      paging.next++;
      const response = result.ok ? result.value.response : undefined;
      this.#noteStep(paging.candidate, result.ok ? result.value.rttMs : undefined, result.ok ? 'ok' : result.reason, response);
      if (response?.type === 'nodes' || response?.type === 'values') {
        this.#answers++;
        const known = this.#shortlist.candidates.length;
        const depth = paging.candidate.depth + 1;
        paging.noteBrought(response.contacts.flatMap((contact) => this.#shortlist.add(contact, depth, paging.source) ?? []));
        this.#areCutsRead = this.#shortlist.candidates.length === known;
        this.#notePage(paging, response);
        this.#takeRecords(paging, response);
      } else {
        this.#failures++;
        paging.stop();
      }
      this.#proceed();
    });
  }

  /**
   * A page holds 16 contacts, so that an answer may have been cut before it named all of the `wanted` nearest: when its last
   * one is nearer than the last of our result, the nearest such answerer is asked for more.
   */
  #readCutAnswers(): void {
    if (this.#plan.kind === 'find-value' || this.#areCutsRead || this.#pageReaders > 0) return;
    const answered = this.#shortlist.nearestAnswered(this.#plan.wanted);
    const reach = answered.length < this.#plan.wanted ? Number.POSITIVE_INFINITY : (answered.at(-1)?.head ?? 0);
    for (const candidate of answered) {
      const paging = this.#pagings.find((one) => one.candidate === candidate);
      if (paging === undefined || !paging.hasMore || paging.isUnvouched || paging.lastHead >= reach) continue;
      this.#readPage(paging);
      return;
    }
  }

  #noteStep(candidate: Candidate, rttMs: number | undefined, outcome: string, response: KadResponse | undefined): void {
    if (!this.#plan.wantsSteps) return;
    const { nodeId, address, depth, head } = candidate;
    const contacts = response?.type === 'nodes' || response?.type === 'values' ? response.contacts : [];
    const nearer = contacts.filter((contact) => distanceHead(this.#plan.target, contact.nodeId) < head).length;
    const atMs = this.#runtime.clock.monotonicMs() - this.#startedMs;
    this.#steps.push({ nodeId, address, depth, rttMs, outcome, atMs, named: contacts.length, nearer });
  }

  #end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #complete(isComplete: boolean): void {
    if (this.#isOver) return;
    this.#end();
    const nearest = this.#shortlist.nearestAnswered(this.#plan.wanted);
    const contacts = nearest.flatMap((candidate) => this.#peers.get(candidate) ?? []);
    this.#resolve({
      contacts,
      isComplete,
      steps: this.#steps,
      stats: {
        requests: this.#requests,
        answers: this.#answers,
        failures: this.#failures,
        hops: nearest[0]?.depth ?? 0,
        durationMs: this.#runtime.clock.monotonicMs() - this.#startedMs,
        paths: 0,
      },
    });
  }
}
