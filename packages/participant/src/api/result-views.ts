// driven: what BatNode answers, as JSON: ids in hex, times in ISO 8601, names as the contract of the command line has them.
import type {
  DownloadResult,
  FileAudit,
  FileEntry,
  FileInfo,
  FlowProgress,
  ReleaseResult as Release,
  UploadResult,
} from '@batchain/bat-node';
import { type BatChainError, toHex } from '@batchain/shared';
import { isoTime } from '@batchain/shared/node';
import type {
  AuditResult,
  GetResult,
  InfoResult,
  ListResult,
  ProgressLine,
  PutResult,
  ReleaseResult,
  StatusResult,
} from './api-schemas.ts';

export function viewUpload(result: UploadResult): PutResult {
  const { fileId, manifestPath, hosts, ...rest } = result;
  return {
    id: toHex(fileId),
    ...rest,
    manifest: manifestPath,
    hosts: hosts.map((host) => ({ nodeId: toHex(host.nodeId), shards: host.shards, bytes: host.bytes })),
  };
}

export function viewDownload(result: DownloadResult): GetResult {
  const { fileId, path, hosts, rejected, ...rest } = result;
  return {
    id: toHex(fileId),
    ...rest,
    path: path ?? null,
    hosts: hosts.map(toHex),
    rejected: rejected.map(({ host, shardId, reason }) => ({ host: toHex(host), shardId: toHex(shardId), reason })),
  };
}

export function viewList(entries: readonly FileEntry[]): ListResult {
  return {
    files: entries.map((entry) => ({
      id: toHex(entry.fileId),
      name: entry.name,
      bytes: entry.bytes,
      policy: entry.policy,
      health: entry.health,
      shardsHealthy: entry.shardsHealthy,
      shardsTotal: entry.shardsTotal,
      addedAt: isoTime(entry.addedAtMs),
      checkedAt: entry.checkedAtMs === undefined ? null : isoTime(entry.checkedAtMs),
      manifest: entry.manifestPath,
      manifestFault: entry.manifestFault === undefined ? null : viewFault(entry.manifestFault),
    })),
  };
}

function viewFault({ code, what, why, fix }: BatChainError): NonNullable<ListResult['files'][number]['manifestFault']> {
  return { code, what, why, fix };
}

export function viewAudits(audits: readonly FileAudit[]): AuditResult {
  return {
    files: audits.map(({ fileId, rows, reason, ...rest }) => ({
      id: toHex(fileId),
      ...rest,
      reason: reason ?? null,
      shards: rows.map(({ shardId, host, ...row }) => ({ shardId: toHex(shardId), ...row, host: host === undefined ? null : toHex(host) })),
    })),
  };
}

export function viewInfo(info: FileInfo): InfoResult {
  return {
    id: toHex(info.fileId),
    name: info.name,
    owner: toHex(info.ownerId),
    bytes: info.bytes,
    policy: info.policy,
    segments: info.segments.map(({ index, shardIds }) => ({ index, shardIds: shardIds.map(toHex) })),
    hosts: info.hosts.map(toHex),
  };
}

export function viewRelease(result: Release): ReleaseResult {
  return { id: toHex(result.fileId), released: result.released, unreached: result.unreached.map(toHex) };
}

export function viewProgress(progress: FlowProgress): ProgressLine {
  return { ...progress, hosts: progress.hosts.map((host) => ({ ...host, nodeId: toHex(host.nodeId) })) };
}

/** Files by last known health. */
export function countByHealth(entries: readonly FileEntry[]): StatusResult['files'] {
  const count = (health: FileEntry['health']): number => entries.filter((entry) => entry.health === health).length;
  return {
    total: entries.length,
    good: count('good'),
    degraded: count('degraded'),
    atRisk: count('at-risk'),
    lost: count('lost'),
    unknown: count('unknown'),
    withoutManifest: entries.filter(({ manifestFault }) => manifestFault !== undefined).length,
  };
}
