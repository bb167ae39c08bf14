// pure: which leaves an audit asks for, drawn from entropy at the moment of asking (T1).
import type { Random } from '@batchain/shared';

/** Samples per host and round: a host that lost half of its shards is missed with 1e-6 (threats, audits). */
export const AUDIT_SAMPLES_PER_HOST = 20;

/** How many leaves to ask of each of the `shardCount` shards that one host keeps: at least one of every shard. */
export function samplesPerShard(shardCount: number): number {
  return Math.max(1, Math.ceil(AUDIT_SAMPLES_PER_HOST / Math.max(1, shardCount)));
}

/** Distinct random leaf numbers below `leafCount`, ascending; all of them when fewer than `count` exist. */
export function chooseLeaves(entropy: Random, leafCount: number, count: number): number[] {
  if (count >= leafCount) return Array.from({ length: leafCount }, (_, i) => i);
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(entropy.below(leafCount));
  return [...chosen].sort((a, b) => a - b);
}
