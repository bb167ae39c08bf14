// pure: what an audit says of each shard: one of Storj's five outcomes, with its reason.
import type { NodeId } from '@batchain/shared';
import type { ShardId } from '../ids.ts';

export type AuditOutcome = 'passed' | 'failed' | 'offline' | 'contained' | 'inconclusive';

export interface AuditRow {
  readonly shardId: ShardId;
  readonly segment: number;
  readonly index: number;
  /** Undefined when nobody is known to hold it. */
  readonly host: NodeId | undefined;
  readonly outcome: AuditOutcome;
  readonly reason: string;
}
