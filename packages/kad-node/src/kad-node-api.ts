// pure: what a KadNode is asked with and what it tells of itself.
import type { Address, NodeId } from '@batchain/shared';
import type { LookupOptions } from './lookup/lookup-types.ts';
import type { Neighbours } from './routing/neighbours.ts';
import type { BucketView } from './routing/routing-table.ts';
import type { ProvedPeer } from './rpc/kad-rpc.ts';

export interface CountOptions extends LookupOptions {
  /** KadConfig.bucketSize by default. */
  readonly count?: number;
}

export interface FindContactsOptions extends CountOptions {
  /** Goes over a doubtful result on disjoint paths; then there may be more contacts than `count`. False by default. */
  readonly isSecure?: boolean;
}

export interface PingResult {
  readonly peer: ProvedPeer;
  readonly rttMs: number;
  /** Our address as the peer saw it. */
  readonly observedAddress: Address;
}

export interface Reachability {
  readonly isReachable: boolean;
}

export interface RoutesView extends Neighbours {
  readonly nodeId: NodeId;
  readonly buckets: readonly BucketView[];
}

export interface KadStats {
  readonly isJoined: boolean;
  readonly isOffline: boolean;
  readonly contacts: number;
  readonly lookups: number;
  readonly lookupsRunning: number;
  /** Of lookups, pings and STOREs. */
  readonly requests: number;
  readonly answers: number;
  readonly failures: number;
  readonly storedRecords: number;
  readonly storedBytes: number;
  /** Copies that others took from us: because nodes came or went, and because nobody had stored them for a while. */
  readonly handedOver: number;
  readonly replicated: number;
  readonly announcements: number;
}
