// pure: when a lease ends, and a clock for it that no jump of the wall clock can drive (T15, T19).
import { day, hour } from '@batchain/shared';

/** A committed lease is served this long after its end, so that an owner who was away can renew. */
export const LEASE_GRACE_MS: number = 14 * day;
/** After the grace its bytes are kept, but not served, this long. */
export const LEASE_TRASH_MS: number = 7 * day;
/** How wrong a clock may be without harm; a provisional lease is kept this long after its end. */
export const LEASE_SKEW_MS: number = 48 * hour;

/**
 * Time as the store believes it: a smoothed wall clock. It goes on with the monotonic clock; what the wall clock is
 * ahead of that (the machine slept or was off, or somebody set the clock) counts at most `LEASE_SKEW_MS` at a time,
 * and only beyond the highest wall time ever seen. So a jump of ten years and back moves it 48 hours once, however
 * often it repeats, and a clock that is set back does not move it at all. Leases are counted in it, as durations: it
 * may lag behind real time (after a long time off), which makes leases longer, never shorter than promised less 48 h,
 * and the grace covers that.
 */
export interface CautiousTime {
  readonly atMs: number;
  /** Wall clock at the last look. */
  readonly wallMs: number;
  /** Highest wall clock ever seen. */
  readonly wallHighMs: number;
  readonly monotonicMs: number;
}

/** What survives a restart. */
export type SavedTime = Pick<CautiousTime, 'atMs' | 'wallMs' | 'wallHighMs'>;

/** The time of a store that was opened at `monotonicMs`; a new store begins with the wall clock. */
export function startCautiousTime(saved: SavedTime | undefined, wallMs: number, monotonicMs: number): CautiousTime {
  if (saved === undefined) return { atMs: wallMs, wallMs, wallHighMs: wallMs, monotonicMs };
  return advanceCautiousTime({ ...saved, monotonicMs }, wallMs, monotonicMs);
}

/** Another look at both clocks. */
export function advanceCautiousTime(time: CautiousTime, wallMs: number, monotonicMs: number): CautiousTime {
  const ranMs = Math.max(0, monotonicMs - time.monotonicMs);
  const aheadMs = wallMs - Math.max(time.wallHighMs, time.wallMs + ranMs);
  const creditMs = Math.min(Math.max(0, aheadMs), LEASE_SKEW_MS);
  return {
    atMs: time.atMs + ranMs + creditMs,
    wallMs,
    wallHighMs: Math.max(time.wallHighMs, wallMs),
    monotonicMs,
  };
}

export interface Lease {
  readonly isCommitted: boolean;
  /** Cautious time. */
  readonly endsAtMs: number;
  /** The end as promised, wall clock. */
  readonly leaseUntilMs: number;
}

/**
 * `live`: the promise holds. `grace`: over, still served. `trash`: not served any more, the bytes are still here.
 * `over`: drop it. A provisional lease goes from live over its skew allowance to over: nobody holds a manifest of it.
 */
export type LeaseState = 'live' | 'grace' | 'trash' | 'over';

export function judgeLease(lease: Lease, atMs: number): LeaseState {
  const overMs = atMs - lease.endsAtMs;
  if (overMs < 0) return 'live';
  if (!lease.isCommitted) return overMs < LEASE_SKEW_MS ? 'grace' : 'over';
  if (overMs < LEASE_GRACE_MS) return 'grace';
  return overMs < LEASE_GRACE_MS + LEASE_TRASH_MS ? 'trash' : 'over';
}

/** The lease until a wall-clock time, never shorter than it was. Whole milliseconds. */
export function extendLease(lease: Lease | undefined, leaseUntilMs: number, isCommitted: boolean, time: CautiousTime): Lease {
  const endsAtMs = Math.max(0, Math.round(time.atMs + leaseUntilMs - time.wallMs));
  const committed = isCommitted || lease?.isCommitted === true;
  if (lease !== undefined && lease.endsAtMs >= endsAtMs) return { ...lease, isCommitted: committed };
  return { isCommitted: committed, endsAtMs, leaseUntilMs: Math.max(0, Math.round(leaseUntilMs)) };
}

/**
 * The end of a lease as it should be told now, wall clock: as promised, unless the clock was set since by more than
 * the allowance; then what is left of it is counted from now.
 */
export function toldLeaseEnd(lease: Lease, time: CautiousTime): number {
  const derivedMs = Math.round(time.wallMs + lease.endsAtMs - time.atMs);
  return Math.abs(derivedMs - lease.leaseUntilMs) <= LEASE_SKEW_MS ? lease.leaseUntilMs : derivedMs;
}
