// driven: the last steps of an upload: the manifest is written, the file enters the owner's list.
import { toHex } from '@batchain/shared';
import type { ManifestEntry, SignedRoster } from '../manifest/manifest.ts';
import type { ManifestBuilder } from '../manifest/manifest-builder.ts';
import { encodeManifest } from '../manifest/manifest-codec.ts';
import { beginPlacing } from '../placement/placing.ts';
import type { OwnedFile, OwnedLease, SaveManifestOptions } from '../storage/owner-store.ts';
import type { SourceFile } from '../storage/source-file.ts';
import type { FlowDeps } from './flow-deps.ts';
import type { Health, UploadResult } from './flow-types.ts';
import { packHeld } from './held-list.ts';
import type { CommittedUpload } from './upload-commit.ts';
import type { UploadPlan } from './upload-plan.ts';

export interface FinishedUpload {
  readonly plan: UploadPlan;
  readonly builder: ManifestBuilder;
  readonly signed: SignedRoster;
  readonly committed: CommittedUpload;
  readonly sha256: Uint8Array;
  /** Where the manifest goes. */
  readonly manifest: SaveManifestOptions;
}

/** Writes manifest and list entry, both or none; the result but for the times. */
export async function finishUpload(
  deps: FlowDeps,
  source: SourceFile,
  done: FinishedUpload,
): Promise<Omit<UploadResult, 'durationMs' | 'resumedBytes'>> {
  const { plan, signed, committed } = done;
  const { name, bytes } = plan.start;
  const entry: ManifestEntry = { path: name, bytes, mode: source.mode, offset: 0, sha256: done.sha256 };
  const hosts = committed.hosts.filter(({ shards }) => shards.length > 0);
  const hints = hosts.map(({ peer }) => ({ nodeId: peer.nodeId, record: peer.record?.bytes }));
  const manifest = done.builder.build(signed, [entry], hints);
  const manifestPath = await deps.ownerStore.saveManifest(name, encodeManifest(manifest), done.manifest);
  const nowMs = deps.runtime.clock.nowMs();
  const leases: OwnedLease[] = hosts.map(({ peer, leaseUntilMs, shards }) => ({
    host: peer.key,
    leaseUntilMs,
    renewedAtMs: nowMs,
    shards: packHeld(shards, plan.segmentCount),
  }));
  const health: Health = committed.worst >= plan.policy.n ? 'good' : 'degraded';
  const owned: OwnedFile = {
    id: toHex(plan.fileId),
    name,
    bytes,
    policy: plan.policy,
    manifestPath,
    addedAtMs: nowMs,
    checkedAtMs: null,
    health,
    shardsHealthy: committed.worst,
    leases,
    ...(health === 'good' ? {} : { placing: beginPlacing(nowMs, deps.times.placing) }),
  };
  try {
    await deps.ownerStore.put(owned);
  } catch (error) {
    // Without a record nobody would renew its leases: it is as if the manifest had not been written.
    await deps.ownerStore.remove(owned.id).catch(() => undefined);
    await deps.ownerStore.removeManifest(manifestPath).catch(() => undefined);
    throw error;
  }
  return {
    fileId: plan.fileId,
    name,
    bytes,
    sha256: toHex(done.sha256),
    policy: plan.policy,
    placed: committed.worst,
    manifestPath,
    segments: plan.segmentCount,
    hosts: hosts.map(({ peer, shards }) => ({
      nodeId: peer.nodeId,
      shards: shards.length,
      bytes: shards.reduce((sum, shard) => sum + shard.length, 0),
    })),
    receipts: hosts.length,
  };
}
