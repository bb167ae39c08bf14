// pure: how many shards, how many needed, how many hosts make an upload a success.

/** k shards of n restore a segment. */
export interface Policy {
  readonly k: number;
  readonly n: number;
}

/** Rows of the design's table: from so many usable hosts on. */
const SMALL_NETWORKS: Readonly<Record<number, Policy>> = {
  1: { k: 1, n: 1 },
  2: { k: 1, n: 2 },
  3: { k: 1, n: 3 },
  4: { k: 2, n: 4 },
  5: { k: 2, n: 5 },
  6: { k: 3, n: 6 },
};
const MIDDLE_TOTAL_MAX = 12;
const MIDDLE_SHARE = 0.4;
const LARGE_FROM = 24;
const HUGE_FROM = 1000;

/** The policy for `usableHosts` (those with room among the 64 nearest, the uploader not counted); undefined for none. */
export function defaultPolicy(usableHosts: number): Policy | undefined {
  if (usableHosts >= HUGE_FROM) return { k: 20, n: 50 };
  if (usableHosts >= LARGE_FROM) return { k: 10, n: 24 };
  if (usableHosts <= 6) return SMALL_NETWORKS[usableHosts];
  const n = Math.min(usableHosts, MIDDLE_TOTAL_MAX);
  return { k: Math.round(MIDDLE_SHARE * n), n };
}

/** `KofN` with 1 <= K <= N <= 256; undefined when it is not that. */
export function parsePolicy(text: string): Policy | undefined {
  const match = /^([1-9]\d{0,2})of([1-9]\d{0,2})$/.exec(text);
  if (match === null) return undefined;
  const policy = { k: Number(match[1]), n: Number(match[2]) };
  return policy.k <= policy.n && policy.n <= 256 ? policy : undefined;
}

/** Distinct hosts with full receipts at which an upload is a success: n - floor((n - k) / 3). */
export function happyCount(policy: Policy): number {
  return policy.n - Math.floor((policy.n - policy.k) / 3);
}

/** Spares asked beside the n hosts: n + ceil(n / 4) are asked for room. */
export function askedCount(policy: Policy): number {
  return policy.n + Math.ceil(policy.n / 4);
}
