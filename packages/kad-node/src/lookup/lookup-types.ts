// pure: what lookups are asked for and what they answer.
import type { Address, NodeId } from '@batchain/shared';
import type { ProvedPeer } from '../rpc/kad-rpc.ts';

/**
 * find-one: until the few nearest have answered. find-many: until the `count` nearest have. publish: find-many, then STORE.
 * find-value and find-hosts also gather records.
 */
export const LOOKUP_KINDS = ['find-one', 'find-many', 'publish', 'find-value', 'find-hosts'] as const;
export type LookupKind = (typeof LOOKUP_KINDS)[number];

export interface LookupStats {
  readonly requests: number;
  readonly answers: number;
  /** Requests without an answer when the lookup ended or before. */
  readonly failures: number;
  /** Steps from our own table to the nearest node that answered. */
  readonly hops: number;
  readonly durationMs: number;
}

/** One request of a lookup, for `dht trace`. */
export interface LookupStep {
  readonly nodeId: NodeId;
  readonly address: Address;
  readonly depth: number;
  readonly rttMs: number | undefined;
  /** `ok`, or why there was no answer. */
  readonly outcome: string;
}

export interface LookupResult {
  /** Nodes that proved themselves by answering, nearest to the target first. */
  readonly contacts: readonly ProvedPeer[];
  readonly stats: LookupStats;
  /** False when the deadline ended it. */
  readonly isComplete: boolean;
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
