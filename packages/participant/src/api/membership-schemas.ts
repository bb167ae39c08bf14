// pure: bodies and results of the local API about taking part: leaving, and coming back.
import { z } from 'zod';
import { LEAVE_WITHIN_MS_MAX } from '../limits.ts';
import { bytes, count, durationMs, id } from './schema-parts.ts';

export const leaveBody = z.strictObject({
  withinMs: z.number().int().min(1000).max(LEAVE_WITHIN_MS_MAX).optional(),
  isEmergency: z.boolean().optional(),
  isLastAccepted: z.boolean().optional(),
});
export type LeaveBody = z.infer<typeof leaveBody>;

export const leaveResult = z.object({
  moved: z.object({ shards: count, records: count, bytes }),
  /** What could not be moved; the first of it. `what`: `segment/index` of a shard, the kind of a record. */
  left: z.array(z.object({ kind: z.enum(['shard', 'record']), id, what: z.string(), reason: z.string() })),
  leftCount: count,
  /** Other participants that know now. */
  told: count,
  durationMs,
});
export type LeaveResultView = z.infer<typeof leaveResult>;

export const membershipResult = z.object({
  state: z.enum(['member', 'leaving', 'left']),
  /** Nobody else is there. */
  isAlone: z.boolean(),
  /** What is kept here for the network. */
  shards: count,
  records: count,
  bytes,
});
export type MembershipResult = z.infer<typeof membershipResult>;

/** `changed`: it had left, or was leaving. */
export const rejoinResult = z.object({ changed: z.boolean() });
export type RejoinResult = z.infer<typeof rejoinResult>;
