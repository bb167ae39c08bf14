// pure: which servers a node that cannot be reached keeps as brokers.
import { type Address, equalAddress, equalBytes, isPrivateHost, type NodeId, networkGroup } from '@batchain/shared';
import { compareDistance } from '../routing/distance.ts';

export interface BrokerCandidate {
  readonly nodeId: NodeId;
  readonly address: Address;
}

/**
 * The best `count`: public ones before those of private ranges, which only neighbours reach; of networks not taken yet first, so
 * that one operator's end is not that of all; those that we have, so that our record changes seldom; then the nearest to us, whom
 * lookups for us meet.
 */
export function planBrokers(
  selfId: NodeId,
  candidates: { readonly current: readonly BrokerCandidate[]; readonly others: readonly BrokerCandidate[] },
  count: number,
): BrokerCandidate[] {
  const byDistance = (a: BrokerCandidate, b: BrokerCandidate): number => compareDistance(selfId, a.nodeId, b.nodeId);
  const others = candidates.others.filter((other) => !candidates.current.some((current) => equalBytes(current.nodeId, other.nodeId)));
  const ranked = [...candidates.current, ...others.sort(byDistance)];
  const isPublic = ({ address }: BrokerCandidate): boolean => !isPrivateHost(address.host);
  const groups = new Set<string>();
  const apart: BrokerCandidate[] = [];
  const beside: BrokerCandidate[] = [];
  for (const candidate of ranked.filter(isPublic)) {
    const group = networkGroup(candidate.address.host);
    (groups.has(group) ? beside : apart).push(candidate);
    groups.add(group);
  }
  return [...apart, ...beside, ...ranked.filter((candidate) => !isPublic(candidate))].slice(0, count);
}

/** True when both lists have the same brokers at the same addresses, in whatever order. */
export function areSameBrokers(a: readonly BrokerCandidate[], b: readonly BrokerCandidate[]): boolean {
  const has = (list: readonly BrokerCandidate[], one: BrokerCandidate): boolean =>
    list.some((other) => equalBytes(other.nodeId, one.nodeId) && equalAddress(other.address, one.address));
  return a.length === b.length && a.every((one) => has(b, one));
}
