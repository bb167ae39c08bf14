// pure: which kept records a storer stores again on the nodes nearest to their keys (Kademlia section 2.5).

export interface ReplicationTiming {
  /** A record that nobody stored here for so long is due. */
  readonly intervalMs: number;
  /** Each node that is nearer to the key than we are goes first, by so much. */
  readonly stepMs: number;
  /** Nodes that keep a record: one that is none of them leaves it to them. */
  readonly storersMax: number;
}

/**
 * True when it is our turn. `rank`: how many known nodes are nearer to its key. The nearest node's STORE reaches all
 * others before their turn comes, so that one node an interval does the work, and the next when that one is gone.
 */
export function isReplicationDue(storedMs: number, rank: number, nowMs: number, timing: ReplicationTiming): boolean {
  return rank < timing.storersMax && nowMs - storedMs >= timing.intervalMs + rank * timing.stepMs;
}
