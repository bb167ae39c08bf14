// driven: a file's bytes in order: shards fetched and checked, segments decoded and opened some ahead, one after the other given out.
import { equalBytes } from '@batchain/shared';
import type { Manifest } from '../manifest/manifest.ts';
import { manifestName, totalBytes } from '../manifest/manifest.ts';
import { segmentPlainBytes } from '../pipeline/segment-layout.ts';
import { fetchBufferBytes } from '../workers/segment-stages.ts';
import type { SegmentBuffer } from '../workers/stage-pool.ts';
import type { FlowDeps } from './flow-deps.ts';
import { contentMismatch, tooFewShards, unrecoverable } from './flow-errors.ts';
import type { FlowOptions, Rejection } from './flow-types.ts';
import type { PeerTools } from './host-peer.ts';
import { type FetchEvents, SegmentFetcher } from './segment-fetcher.ts';
import { ShardSources } from './shard-sources.ts';
import { createAbort, joinSignals } from './signals.ts';

/** Segments fetched ahead of the one that is being written; the buffers' budget may allow fewer. */
const AHEAD_MAX = 6;

export interface ReaderOptions extends Pick<FlowOptions, 'signal' | 'onNote'> {
  /** Right bytes of shards as they come; see FetchEvents. */
  readonly onArrived?: FetchEvents['onArrived'];
  /** Somebody takes the bytes as slowly as he likes. */
  readonly isStream?: boolean;
}

interface OpenedSegment {
  readonly buffer: SegmentBuffer;
  readonly plain: Uint8Array;
}

export class SegmentReader {
  readonly rejected: Rejection[] = [];
  /** Hosts that gave at least one right shard, hex. */
  readonly usedHosts = new Map<string, number>();
  readonly #deps: FlowDeps;
  readonly #manifest: Manifest;
  readonly #sources: ShardSources;
  readonly #fetcher: SegmentFetcher;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #totalBytes: number;
  readonly #isStream: boolean;

  constructor(deps: FlowDeps, tools: PeerTools, manifest: Manifest, options: ReaderOptions) {
    this.#isStream = options.isStream === true;
    this.#deps = deps;
    this.#manifest = manifest;
    this.#totalBytes = totalBytes(manifest.secret.entries);
    this.#signal = joinSignals(this.#abort.signal, options.signal);
    this.#sources = new ShardSources(deps, tools, manifest, this.#signal);
    this.#fetcher = new SegmentFetcher(deps.runtime, manifest, this.#sources, {
      onBytes: (holder, bytes) => this.usedHosts.set(holder, (this.usedHosts.get(holder) ?? 0) + bytes),
      onArrived: (holder, bytes, counted) => options.onArrived?.(holder, bytes, counted),
      onNote: (note) => options.onNote?.(note),
      onRejected: (rejection) => this.rejected.push(rejection),
    });
  }

  get segmentCount(): number {
    return this.#manifest.roster.segments.length;
  }

  /** Connects to the holders. Throws BAT_E_TOO_FEW_SHARDS or BAT_E_UNRECOVERABLE when they do not suffice. */
  async open(): Promise<void> {
    await this.#sources.gather(this.#manifest.hints);
    if (!this.#sources.isEnough) throw this.#shortage(this.#sources.holders.worst(this.#sources.isUsable));
  }

  /** Ends what is still being asked for. */
  close(): void {
    this.#abort.abort();
  }

  /**
   * Plain segments from `first` on and before `end`, in order. A yielded view is valid until the next one is asked for. Whoever ends early
   * (`return`) gets nothing more, has given everything back, and may begin again.
   */
  async *segments(first: number, end: number = this.segmentCount): AsyncGenerator<Uint8Array> {
    const abort = createAbort();
    const signal = joinSignals(this.#signal, abort.signal);
    const ahead: Promise<OpenedSegment>[] = [];
    let next = first;
    try {
      while (next < end || ahead.length > 0) {
        while (next < end && ahead.length < AHEAD_MAX) {
          const opened = this.#openSegment(next++, signal);
          // The failure is seen when its turn comes; until then it must not count as unhandled.
          opened.catch(() => undefined);
          ahead.push(opened);
        }
        const { buffer, plain } = await (ahead[0] as Promise<OpenedSegment>);
        void ahead.shift();
        try {
          yield plain;
        } finally {
          this.#deps.stagePool.release(buffer);
        }
      }
    } finally {
      abort.abort();
      // Whoever ends early gives back all buffers before it returns.
      const rest = await Promise.allSettled(ahead);
      for (const opened of rest) if (opened.status === 'fulfilled') this.#deps.stagePool.release(opened.value.buffer);
    }
  }

  async #openSegment(segment: number, signal: AbortSignal): Promise<OpenedSegment> {
    const { scheme } = this.#manifest.roster;
    const { secret } = this.#manifest;
    const policy = { k: scheme.requiredShards, n: scheme.totalShards };
    const plainBytes = segmentPlainBytes(this.#totalBytes, secret.segmentSizeBytes, segment);
    const buffer = await this.#deps.stagePool.acquire(fetchBufferBytes(plainBytes, policy.k, policy.n), {
      job: this,
      leavesRoom: this.#isStream,
      signal,
    });
    try {
      const fetched = await this.#fetcher.fetch(segment, buffer.bytes, signal);
      if (!fetched.ok) throw this.#shortage(fetched.right);
      const salt = secret.salts[segment] as Uint8Array;
      const job = { fileKey: secret.fileKey, salt, plainBytes, policy, indexes: fetched.indexes };
      const opened = await this.#deps.stagePool.decodeAndOpen(buffer, job);
      if (!opened.ok) throw contentMismatch(manifestName(this.#manifest), `segment ${segment} does not open: ${opened.reason}`);
      return { buffer, plain: opened.value };
    } catch (error) {
      this.#deps.stagePool.release(buffer);
      throw error;
    }
  }

  /** Enough hosts are away that it may come right later, or all have answered and it will not. */
  #shortage(right: number): Error {
    const name = manifestName(this.#manifest);
    const needed = this.#manifest.roster.scheme.requiredShards;
    const gone = this.#sources
      .peers()
      .filter((peer) => !peer.isUsable)
      .map((peer) => peer.key);
    const away = [...new Set([...this.#sources.away(), ...gone])];
    // This node itself is no witness for what others hold.
    const others = this.#sources.peers().filter(({ nodeId }) => !equalBytes(nodeId, this.#deps.signer.nodeId));
    const isEverybodyHeard = away.length === 0 && others.length > 0;
    if (isEverybodyHeard) return unrecoverable(name, right, needed);
    const missed = away.map((key) => ({ key, noWay: this.#sources.peer(key)?.noWay }));
    return tooFewShards(name, right, needed, missed);
  }
}
