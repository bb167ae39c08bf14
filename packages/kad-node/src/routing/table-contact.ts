// pure: a contact as the routing table keeps it.
import { type Address, isPrivateHost, type NodeId, networkGroup } from '@batchain/shared';

/** A proved contact. Only the routing table changes it. Times are of the monotonic clock. */
export interface TableContact {
  readonly nodeId: NodeId;
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

/** The group for diversity limits, or undefined for a private or loopback address. */
export function diversityGroup(address: Address): string | undefined {
  return isPrivateHost(address.host) ? undefined : networkGroup(address.host);
}
