// pure: what an upload left unplaced: which shards these are, when they are tried next, and when the owner's daemon gives up.
import type { PlacingTimes } from '../limits.ts';

/** How far the placing of the rest has come. Plain JSON values only: it is kept with the owner's records. */
export interface Placing {
  /** Wall clock, as all times here. */
  readonly sinceMs: number;
  readonly nextMs: number;
  /** Tries in a row that placed nothing. */
  readonly tries: number;
  /** Why the last try left something to do. */
  readonly reason: string;
  /** It was given up: nothing is tried any more. */
  readonly isOver: boolean;
}

export function beginPlacing(nowMs: number, times: PlacingTimes): Placing {
  return { sinceMs: nowMs, nextMs: nowMs + times.firstMs, tries: 0, reason: 'the upload found too few hosts', isOver: false };
}

/** After a try that left something to do: twice as long a pause after each that placed nothing, until the time is over. */
export function planNextTry(placing: Placing, nowMs: number, times: PlacingTimes, outcome: { placed: number; reason: string }): Placing {
  const tries = outcome.placed > 0 ? 0 : placing.tries + 1;
  const pauseMs = Math.min(times.longestMs, times.firstMs * 2 ** Math.min(tries, 30));
  return { ...placing, tries, nextMs: nowMs + pauseMs, reason: outcome.reason, isOver: nowMs - placing.sinceMs >= times.forMs };
}

/** How long until the next try; none to wait when the clock was set back since. */
export function placingDelayMs({ nextMs }: Placing, nowMs: number, times: PlacingTimes): number {
  const delayMs = nextMs - nowMs;
  return delayMs > times.longestMs ? 0 : Math.max(0, delayMs);
}

/** Per segment the indexes that none of the holders has; segments that lack none are left out. */
export function findMissing(
  holders: Iterable<ReadonlyMap<number, number>>,
  segmentCount: number,
  totalShards: number,
): Map<number, number[]> {
  const held = Array.from({ length: segmentCount }, () => new Set<number>());
  for (const bySegment of holders) for (const [segment, index] of bySegment) held[segment]?.add(index);
  const missing = new Map<number, number[]>();
  for (const [segment, indexes] of held.entries()) {
    const lacking = Array.from({ length: totalShards }, (_, index) => index).filter((index) => !indexes.has(index));
    if (lacking.length > 0) missing.set(segment, lacking);
  }
  return missing;
}
