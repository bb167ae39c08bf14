// pure: the candidates of one lookup, nearest first: whom to ask next, and when it is done (Kademlia section 2.3).
import { type Address, equalAddress, equalBytes, type NodeId } from '@batchain/shared';
import { CANDIDATE_ADDRESSES_MAX, CANDIDATE_SOURCES_MAX } from '../limits.ts';
import { compareDistance, distanceHead } from '../routing/distance.ts';
import { type AddressVerdict, NamedAddresses } from './named-addresses.ts';
import type { Source } from './source.ts';

/**
 * `slow`: asked long ago; others are asked meanwhile, but the end waits for it. `overdue`: the end waits no more.
 * `failed`: did not answer at any address. `claimed`: another path asked it.
 */
export type CandidateState = 'waiting' | 'asking' | 'slow' | 'overdue' | 'answered' | 'failed' | 'claimed';

/** Why there was no answer. `silent`: nobody spoke there. `stranger`: somebody else did. `busy`: it did, but not to the point. */
export type FailureKind = 'silent' | 'stranger' | 'busy' | 'unasked';

export interface Candidate {
  readonly nodeId: NodeId;
  address: Address;
  /** First 48 bits of its distance. */
  readonly head: number;
  /** Steps from our own table: 0 for a contact of it. */
  readonly depth: number;
  /** Who named it, the first few. */
  readonly sources: Source[];
  state: CandidateState;
  /** Monotonic; when it was last asked, -Infinity before. */
  askedMs: number;
  /** Others' ideas of where it is, in case this address is wrong. */
  alternatives: Address[] | undefined;
  /** Addresses given to it so far, tried or waiting. */
  addressCount: number;
}

export interface ShortlistOptions {
  /** Done when so many of the nearest have answered. */
  readonly wanted: number;
  /** Candidates kept; the farthest that was not asked goes first. */
  readonly candidatesMax: number;
}

/** Only answers make a candidate count; what was merely named is a question to ask (T3). */
export class Shortlist {
  readonly target: Uint8Array;
  readonly #selfId: NodeId;
  readonly #options: ShortlistOptions;
  readonly #candidates: Candidate[] = [];
  readonly #required = new Set<Candidate>();
  readonly #addresses = new NamedAddresses();
  #inFlight = 0;

  constructor(target: Uint8Array, selfId: NodeId, options: ShortlistOptions) {
    this.target = target;
    this.#selfId = selfId;
    this.#options = options;
  }

  /** All of them, nearest first. */
  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  /**
   * Adds a contact that somebody named, and returns it unless it has no place here. Known ones gain at most another address or a
   * better reputation.
   */
  add(contact: { readonly nodeId: NodeId; readonly address: Address }, depth: number, source: Source): Candidate | undefined {
    source.noteName(contact.address);
    const head = distanceHead(this.target, contact.nodeId);
    let low = 0;
    let high = this.#candidates.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#candidates[middle] as Candidate;
      const order = other.head - head || compareDistance(this.target, other.nodeId, contact.nodeId);
      if (order === 0) {
        this.#nameAgain(other, contact.address, source);
        return other;
      }
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    if (low >= this.#options.candidatesMax || equalBytes(contact.nodeId, this.#selfId)) return undefined;
    const { nodeId, address } = contact;
    const fresh = { askedMs: Number.NEGATIVE_INFINITY, alternatives: undefined, addressCount: 1 };
    const candidate: Candidate = { nodeId, address, head, depth, sources: [source], state: 'waiting', ...fresh };
    this.#candidates.splice(low, 0, candidate);
    this.#refuse(candidate);
    if (this.#candidates.length <= this.#options.candidatesMax) return candidate;
    const farthest = this.#candidates.at(-1) as Candidate;
    if (farthest.state === 'waiting' && !this.#required.has(farthest)) this.#candidates.pop();
    return candidate;
  }

  /** Has a known candidate asked however far it is; the end waits for it. */
  require(nodeId: NodeId): void {
    const candidate = this.#candidates.find((one) => equalBytes(one.nodeId, nodeId));
    if (candidate !== undefined) this.#required.add(candidate);
  }

  /**
   * Whom to ask next: the nearest unasked one among the `wanted` nearest that have not failed; slow ones are not counted,
   * so that the search goes on around them. Those that only discredited nodes named come when nobody else is left and too few
   * have answered; those that only lying ones named, never. Undefined when there is nobody to ask now.
   */
  next(): Candidate | undefined {
    const trusted = this.#nextBy(isTrusted) ?? this.#nextRequired();
    if (trusted !== undefined || this.#inFlight > 0 || this.#areNearestDone()) return trusted;
    return this.#nextBy(isPossible);
  }

  #nextBy(isWanted: (candidate: Candidate) => boolean): Candidate | undefined {
    let counted = 0;
    for (const candidate of this.#candidates) {
      switch (candidate.state) {
        case 'waiting':
          if (isWanted(candidate) && this.#verdict(candidate) === 'ask') return candidate;
          break;
        case 'asking':
        case 'answered':
          if (++counted >= this.#options.wanted) return undefined;
          break;
        default:
      }
    }
    return undefined;
  }

  #nextRequired(): Candidate | undefined {
    for (const candidate of this.#required) if (candidate.state === 'waiting') return candidate;
    return undefined;
  }

  /**
   * True when the `wanted` nearest that are not failed, claimed, overdue or named by discredited nodes only have answered, or nobody
   * is left to ask; and the required ones are settled.
   */
  get isDone(): boolean {
    for (const { state } of this.#required) if (state === 'waiting' || state === 'asking' || state === 'slow') return false;
    return this.#areNearestDone();
  }

  #areNearestDone(): boolean {
    let answered = 0;
    let isAnybodyLeft = false;
    for (const candidate of this.#candidates) {
      switch (candidate.state) {
        case 'answered':
          if (++answered >= this.#options.wanted) return true;
          break;
        case 'asking':
        case 'slow':
          return false;
        case 'waiting':
          if (isTrusted(candidate)) return false;
          isAnybodyLeft ||= isPossible(candidate);
          break;
        default:
      }
    }
    return !isAnybodyLeft || this.#inFlight > 0;
  }

  asking(candidate: Candidate, nowMs: number): void {
    candidate.state = 'asking';
    candidate.askedMs = nowMs;
    this.#addresses.note(candidate.address, 'asking');
    this.#inFlight++;
  }

  /** Another path asked it: this one goes around it. */
  claimed(candidate: Candidate): void {
    candidate.state = 'claimed';
  }

  answered(candidate: Candidate): void {
    this.#inFlight--;
    if (candidate.state === 'overdue') blame(candidate, -1);
    candidate.state = 'answered';
    this.#addresses.note(candidate.address, 'alive');
    for (const source of candidate.sources) source.answers++;
  }

  /**
   * It did not answer: asked again later where somebody else said that it is, or given up. Nobody is blamed for one that is busy, which
   * lives, or for one to which nothing went.
   */
  failed(candidate: Candidate, why: FailureKind = 'silent'): void {
    this.#inFlight--;
    const wasOverdue = candidate.state === 'overdue';
    const isBlamed = why === 'silent' || why === 'stranger';
    if (wasOverdue && !isBlamed) blame(candidate, -1);
    else if (!wasOverdue && isBlamed) blame(candidate, 1);
    const { address } = candidate;
    this.#giveUp(candidate);
    if (why === 'silent' || why === 'unasked') this.#noteSilent(address);
    else this.#addresses.note(address, 'alive');
  }

  /** Notes how long the asked ones have been silent; returns how many are slow or overdue. */
  notePatience(nowMs: number, slowAfterMs: number, overdueAfterMs: number): number {
    let late = 0;
    for (const candidate of this.#candidates) {
      if (candidate.state !== 'asking' && candidate.state !== 'slow') {
        if (candidate.state === 'overdue') late++;
        continue;
      }
      const silentMs = nowMs - candidate.askedMs;
      if (silentMs >= overdueAfterMs) {
        candidate.state = 'overdue';
        blame(candidate, 1);
        this.#noteSilent(candidate.address);
      } else if (silentMs >= slowAfterMs) candidate.state = 'slow';
      if (candidate.state !== 'asking') late++;
    }
    return late;
  }

  /** The nearest that answered, nearest first. */
  nearestAnswered(count: number): Candidate[] {
    const result: Candidate[] = [];
    for (const candidate of this.#candidates) {
      if (candidate.state !== 'answered') continue;
      result.push(candidate);
      if (result.length >= count) break;
    }
    return result;
  }

  #nameAgain(candidate: Candidate, address: Address, source: Source): void {
    if (candidate.state === 'answered' || candidate.state === 'claimed') return;
    // Whoever names it once it is overdue was not blamed for that.
    if (candidate.state !== 'overdue') noteSource(candidate.sources, source);
    if (equalAddress(candidate.address, address)) return;
    if (candidate.addressCount >= CANDIDATE_ADDRESSES_MAX) return;
    if (candidate.alternatives?.some((known) => equalAddress(known, address))) return;
    candidate.addressCount++;
    candidate.alternatives ??= [];
    candidate.alternatives.push(address);
    if (candidate.state !== 'failed') return;
    this.#giveUp(candidate);
  }

  /** A contact of our own table proved itself at its address; others were only named. */
  #verdict(candidate: Candidate): AddressVerdict {
    const isProved = candidate.depth === 0 && candidate.askedMs < 0;
    return isProved ? 'ask' : this.#addresses.verdict(candidate.address);
  }

  #noteSilent(address: Address): void {
    this.#addresses.note(address, 'silent');
    for (const candidate of this.#candidates) this.#refuse(candidate);
  }

  /** Gives a waiting one up when nobody is going to be asked at its address. */
  #refuse(candidate: Candidate): void {
    if (candidate.state !== 'waiting' || !this.#addresses.isAnySilent || this.#verdict(candidate) !== 'never') return;
    blame(candidate, 1);
    this.#giveUp(candidate);
  }

  /** On to the next address where it may be asked, if there is one. */
  #giveUp(candidate: Candidate): void {
    candidate.state = 'failed';
    for (let address = candidate.alternatives?.pop(); address !== undefined; address = candidate.alternatives?.pop()) {
      if (this.#addresses.verdict(address) === 'never') continue;
      candidate.address = address;
      candidate.state = 'waiting';
      return;
    }
  }
}

function isTrusted(candidate: Candidate): boolean {
  return candidate.sources.some((source) => !source.isDiscredited);
}

function isPossible(candidate: Candidate): boolean {
  return candidate.sources.some((source) => !source.isLying);
}

function blame(candidate: Candidate, failures: 1 | -1): void {
  for (const source of candidate.sources) source.failures += failures;
}

/** A discredited source makes room for another. */
function noteSource(sources: Source[], source: Source): void {
  if (sources.includes(source)) return;
  if (sources.length < CANDIDATE_SOURCES_MAX) {
    sources.push(source);
    return;
  }
  const at = sources.findIndex((one) => one.isDiscredited);
  if (at >= 0) sources[at] = source;
}
