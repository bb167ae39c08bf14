// pure: how long a host must promise to keep a shard for the promise to count.
import { day, hour } from '@batchain/shared';

/** Clocks of owner and host may differ by this (T19). */
export const CLOCK_SKEW_MS: number = 48 * hour;
/** A full lease less the difference of clocks: a host that signs for less promises nothing that counts. */
export const LEASE_MIN_MS: number = 30 * day - CLOCK_SKEW_MS;
