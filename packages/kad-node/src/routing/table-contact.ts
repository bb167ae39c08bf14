// pure: a contact as the routing table keeps it.
import { type Address, isPrivateHost, type NodeId, networkGroup } from '@batchain/shared';

/** A proved contact. Only the routing table changes it. Times are of the monotonic clock. */
export interface TableContact {
  readonly nodeId: NodeId;
  /** The first 32 bits of the id and the next 16: nearly every comparison is over after these. */
  readonly high: number;
  readonly low: number;
  address: Address;
  /** Its /24 or /48; undefined in private ranges, which the diversity limits exempt (T4). */
  group: string | undefined;
  readonly firstSeenMs: number;
  lastSeenMs: number;
  /** Unanswered tries since the last answer. */
  failures: number;
  /** Round trip of the last answer; undefined when it has only asked us so far. */
  rttMs: number | undefined;
}

/** The first 32 bits of an id, as a signed number. */
export function highBits(id: Uint8Array): number {
  return ((id[0] as number) << 24) | ((id[1] as number) << 16) | ((id[2] as number) << 8) | (id[3] as number);
}

/** The 16 bits after them. */
export function lowBits(id: Uint8Array): number {
  return ((id[4] as number) << 8) | (id[5] as number);
}

/** The group for diversity limits, or undefined for a private or loopback address. */
export function diversityGroup(address: Address): string | undefined {
  return isPrivateHost(address.host) ? undefined : networkGroup(address.host);
}
