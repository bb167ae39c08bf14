// pure: which candidates may be hosts of one file together: distinct nodes, not too many of one network (T2).
import { type ContactRecord, isPrivateHost, networkGroup, toHex } from '@batchain/shared';
import type { Policy } from './policy.ts';

/** Hosts of one /24 or /48 that may hold shards of a segment together, off private ranges. */
export function groupMax(policy: Policy): number {
  return Math.max(1, Math.floor((policy.n - policy.k) / 2));
}

/** The groups that a record's public addresses belong to; empty for a host on private ranges only. */
function groupsOf(record: ContactRecord): string[] {
  const hosts = record.contact.batAddresses.map((address) => address.host).filter((host) => !isPrivateHost(host));
  return [...new Set(hosts.map(networkGroup))];
}

/** The candidates in their order, without doubles of a node id, and without those that would overfill a network group. */
export function planCandidates(candidates: readonly ContactRecord[], policy: Policy): ContactRecord[] {
  const seen = new Set<string>();
  const counts = new Map<string, number>();
  const most = groupMax(policy);
  return candidates.filter((record) => {
    const id = toHex(record.nodeId);
    const groups = groupsOf(record);
    if (seen.has(id) || groups.some((group) => (counts.get(group) ?? 0) >= most)) return false;
    seen.add(id);
    for (const group of groups) counts.set(group, (counts.get(group) ?? 0) + 1);
    return true;
  });
}
