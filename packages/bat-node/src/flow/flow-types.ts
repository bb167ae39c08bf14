// pure: what callers give to and get from the flows: upload, download, audit, release.
import type { BatChainError, NodeId } from '@batchain/shared';
import type { AuditRow } from '../audit/audit-types.ts';
import type { FileId, ShardId } from '../ids.ts';
import type { Health } from '../placement/health.ts';
import type { Policy } from '../placement/policy.ts';

export type { AuditOutcome, AuditRow } from '../audit/audit-types.ts';
export type { Health } from '../placement/health.ts';
export type { Policy } from '../placement/policy.ts';

/** Where bytes stand; `doneBytes` counts plain file bytes (a resumed start is not zero). */
export interface FlowProgress {
  readonly phase: 'preparing' | 'transferring' | 'finishing';
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Bytes that had been done before this run. */
  readonly resumedBytes: number;
  readonly hosts: readonly { readonly nodeId: NodeId; readonly doneBytes: number; readonly totalBytes: number }[];
}

export interface FlowOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FlowProgress) => void;
  /** Things worth telling a person while it runs: a host replaced, a shard rejected. */
  readonly onNote?: (note: string) => void;
}

export interface UploadOptions extends FlowOptions {
  /** Name in the manifest; the file's own name by default. */
  readonly name?: string;
  /** Overrides the default by number of usable hosts. */
  readonly policy?: Policy;
  readonly segmentSizeBytes?: number;
  /** Forgets an interrupted upload of the same file instead of resuming it. */
  readonly isFresh?: boolean;
  /** Nobody will repeat this very upload: what it stored is given back when it fails, and there is nothing to resume. */
  readonly isOnce?: boolean;
  /** Where the manifest goes; HOME/manifest/NAME.batchain by default, never overwriting. */
  readonly manifestPath?: string;
  readonly isForced?: boolean;
  /** Keeps own copies of the shards under HOME/shards (demos). */
  readonly keepsShards?: boolean;
}

export interface UploadResult {
  readonly fileId: FileId;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly policy: Policy;
  /** Fewest distinct hosts with full receipts over all segments. */
  readonly placed: number;
  readonly manifestPath: string;
  readonly durationMs: number;
  readonly resumedBytes: number;
  readonly segments: number;
  readonly hosts: readonly { readonly nodeId: NodeId; readonly shards: number; readonly bytes: number }[];
  readonly receipts: number;
}

export interface DownloadOptions extends FlowOptions {
  readonly isForced?: boolean;
}

export interface StreamOptions extends FlowOptions {
  /** First byte wanted; 0 by default. */
  readonly offset?: number;
  /** Bytes wanted; up to the end of the file by default. */
  readonly length?: number;
}

/** A shard or an answer that was wrong, and who gave it. */
export interface Rejection {
  readonly host: NodeId;
  readonly shardId: ShardId;
  readonly reason: string;
}

export interface DownloadResult {
  readonly fileId: FileId;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly path: string | undefined;
  readonly durationMs: number;
  readonly resumedBytes: number;
  readonly hosts: readonly NodeId[];
  readonly rejected: readonly Rejection[];
}

export interface FileAudit {
  readonly fileId: FileId;
  readonly name: string;
  readonly verdict: Health;
  readonly policy: Policy;
  /** Of the worst segment. */
  readonly shardsHealthy: number;
  readonly shardsTotal: number;
  readonly rows: readonly AuditRow[];
  readonly challengedBytes: number;
  /** Why nobody could be asked, where nobody could. */
  readonly reason?: string;
}

export interface AuditOptions extends FlowOptions {
  /** Every leaf of every shard instead of a sample. */
  readonly isFull?: boolean;
  /** Hosts (hex) that could not be reached, and why: filled and heeded, so that audits of many files dial each of them once. */
  readonly away?: Map<string, string>;
}

/** A file of ours, as `ls` shows it; `unknown` while its manifest can not be used, for nobody can be asked then. */
export interface FileEntry {
  readonly fileId: FileId;
  readonly name: string;
  readonly bytes: number;
  readonly policy: Policy;
  readonly health: Health;
  readonly shardsHealthy: number;
  readonly shardsTotal: number;
  readonly addedAtMs: number;
  readonly checkedAtMs: number | undefined;
  readonly manifestPath: string;
  /** What is wrong with the manifest at that path. */
  readonly manifestFault?: BatChainError;
}

/** What `info` shows: nothing secret. */
export interface FileInfo {
  readonly fileId: FileId;
  readonly name: string;
  readonly ownerId: NodeId;
  readonly bytes: number;
  readonly policy: Policy;
  readonly segments: readonly { readonly index: number; readonly shardIds: readonly ShardId[] }[];
  readonly hosts: readonly NodeId[];
}

export interface ReleaseResult {
  readonly fileId: FileId;
  /** Shards that hosts confirmed to have released. */
  readonly released: number;
  /** Hosts that could not be told; their leases end by themselves. */
  readonly unreached: readonly NodeId[];
}
