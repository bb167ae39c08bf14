// pure: which port mappings we have, when each is to be renewed, and when it is gone.
import type { Address } from '@batchain/shared';
import { PORT_MAPPING_LIFETIME_MAX_MS, PORT_MAPPING_LIFETIME_MIN_MS, PORT_MAPPING_RETRY_MIN_MS } from '../limits.ts';
import type { GrantedMapping } from './mapping-method.ts';

/** Times are of one monotonic clock. */
export interface HeldMapping {
  readonly external: Address;
  /** When the router was asked; what it grants may count from then. */
  readonly renewAtMs: number;
  readonly endsAtMs: number;
}

/** Renewed at half of its lifetime (RFC 6887 section 11.2.1), or of what was asked for when the router grants more than that. */
export function holdMapping({ external, lifetimeMs }: GrantedMapping, askedMs: number, askedLifetimeMs: number): HeldMapping {
  const believedMs = Math.min(Math.max(lifetimeMs, PORT_MAPPING_LIFETIME_MIN_MS), PORT_MAPPING_LIFETIME_MAX_MS);
  return { external, renewAtMs: askedMs + Math.min(believedMs, askedLifetimeMs) / 2, endsAtMs: askedMs + believedMs };
}

/** After a renewal that failed: half of what is left is waited. Undefined when nothing is left. */
export function postponeRenewal(held: HeldMapping, nowMs: number): HeldMapping | undefined {
  if (nowMs >= held.endsAtMs) return undefined;
  const waitMs = Math.max((held.endsAtMs - nowMs) / 2, PORT_MAPPING_RETRY_MIN_MS);
  return { ...held, renewAtMs: Math.min(nowMs + waitMs, held.endsAtMs) };
}
