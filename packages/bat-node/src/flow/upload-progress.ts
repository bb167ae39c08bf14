// driven: counts what an upload has done and tells its caller.
import type { Clock } from '@batchain/shared';
import { segmentPlainBytes } from '../pipeline/segment-layout.ts';
import type { FlowProgress, UploadOptions } from './flow-types.ts';
import type { HostPeer } from './host-peer.ts';
import { ProgressPace } from './progress-pace.ts';
import type { UploadPlan } from './upload-plan.ts';

export class UploadProgress {
  readonly #plan: UploadPlan;
  readonly #onProgress: UploadOptions['onProgress'];
  readonly #pace: ProgressPace;
  readonly #hosts = new Map<HostPeer, number>();
  /** Of all shards together; what goes to a second host in place of a first counts once. */
  #sentBytes = 0;
  #phase: FlowProgress['phase'] = 'transferring';
  resumedBytes = 0;

  constructor(clock: Clock, plan: UploadPlan, onProgress: UploadOptions['onProgress']) {
    this.#plan = plan;
    this.#onProgress = onProgress;
    this.#pace = new ProgressPace(clock, () => this.#tell());
    this.#pace.now();
  }

  /** A host has so many bytes of a shard more, of which so many were sent for the first time. */
  sent(host: HostPeer, bytes: number, counted: number): void {
    this.#sentBytes += counted;
    this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + bytes);
    this.#pace.soon();
  }

  /** A shard became durable at a host. */
  stored(): void {
    this.#pace.now();
  }

  /** A segment of an earlier attempt needs no work. */
  resumed(segment: number): void {
    this.resumedBytes += segmentPlainBytes(this.#plan.start.bytes, this.#plan.start.segmentSizeBytes, segment);
    this.#pace.now();
  }

  finishing(): void {
    this.#phase = 'finishing';
    this.#pace.now();
  }

  #tell(): void {
    const { policy, start } = this.#plan;
    const plainBytes = this.resumedBytes + (this.#sentBytes * policy.k) / policy.n;
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
