// pure: which k-buckets need a lookup because none went into their range for too long.
import type { BucketView } from './routing-table.ts';

export interface RefreshPlanOptions {
  /** A bucket is stale when no lookup went into its range for this long. */
  readonly intervalMs: number;
  /** At most so many buckets in one round, so that an idle node's traffic stays even. */
  readonly bucketsMax: number;
}

/** Indexes of stale buckets, the longest untouched first (Kademlia section 2.3). */
export function planRefresh(
  buckets: readonly Pick<BucketView, 'index' | 'lastLookupMs'>[],
  nowMs: number,
  options: RefreshPlanOptions,
): number[] {
  return buckets
    .filter((bucket) => nowMs - bucket.lastLookupMs >= options.intervalMs)
    .sort((a, b) => a.lastLookupMs - b.lastLookupMs || a.index - b.index)
    .slice(0, options.bucketsMax)
    .map((bucket) => bucket.index);
}

/**
 * Indexes to look up after joining: every range from the farthest to the one of the nearest contact, empty ones too, since
 * a newcomer knows nobody there yet. `deepest` is the index of the nearest contact's bucket.
 */
export function planJoin(deepest: number): number[] {
  return Array.from({ length: Math.max(0, deepest + 1) }, (_, index) => index);
}
