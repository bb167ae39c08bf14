// pure: every body and every result of the local API; the command line prints the results as they are.
import { z } from 'zod';
import { problemSchema } from './problem.ts';
import { absolutePath, bytes, count, durationMs, id, isoTime } from './schema-parts.ts';

export const policySchema = z.object({ k: z.number().int().min(1).max(256), n: z.number().int().min(1).max(256) });

export const putBody = z.strictObject({
  path: absolutePath,
  name: z.string().min(1).max(255).optional(),
  policy: policySchema.optional(),
  segmentSizeBytes: z.number().int().positive().optional(),
  isFresh: z.boolean().optional(),
  manifestPath: absolutePath.optional(),
  isForced: z.boolean().optional(),
  keepsShards: z.boolean().optional(),
});
export type PutBody = z.infer<typeof putBody>;

export const downloadBody = z.strictObject({ path: absolutePath, isForced: z.boolean().optional() });
export type DownloadBody = z.infer<typeof downloadBody>;

export const auditBody = z.strictObject({ isFull: z.boolean().optional() });
export type AuditBody = z.infer<typeof auditBody>;

export const HEALTH_WORDS = ['good', 'degraded', 'at-risk', 'lost', 'unknown'] as const;
export const healthSchema = z.enum(HEALTH_WORDS);

export const putResult = z.object({
  id,
  name: z.string(),
  bytes,
  sha256: id,
  policy: policySchema,
  placed: count,
  manifest: z.string(),
  durationMs,
  resumedBytes: bytes,
  segments: count,
  receipts: count,
  hosts: z.array(z.object({ nodeId: id, shards: count, bytes })),
});
export type PutResult = z.infer<typeof putResult>;

const rejection = z.object({ host: id, shardId: id, reason: z.string() });

export const getResult = z.object({
  id,
  name: z.string(),
  bytes,
  sha256: id,
  path: z.string().nullable(),
  durationMs,
  resumedBytes: bytes,
  hosts: z.array(id),
  rejected: z.array(rejection),
});
export type GetResult = z.infer<typeof getResult>;

export const fileEntry = z.object({
  id,
  name: z.string(),
  bytes,
  policy: policySchema,
  health: healthSchema,
  shardsHealthy: count,
  shardsTotal: count,
  addedAt: isoTime,
  checkedAt: isoTime.nullable(),
  manifest: z.string(),
  /** The manifest is gone or can not be used: health is unknown then, and the file can not be read. */
  manifestFault: z.object({ code: z.string(), what: z.string(), why: z.string(), fix: z.string() }).nullable(),
});
export const listResult = z.object({ files: z.array(fileEntry) });
export type ListResult = z.infer<typeof listResult>;

export const auditRow = z.object({
  shardId: id,
  segment: count,
  index: count,
  host: id.nullable(),
  outcome: z.enum(['passed', 'failed', 'offline', 'contained', 'inconclusive']),
  reason: z.string(),
});
export const fileAudit = z.object({
  id,
  name: z.string(),
  verdict: healthSchema,
  policy: policySchema,
  shardsHealthy: count,
  shardsTotal: count,
  challengedBytes: bytes,
  /** Why nobody was asked. */
  reason: z.string().nullable(),
  shards: z.array(auditRow),
});
export const auditResult = z.object({ files: z.array(fileAudit) });
export type AuditResult = z.infer<typeof auditResult>;

export const infoResult = z.object({
  id,
  name: z.string(),
  owner: id,
  bytes,
  policy: policySchema,
  segments: z.array(z.object({ index: count, shardIds: z.array(id) })),
  hosts: z.array(id),
});
export type InfoResult = z.infer<typeof infoResult>;

export const releaseResult = z.object({ id, released: count, unreached: z.array(id) });
export type ReleaseResult = z.infer<typeof releaseResult>;

export const REACH_WORDS = ['lan', 'public', 'punched', 'relayed', 'unknown'] as const;

/** `canJoinHere`: from outside at our own `kad`. `members`: kad addresses of others who answer and can be reached from outside. */
export const othersJoin = z.object({ canJoinHere: z.boolean(), members: z.array(z.string()) });
export type OthersJoin = z.infer<typeof othersJoin>;

export const statusResult = z.object({
  nodeId: id,
  name: z.string(),
  version: z.string(),
  home: z.string(),
  network: z.string(),
  uptimeMs: durationMs,
  /** `leaving`: it hands over what it keeps for others; `left`: that is done, and it takes nothing. */
  membership: z.enum(['member', 'leaving', 'left']),
  reach: z.enum(REACH_WORDS),
  kad: z.string(),
  bat: z.string(),
  /** `remembered`: were met before and do not answer now. */
  peers: z.object({ online: count, remembered: count }),
  /** The own neighbourhood in the network is known. */
  joined: z.boolean(),
  others: othersJoin,
  offer: z.object({ bytes, usedBytes: bytes, shards: count, isReadOnly: z.boolean() }),
  files: z.object({ total: count, good: count, degraded: count, atRisk: count, lost: count, unknown: count, withoutManifest: count }),
  memory: z.object({ rssBytes: bytes }),
  /** What it carries for others; only of a node that relays. */
  relay: z.object({ circuits: count, bytesToday: bytes }).optional(),
  jobs: z.object({ running: count }),
});
export type StatusResult = z.infer<typeof statusResult>;

export const peerView = z.object({
  nodeId: id,
  kad: z.string().nullable(),
  bat: z.string().nullable(),
  /** Where the connection in use leads; null without one, and through a relay. */
  connectedTo: z.string().nullable(),
  path: z.enum(['lan', 'direct', 'reverse', 'punched', 'relayed', 'none']),
  rttMs: z.number().nonnegative().nullable(),
  lastSeen: isoTime.nullable(),
});
export type PeerView = z.infer<typeof peerView>;
export const peersResult = z.object({ peers: z.array(peerView) });
export type PeersResult = z.infer<typeof peersResult>;

export const rungReport = z.object({
  rung: z.enum(['signal', 'lan', 'direct', 'reverse', 'tcp-punch', 'data-channel', 'hand-punch', 'relay']),
  /** After the attempt began; null when it was never started. */
  startedMs: durationMs.nullable(),
  durationMs: durationMs.nullable(),
  outcome: z.enum(['won', 'failed', 'cancelled', 'skipped', 'trying']),
  /** Why it failed or was left out; empty when it won. */
  reason: z.string(),
});

export const whyResult = z.object({
  nodeId: id,
  path: peerView.shape.path,
  /** Of a member who is remembered and does not answer now: when it was there last; null for all others. */
  awaySince: isoTime.nullable(),
  /** The latest first. */
  attempts: z.array(z.object({ role: z.enum(['caller', 'called']), at: isoTime, rungs: z.array(rungReport) })),
});
export type WhyResult = z.infer<typeof whyResult>;

export const doctorResult = z.object({
  findings: z.array(z.object({ check: z.string(), state: z.enum(['ok', 'warn', 'fail']), text: z.string(), fix: z.string() })),
});
export type DoctorResult = z.infer<typeof doctorResult>;

export const progressLine = z.object({
  phase: z.enum(['preparing', 'transferring', 'finishing']),
  doneBytes: bytes,
  totalBytes: bytes,
  resumedBytes: bytes,
  hosts: z.array(z.object({ nodeId: id, doneBytes: bytes, totalBytes: bytes })),
  /** Of work that goes file by file: an audit of all. */
  files: z.object({ done: count, total: count }).optional(),
});
export type ProgressLine = z.infer<typeof progressLine>;

export const jobView = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.enum(['running', 'done', 'failed']),
  startedAt: isoTime,
  progress: progressLine.nullable(),
  result: z.unknown(),
  problem: problemSchema.nullable(),
});
export type JobView = z.infer<typeof jobView>;
export const jobsResult = z.object({ jobs: z.array(jobView) });

/** One line of a job's answer (NDJSON): first `job`, then any number of `progress` and `note`, one `ready` of a job that serves, last `result` or `error`. */
export const jobLine = z.discriminatedUnion('type', [
  z.object({ type: z.literal('job'), id: z.string() }),
  progressLine.extend({ type: z.literal('progress') }),
  z.object({ type: z.literal('note'), text: z.string() }),
  z.object({ type: z.literal('ready'), ready: z.unknown() }),
  z.object({ type: z.literal('result'), result: z.unknown() }),
  problemSchema.extend({ type: z.literal('error') }),
]);
export type JobLine = z.infer<typeof jobLine>;
