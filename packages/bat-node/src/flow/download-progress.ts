// driven: counts what a download has got and tells its caller.
import { type Clock, type NodeId, parseNodeId } from '@batchain/shared';
import type { DownloadOptions, FlowProgress } from './flow-types.ts';
import { ProgressPace } from './progress-pace.ts';

export interface DownloadSize {
  /** Of the file. */
  readonly totalBytes: number;
  /** Of the file, from an earlier attempt. */
  readonly resumedBytes: number;
  /** Of shards, from which the rest is made. */
  readonly neededBytes: number;
}

export class DownloadProgress {
  readonly #size: DownloadSize;
  readonly #onProgress: DownloadOptions['onProgress'];
  readonly #pace: ProgressPace;
  readonly #hosts = new Map<string, { readonly nodeId: NodeId; bytes: number }>();
  #phase: FlowProgress['phase'] = 'preparing';
  /** Of what is needed. */
  #arrivedBytes = 0;

  constructor(clock: Clock, size: DownloadSize, onProgress: DownloadOptions['onProgress']) {
    this.#size = size;
    this.#onProgress = onProgress;
    this.#pace = new ProgressPace(clock, () => this.#tell());
    this.#pace.now();
  }

  /** Right bytes of a shard came from a host (hex), of which so many bring a segment nearer to its whole. */
  arrived(holder: string, bytes: number, counted: number): void {
    const host = this.#hosts.get(holder) ?? { nodeId: parseNodeId(holder) as NodeId, bytes: 0 };
    host.bytes += bytes;
    this.#hosts.set(holder, host);
    this.#arrivedBytes += counted;
    this.#pace.soon();
  }

  enter(phase: FlowProgress['phase']): void {
    this.#phase = phase;
    this.#pace.now();
  }

  /** A segment is in the file. */
  written(): void {
    this.#pace.now();
  }

  #tell(): void {
    const { totalBytes, resumedBytes, neededBytes } = this.#size;
    const share = neededBytes === 0 ? 0 : Math.min(1, this.#arrivedBytes / neededBytes);
    this.#onProgress?.({
      phase: this.#phase,
      doneBytes: this.#phase === 'finishing' ? totalBytes : resumedBytes + Math.floor((totalBytes - resumedBytes) * share),
      totalBytes,
      resumedBytes,
      hosts: [...this.#hosts.values()].map(({ nodeId, bytes }) => ({ nodeId, doneBytes: bytes, totalBytes: bytes })),
    });
  }
}
