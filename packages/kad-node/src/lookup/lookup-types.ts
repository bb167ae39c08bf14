// pure: what lookups are asked for and what they answer.
import type { Address, NodeId } from '@batchain/shared';
import type { ProvedPeer } from '../rpc/kad-rpc.ts';

/**
 * find-one: until the few nearest have answered. find-many: until the `count` nearest have. publish: find-many, then STORE.
 * find-value and find-hosts also gather records. secure: find-many that goes over a doubtful result on disjoint paths; so do
 * publish, find-value and find-hosts.
 */
export const LOOKUP_KINDS = ['find-one', 'find-many', 'publish', 'find-value', 'find-hosts', 'secure'] as const;
export type LookupKind = (typeof LOOKUP_KINDS)[number];

/**
 * Why a result is not taken as it is (T5). `crowded`, `sparse`: the nodes found lie much denser or sparser than elsewhere.
 * `contradicted`: too many answers leave out what others name, or name who does not exist. `thin`: few of the nearest nodes
 * hold the record. `empty`: none does.
 */
export type LookupDoubt = 'crowded' | 'sparse' | 'contradicted' | 'thin' | 'empty';

export interface LookupStats {
  readonly requests: number;
  readonly answers: number;
  /** Requests without an answer when the lookup ended or before. */
  readonly failures: number;
  /** Steps from our own table to the nearest node that answered. */
  readonly hops: number;
  readonly durationMs: number;
  /** Disjoint paths that went over the result. */
  readonly paths: number;
}

/** One request of a lookup, for `dht trace`. */
export interface LookupStep {
  readonly nodeId: NodeId;
  readonly address: Address;
  readonly depth: number;
  readonly rttMs: number | undefined;
  /** `ok`, or why there was no answer. */
  readonly outcome: string;
  /** When it came, after the start of the lookup. */
  readonly atMs: number;
  /** Nodes that the answer named, and how many of them are nearer to the target than the answerer. */
  readonly named: number;
  readonly nearer: number;
}

export interface LookupResult {
  /** Nodes that proved themselves by answering, nearest to the target first; more than asked for when paths widened the search. */
  readonly contacts: readonly ProvedPeer[];
  readonly stats: LookupStats;
  /** False when the deadline ended it. */
  readonly isComplete: boolean;
  /** What was doubtful about it before any paths were taken; undefined for a lookup of fewer nodes than a k-bucket holds. */
  readonly doubt: LookupDoubt | undefined;
  /** In the order of answers. Empty unless asked for. */
  readonly steps: readonly LookupStep[];
}

export interface LookupOptions {
  /** Rejects with the signal's reason when it aborts. */
  readonly signal?: AbortSignal;
  /** Ends the lookup with what it has; KadConfig.lookupDeadlineMs by default. */
  readonly deadlineMs?: number;
  readonly wantsSteps?: boolean;
}
