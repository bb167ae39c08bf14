// driven: counts what an upload has done and tells its caller.
import { segmentPlainBytes } from '../pipeline/segment-layout.ts';
import type { FlowProgress, UploadOptions } from './flow-types.ts';
import type { HostPeer } from './host-peer.ts';
import type { UploadPlan } from './upload-plan.ts';

export class UploadProgress {
  readonly #plan: UploadPlan;
  readonly #onProgress: UploadOptions['onProgress'];
  readonly #hosts = new Map<HostPeer, number>();
  #storedBytes = 0;
  #phase: FlowProgress['phase'] = 'transferring';
  resumedBytes = 0;

  constructor(plan: UploadPlan, onProgress: UploadOptions['onProgress']) {
    this.#plan = plan;
    this.#onProgress = onProgress;
    this.#tell();
  }

  /** Bytes of a shard became durable at a host. */
  stored(host: HostPeer, bytes: number): void {
    this.#storedBytes += bytes;
    this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + bytes);
    this.#tell();
  }

  /** A segment of an earlier attempt needs no work. */
  resumed(segment: number): void {
    this.resumedBytes += segmentPlainBytes(this.#plan.start.bytes, this.#plan.start.segmentSizeBytes, segment);
    this.#tell();
  }

  finishing(): void {
    this.#phase = 'finishing';
    this.#tell();
  }

  #tell(): void {
    const { policy, start } = this.#plan;
    const plainBytes = this.resumedBytes + (this.#storedBytes * policy.k) / policy.n;
    const hostTotal = Math.ceil((start.bytes - this.resumedBytes) / policy.k);
    this.#onProgress?.({
      phase: this.#phase,
      doneBytes: this.#phase === 'finishing' ? start.bytes : Math.min(start.bytes, Math.floor(plainBytes)),
      totalBytes: start.bytes,
      resumedBytes: this.resumedBytes,
      hosts: [...this.#hosts].map(([host, doneBytes]) => ({ nodeId: host.nodeId, doneBytes, totalBytes: Math.max(hostTotal, doneBytes) })),
    });
  }
}
