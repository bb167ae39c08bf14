// pure: what an answerer may still have for one lookup, page by page, and when it is not asked for more (T3).
import type { ProvedPeer } from '../rpc/kad-rpc.ts';
import type { Candidate } from './shortlist.ts';
import type { Source } from './source.ts';

/** A node that answered, as one that may be asked for further pages. */
export class Paging {
  readonly candidate: Candidate;
  readonly peer: ProvedPeer;
  /** It, as one who names others. */
  readonly source: Source;
  /** Page to ask for next. */
  next = 1;
  isReading = false;
  /** Distance head of the last contact of its last page. */
  lastHead = 0;
  #pages: number;
  /** Whom its last further page named; undefined before there was one. */
  #brought: readonly Candidate[] | undefined;

  /** `pages`: what it says to have, but no more than it can honestly have. */
  constructor(candidate: Candidate, peer: ProvedPeer, source: Source, pages: number) {
    this.candidate = candidate;
    this.peer = peer;
    this.source = source;
    this.#pages = pages;
  }

  /** It may be asked for another page. */
  get hasMore(): boolean {
    return !this.isReading && this.next < this.#pages && !this.source.isLying;
  }

  /** True once its last further page brought nobody whom another node vouches for or who answered: the next one would not either. */
  get isUnvouched(): boolean {
    return this.#brought !== undefined && !this.#brought.some((candidate) => isVouched(candidate, this.source));
  }

  noteBrought(candidates: readonly Candidate[]): void {
    this.#brought = candidates;
  }

  stop(): void {
    this.#pages = 0;
  }
}

function isVouched({ state, sources }: Candidate, by: Source): boolean {
  return state === 'answered' || state === 'claimed' || sources.some((source) => source !== by && !source.isDiscredited);
}
