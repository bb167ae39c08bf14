import { day, hour, minute } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import {
  advanceCautiousTime,
  type CautiousTime,
  extendLease,
  judgeLease,
  LEASE_GRACE_MS,
  LEASE_SKEW_MS,
  LEASE_TRASH_MS,
  type Lease,
  startCautiousTime,
  toldLeaseEnd,
} from './leases.ts';

const WALL = 1_800_000_000_000;
const begin = (): CautiousTime => startCautiousTime(undefined, WALL, 0);
/** The machine restarted: its monotonic clock begins anew. */
const restart = (time: CautiousTime, wallMs: number): CautiousTime => startCautiousTime(time, wallMs, 5);

describe('cautious time', () => {
  it('goes with the wall clock while both clocks agree', () => {
    let time = begin();
    for (let i = 1; i <= 100; i++) time = advanceCautiousTime(time, WALL + i * hour, i * hour);
    expect(time.atMs).toBe(WALL + 100 * hour);
  });

  it('counts the time that the machine was off or asleep, up to 48 hours', () => {
    expect(restart(begin(), WALL + 10 * hour).atMs).toBe(WALL + 10 * hour);
    expect(restart(begin(), WALL + 30 * day).atMs).toBe(WALL + LEASE_SKEW_MS);
    expect(advanceCautiousTime(begin(), WALL + 8 * hour, 1000).atMs).toBe(WALL + 8 * hour);
  });

  it('moves 48 hours once for a wall clock that jumps ten years ahead and back again and again', () => {
    let time = begin();
    for (let i = 1; i <= 50; i++) {
      time = restart(time, WALL - 3650 * day);
      time = advanceCautiousTime(time, WALL + 3650 * day, 5 + minute);
      time = restart(time, WALL + 3650 * day);
      time = advanceCautiousTime(time, WALL + i * minute, 5 + minute);
    }
    expect(time.atMs - WALL).toBe(LEASE_SKEW_MS + 100 * minute);
  });

  it('goes on with the monotonic clock while the wall clock stands in the past', () => {
    let time = advanceCautiousTime(begin(), 0, hour);
    time = advanceCautiousTime(time, 0, 30 * day);
    expect(time.atMs).toBe(WALL + 30 * day);
  });

  it('never goes back', () => {
    let time = begin();
    for (const [wallMs, monotonicMs] of [
      [0, 10],
      [WALL * 2, 20],
      [WALL, 15],
      [-5, 30],
    ] as const) {
      const next = advanceCautiousTime(time, wallMs, monotonicMs);
      expect(next.atMs).toBeGreaterThanOrEqual(time.atMs);
      time = next;
    }
  });
});

describe('a lease', () => {
  const time = begin();
  const full = extendLease(undefined, WALL + 30 * day, true, time);

  it('is live, then in grace, then in the trash, then over', () => {
    const states = [-1, 0, LEASE_GRACE_MS - 1, LEASE_GRACE_MS, LEASE_GRACE_MS + LEASE_TRASH_MS - 1, LEASE_GRACE_MS + LEASE_TRASH_MS].map(
      (afterMs) => judgeLease(full, full.endsAtMs + afterMs),
    );
    expect(states).toEqual(['live', 'grace', 'grace', 'trash', 'trash', 'over']);
  });

  it('that is provisional has 48 hours of patience and no trash', () => {
    const provisional = extendLease(undefined, WALL + day, false, time);
    const states = [-1, 0, LEASE_SKEW_MS - 1, LEASE_SKEW_MS].map((afterMs) => judgeLease(provisional, provisional.endsAtMs + afterMs));
    expect(states).toEqual(['live', 'grace', 'grace', 'over']);
  });

  it('never gets shorter, and never provisional again', () => {
    const shorter = extendLease(full, WALL + day, false, time);
    expect(shorter).toEqual(full);
    expect(extendLease(full, WALL + 31 * day, false, time)).toEqual({
      isCommitted: true,
      endsAtMs: WALL + 31 * day,
      leaseUntilMs: WALL + 31 * day,
    });
  });

  it('lasts as long as was said, whatever the wall clock said at that time', () => {
    const wrong = advanceCautiousTime(time, WALL + 3650 * day, 0);
    const lease = extendLease(undefined, wrong.wallMs + 30 * day, true, wrong);
    expect(lease.endsAtMs - wrong.atMs).toBe(30 * day);
    const right = advanceCautiousTime(wrong, WALL, 0);
    expect(toldLeaseEnd(lease, wrong)).toBe(wrong.wallMs + 30 * day);
    expect(toldLeaseEnd(lease, right)).toBe(WALL + 30 * day);
  });

  it('is told as it was promised while the clock is right', () => {
    const later = advanceCautiousTime(time, WALL + 3 * day + 20, 3 * day);
    expect(toldLeaseEnd(full, later)).toBe(full.leaseUntilMs);
  });

  it('survives every honest clock for its whole length', () => {
    // Restarted every hour, off half of the time, the wall clock up to a day wrong at each start.
    let now = begin();
    const lease: Lease = extendLease(undefined, WALL + 30 * day, true, now);
    for (let i = 1; i < 30 * 24; i++) now = restart(now, WALL + i * hour + ((i * 7919) % 49) * hour - 24 * hour);
    expect(judgeLease(lease, now.atMs)).not.toBe('over');
    expect(judgeLease(lease, now.atMs)).not.toBe('trash');
  });
});
