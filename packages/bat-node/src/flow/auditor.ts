// driven: asks the holders of a file to prove that they still hold its shards; one row per shard with its outcome (BN-05, BN-57).
import { type NodeId, toHex } from '@batchain/shared';
import { chooseLeaves, samplesPerShard } from '../audit/challenge-plan.ts';
import { type AskedQuestion, openQuestions, placeKey, type Question } from '../audit/containment.ts';
import { type AuditAnswer, judgeAnswer } from '../audit/verdict.ts';
import { MOVED_FOLLOWED_MAX, MOVED_HOPS_MAX } from '../limits.ts';
import { type Manifest, shardIdAt } from '../manifest/manifest.ts';
import { leafCount } from '../pipeline/shard.ts';
import type { OwnedFile } from '../storage/owner-store.ts';
import type { FlowDeps } from './flow-deps.ts';
import type { AuditOptions, AuditRow } from './flow-types.ts';
import { unpackHeld } from './held-list.ts';
import type { HostPeer, PeerTools } from './host-peer.ts';
import { ShardSources } from './shard-sources.ts';
import { joinSignals } from './signals.ts';

/** Leaves asked for in one challenge: 256 KiB of answer. */
const LEAVES_PER_CHALLENGE = 16;
/** Challenges in a row without an answer after which the rest of a host's shards is not asked for in this round. */
const SILENCES_MAX = 2;

interface Place {
  readonly segment: number;
  readonly index: number;
}

interface Answered {
  readonly answer: AuditAnswer;
  readonly reason: string;
  /** The challenge that it was asked last. */
  readonly leaves?: readonly number[];
}

/** What one round of questions brought. */
export interface AuditRound {
  readonly rows: readonly AuditRow[];
  /** How each host that was asked met its question, one for each row with a host. */
  readonly asked: readonly AskedQuestion[];
  /** Rows of hosts that hold nothing and promise nothing any more: nobody needs to wait for them. */
  readonly ended: ReadonlySet<AuditRow>;
  /** Rows of hosts that say that they handed the shard over. */
  readonly moved: ReadonlySet<AuditRow>;
  readonly challengedBytes: number;
}

export class Auditor {
  readonly #deps: FlowDeps;
  readonly #manifest: Manifest;
  readonly #owned: OwnedFile | undefined;
  readonly #sources: ShardSources;
  readonly #options: AuditOptions;
  readonly #signal: AbortSignal;
  /** Questions of earlier rounds that were not answered: they are asked the same again. */
  readonly #open: ReadonlyMap<string, Question>;
  readonly #ended = new Set<AuditRow>();
  readonly #moved = new Set<AuditRow>();
  /** Whom they name. */
  readonly #successors = new Map<string, string>();
  readonly #asked: AskedQuestion[] = [];
  #challengedBytes = 0;

  constructor(
    deps: FlowDeps,
    tools: PeerTools,
    found: { readonly manifest: Manifest; readonly owned: OwnedFile | undefined },
    options: AuditOptions,
  ) {
    this.#deps = deps;
    this.#manifest = found.manifest;
    this.#owned = found.owned;
    this.#open = openQuestions(found.owned?.contained ?? []);
    this.#options = options;
    this.#signal = joinSignals(options.signal);
    this.#sources = new ShardSources(deps, tools, found.manifest, this.#signal);
  }

  /** Every shard of the file gets a row for each host that promised or claims it, or one row without a host. */
  async run(): Promise<AuditRound> {
    await this.#sources.gatherAll(this.#manifest.hints);
    const byHost = this.#assignments();
    const rows = await this.#auditHosts(byHost);
    rows.push(...(await this.#followMoved(rows)));
    return this.#round([...rows, ...this.#unheld(byHost)]);
  }

  /** Asks these hosts, and only these, what they left unanswered. */
  async runOpen(hosts: ReadonlySet<string>): Promise<AuditRound> {
    const byHost = new Map<string, Place[]>();
    for (const [key, { segment, index }] of this.#open) {
      const host = key.slice(0, key.indexOf('/'));
      if (hosts.has(host)) byHost.set(host, [...(byHost.get(host) ?? []), { segment, index }]);
    }
    return this.#round(await this.#auditHosts(byHost));
  }

  async #auditHosts(byHost: ReadonlyMap<string, readonly Place[]>): Promise<AuditRow[]> {
    const perHost = await Promise.all([...byHost].map(([host, places]) => this.#auditHost(host, places)));
    this.#signal.throwIfAborted();
    return perHost.flat();
  }

  /**
   * Who handed a shard over since it was asked what it holds names the next to be asked. One that is only named has promised nothing: it
   * fails nothing, and nothing of it is left open.
   */
  async #followMoved(rows: readonly AuditRow[]): Promise<AuditRow[]> {
    const heard = new Map(rows.map((row) => [keyOf(row), row]));
    const passed: AuditRow[] = [];
    for (let hops = 0; hops < MOVED_HOPS_MAX; hops++) {
      const next = this.#namedNext(heard);
      if (next.size === 0) break;
      const before = this.#asked.length;
      const found = await this.#auditHosts(next);
      for (const row of found) heard.set(keyOf(row), row);
      const good = found.filter((row) => row.outcome === 'passed' || this.#moved.has(row));
      const keys = new Set(good.map(keyOf));
      this.#asked.push(...this.#asked.splice(before).filter(({ host, segment, index }) => keys.has(placeKey(host, segment, index))));
      passed.push(...good);
    }
    for (const row of this.#moved) {
      const named = this.#successorOf(row);
      const answer = named === undefined ? undefined : heard.get(placeKey(named, row.segment, row.index));
      const isHeard = answer === undefined ? named !== undefined && this.#sources.state(named) === 'answered' : isAnswer(answer);
      if (isHeard) this.#ended.add(row);
    }
    return passed;
  }

  /** Who is named and was not asked yet, for which places. */
  #namedNext(heard: ReadonlyMap<string, AuditRow>): Map<string, Place[]> {
    const next = new Map<string, Place[]>();
    for (const row of this.#moved) {
      const { segment, index } = row;
      const named = this.#successorOf(row);
      if (named === undefined || heard.has(placeKey(named, segment, index))) continue;
      const places = next.get(named) ?? [];
      const isAsked = places.some((place) => place.segment === segment && place.index === index);
      if (!isAsked && (places.length > 0 || next.size < MOVED_FOLLOWED_MAX)) next.set(named, [...places, { segment, index }]);
    }
    return next;
  }

  #successorOf({ host, segment, index }: AuditRow): string | undefined {
    return host && this.#successors.get(placeKey(toHex(host), segment, index));
  }

  #round(rows: AuditRow[]): AuditRound {
    rows.sort((a, b) => a.segment - b.segment || a.index - b.index);
    return { rows, asked: this.#asked, ended: this.#ended, moved: this.#moved, challengedBytes: this.#challengedBytes };
  }

  /** Who has to answer for what: what hosts signed for, and what they say now that they hold. */
  #assignments(): Map<string, Place[]> {
    const places = new Map<string, Map<string, Place>>();
    const add = (host: string, place: Place): void => {
      const known = places.get(host) ?? new Map<string, Place>();
      places.set(host, known.set(`${place.segment}/${place.index}`, place));
    };
    for (const lease of this.#owned?.leases ?? []) for (const place of unpackHeld(lease.shards)) add(lease.host, place);
    const { roster } = this.#manifest;
    for (let segment = 0; segment < roster.segments.length; segment++) {
      for (let index = 0; index < roster.scheme.totalShards; index++) {
        for (const host of this.#sources.holders.holders(segment, index)) add(host, { segment, index });
      }
    }
    return new Map([...places].map(([host, known]) => [host, [...known.values()]]));
  }

  #unheld(byHost: ReadonlyMap<string, readonly Place[]>): AuditRow[] {
    const held = new Set([...byHost.values()].flat().map((place) => `${place.segment}/${place.index}`));
    const rows: AuditRow[] = [];
    for (let segment = 0; segment < this.#manifest.roster.segments.length; segment++) {
      for (let index = 0; index < this.#manifest.roster.scheme.totalShards; index++) {
        if (!held.has(`${segment}/${index}`))
          rows.push(this.#row({ segment, index }, undefined, { answer: 'no-holder', reason: 'no host is known to hold it' }));
      }
    }
    return rows;
  }

  async #auditHost(key: string, places: readonly Place[]): Promise<AuditRow[]> {
    const peer = this.#sources.peer(key) ?? this.#sources.addPeer(key);
    const samples = samplesPerShard(places.length);
    const rows: AuditRow[] = [];
    let silences = 0;
    for (const place of places) {
      this.#signal.throwIfAborted();
      const answered = this.#weigh(key, await this.#auditPlace(peer, place, samples, silences >= SILENCES_MAX));
      silences = isSilence(answered.answer) ? silences + 1 : 0;
      rows.push(this.#row(place, peer?.nodeId, answered));
      const leaves = answered.leaves ?? this.#openLeaves(key, place);
      this.#asked.push({ host: key, ...place, leaves, end: ENDS[answered.answer] });
    }
    return rows;
  }

  async #auditPlace(peer: HostPeer | undefined, place: Place, samples: number, isSilent: boolean): Promise<Answered> {
    if (peer === undefined) return { answer: 'unreachable', reason: 'its address is not known' };
    if (isSilent) return { answer: 'no-answer', reason: 'it answered no challenge of this round' };
    const answered = await this.#auditShard(peer, place, samples);
    // A connection may have ended for reasons of its own; who hangs up again was asked and did not answer.
    return answered.answer === 'hung-up' ? this.#auditShard(peer, place, samples) : answered;
  }

  #openLeaves(host: string, { segment, index }: Place): readonly number[] {
    return this.#open.get(placeKey(host, segment, index))?.leaves ?? [];
  }

  /** A host that says that it lacks a shard breaks no promise when its lease is over. */
  #weigh(host: string, answered: Answered): Answered {
    if (answered.answer !== 'signed-not-held') return answered;
    const lease = this.#owned?.leases.find((known) => known.host === host);
    const isOver = lease !== undefined && lease.leaseUntilMs < this.#deps.runtime.clock.nowMs();
    return isOver ? { answer: 'lease-over', reason: 'it does not hold the shard, and its lease is over' } : answered;
  }

  async #auditShard(peer: HostPeer, place: Place, samples: number): Promise<Answered> {
    if (!peer.isUsable) return { answer: 'unreachable', reason: peer.lastFailure };
    const client = await peer.client(this.#signal);
    if (!client.ok) return unreachable(peer, client.reason);
    const segment = this.#manifest.roster.segments[place.segment];
    if (segment === undefined) return { answer: 'no-holder', reason: 'no such segment' };
    const count = leafCount(segment.shardLength);
    const file = { fileId: this.#manifest.roster.fileId, accessSeed: this.#manifest.accessSeed };
    const shard = { ...place, shardId: shardIdAt(segment, place.index), shardBytes: segment.shardLength };
    const leaves = this.#chooseLeaves(peer.key, place, count, samples);
    for (let at = 0; at < leaves.length; at += LEAVES_PER_CHALLENGE) {
      const asked = leaves.slice(at, at + LEAVES_PER_CHALLENGE);
      const onMoved = (host: NodeId): void => void this.#successors.set(placeKey(peer.key, place.segment, place.index), toHex(host));
      const proved = await peer.ask(this.#signal, (reached) => reached.challenge(file, shard, asked, { signal: this.#signal, onMoved }));
      if (!proved.ok && peer.isReached) return { ...toAnswer(proved.reason, proved.detail), leaves: asked };
      if (!proved.ok) return unreachable(peer, proved.reason);
      this.#challengedBytes += proved.value;
    }
    return { answer: 'proved', reason: `${leaves.length} of ${count} leaves proved` };
  }

  /** Drawn now, but for a question that is open: that one is asked again, and before all others when every leaf is wanted. */
  #chooseLeaves(host: string, place: Place, count: number, samples: number): readonly number[] {
    const open = this.#openLeaves(host, place).filter((leaf) => leaf < count);
    if (this.#options.isFull === true) {
      const others = Array.from({ length: count }, (_, i) => i).filter((leaf) => !open.includes(leaf));
      return [...open, ...others];
    }
    return open.length > 0 ? open : chooseLeaves(this.#deps.runtime.entropy, count, samples);
  }

  #row(place: Place, host: NodeId | undefined, answered: Answered): AuditRow {
    const segment = this.#manifest.roster.segments[place.segment];
    if (segment === undefined) throw new RangeError(`segment ${place.segment}`);
    const outcome = judgeAnswer(answered.answer);
    if (outcome !== 'passed')
      this.#deps.runtime.log.info('bat.audit.row', { host: host && toHex(host), ...place, outcome, reason: answered.reason });
    const row: AuditRow = { shardId: shardIdAt(segment, place.index), ...place, host, outcome, reason: answered.reason };
    if (answered.answer === 'lease-over') this.#ended.add(row);
    if (answered.answer === 'moved') this.#moved.add(row);
    return row;
  }
}

const keyOf = ({ host, segment, index }: AuditRow): string => placeKey(host === undefined ? '' : toHex(host), segment, index);

/** It says whether the host has the shard; an absence or a silence does not. */
const isAnswer = ({ outcome }: AuditRow): boolean => outcome !== 'offline' && outcome !== 'contained';

const isSilence = (answer: AuditAnswer): boolean => answer === 'no-answer' || answer === 'hung-up';

const ENDS: Readonly<Record<AuditAnswer, AskedQuestion['end']>> = {
  proved: 'settled',
  'wrong-bytes': 'settled',
  'signed-not-held': 'settled',
  'signed-damaged': 'settled',
  'lease-over': 'settled',
  moved: 'settled',
  'no-holder': 'settled',
  'no-answer': 'silent',
  'hung-up': 'silent',
  refused: 'refused',
  unreachable: 'away',
};

/** One dial that failed is the host's answer for all of its shards in this round. */
function unreachable(peer: HostPeer, reason: string): Answered {
  peer.failed(reason, true);
  return { answer: 'unreachable', reason };
}

/** What a failed challenge says about the shard. */
function toAnswer(reason: string, detail = ''): Answered {
  switch (reason) {
    case 'bad-bytes':
      return { answer: 'wrong-bytes', reason: 'its answer does not fit the roster' };
    case 'not-held':
      return { answer: 'signed-not-held', reason: 'it signed that it does not hold the shard' };
    case 'damaged':
      return { answer: 'signed-damaged', reason: 'it signed that its copy is damaged' };
    case 'moved':
      return { answer: 'moved', reason: `it says that it handed the shard over to ${detail.slice(0, 8)}` };
    case 'timeout':
    case 'malformed':
      return { answer: 'no-answer', reason: `connected, but no valid answer (${reason})` };
    case 'closed':
      return { answer: 'hung-up', reason: 'it took the challenge and hung up' };
    case 'aborted':
      return { answer: 'unreachable', reason: 'the audit was cancelled' };
    default:
      return { answer: 'refused', reason: `it refused (${reason})` };
  }
}
