// pure: whether the answers of one lookup agree with one another and with what is known of the network (T5).
import { CONTACTS_BESIDE_RECORDS_MAX, DISSENT_DUE_MIN, DISSENT_RATIO_MAX, HOLDERS_RATIO_MIN } from '../limits.ts';
import { judgeDensity } from '../routing/region.ts';
import type { DensitySample, SizeEstimate } from '../routing/size-estimate.ts';
import type { LookupDoubt } from './lookup-types.ts';

/** What one node of the result said. Nodes are told apart by the heads of their distances to the target. */
export interface Testimony {
  readonly head: number;
  /** Nodes that it named on the first page, in any order. */
  readonly named: readonly number[];
  /** It named more dead nodes than living ones. */
  readonly isDiscredited: boolean;
  /** It gave good records. */
  readonly hasRecords: boolean;
}

export interface ResultFacts {
  /** Of the nearest nodes, nearest first. */
  readonly testimonies: readonly Testimony[];
  /** `each`: every one of the nearest nodes should hold the record. `some`: there should be records. */
  readonly expects: 'nothing' | 'some' | 'each';
  /** How densely parts of the result lie: a few farther nodes behind a crowd must not hide it. */
  readonly densities: readonly DensitySample[];
  /** What is known apart from it, from independent places; the density is doubtful only when it is so by all of them. */
  readonly estimates: readonly SizeEstimate[];
}

/** The gravest doubt about a result, or undefined when there is none. */
export function judgeResult(facts: ResultFacts): LookupDoubt | undefined {
  const { testimonies, expects, densities, estimates } = facts;
  for (const density of densities) {
    const [verdict, ...others] = estimates.map((estimate) => judgeDensity(density, estimate));
    if (verdict !== undefined && verdict !== 'as-expected' && others.every((other) => other === verdict)) return verdict;
  }
  if (countDissenters(testimonies) > DISSENT_RATIO_MAX * testimonies.length) return 'contradicted';
  if (expects === 'nothing') return undefined;
  const holders = testimonies.filter((one) => one.hasRecords).length;
  if (holders === 0) return 'empty';
  return expects === 'each' && holders < HOLDERS_RATIO_MIN * testimonies.length ? 'thin' : undefined;
}

/**
 * Nodes whose answer does not fit the result. A node near a key knows the others there (it looks up its own id when it joins and
 * at every refresh), so an honest answer that goes as far as a node of the result also names most of those before it; one of a
 * liar names its accomplices only, or nobody who lives. When liars prevail it is the honest ones who dissent: either way the
 * answers disagree.
 */
export function countDissenters(testimonies: readonly Testimony[]): number {
  return testimonies.filter((one) => one.isDiscredited || leavesOutMost(one, testimonies)).length;
}

function leavesOutMost({ head, named }: Testimony, all: readonly Testimony[]): boolean {
  const names = new Set(named);
  // An answer that is not full names all that its node knows.
  const reach = named.length < CONTACTS_BESIDE_RECORDS_MAX ? Number.POSITIVE_INFINITY : Math.max(...named);
  const due = all.filter((other) => other.head !== head && other.head <= reach);
  const told = due.filter((other) => names.has(other.head)).length;
  return due.length >= DISSENT_DUE_MIN && told < due.length / 2;
}
