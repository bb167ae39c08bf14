// driven: brings k right shards of a segment into its buffer: data shards first, another holder on failure, a second one beside a slow one.
import { type NodeId, type Runtime, toHex } from '@batchain/shared';
import type { ShardId } from '../ids.ts';
import { shardIdAt, type VerifyCapability } from '../manifest/manifest.ts';
import { DurationMeter } from './duration-meter.ts';
import type { Rejection } from './flow-types.ts';
import type { Holding } from './holder-map.ts';
import type { ShardSources } from './shard-sources.ts';

/** A parity shard is asked for beside one that takes this many times the median. */
const SLOW_FACTOR = 3;
const SLOW_FLOOR_MS = 1_500;
const MEDIAN_SAMPLES_MIN = 4;

export interface FetchEvents {
  readonly onBytes: (holder: string, bytes: number) => void;
  readonly onNote: (note: string) => void;
  readonly onRejected: (rejection: Rejection) => void;
}

export type FetchOutcome =
  /** The shards that stand in the buffer, each at the place of its index. */
  { readonly ok: true; readonly indexes: readonly number[] } | { readonly ok: false; readonly right: number };

export class SegmentFetcher {
  readonly #runtime: Runtime;
  readonly #file: VerifyCapability;
  readonly #sources: ShardSources;
  readonly #events: FetchEvents;
  readonly #meter = new DurationMeter();
  /** Shards that a holder gave wrong or does not have: not asked of it again. */
  readonly #bad = new Set<string>();

  constructor(runtime: Runtime, file: VerifyCapability, sources: ShardSources, events: FetchEvents) {
    this.#runtime = runtime;
    this.#file = file;
    this.#sources = sources;
    this.#events = events;
  }

  /** Fetches until k shards are right or no holder is left. The buffer has room for n shards. */
  async fetch(segment: number, buffer: Uint8Array, signal: AbortSignal): Promise<FetchOutcome> {
    const first = await this.#round(segment, buffer, signal);
    if (first.ok) return first;
    // The hosts that were known do not suffice: the DHT may name others.
    return (await this.#sources.askDht()) ? this.#round(segment, buffer, signal) : first;
  }

  #candidates(segment: number): Holding[] {
    const { requiredShards } = this.#file.roster.scheme;
    const plan = this.#sources.holders.plan(segment, requiredShards, this.#sources.isUsable, this.#sources.load);
    return plan.filter((holding) => !this.#bad.has(`${segment}/${holding.index}/${holding.holder}`));
  }

  #round(segment: number, buffer: Uint8Array, signal: AbortSignal): Promise<FetchOutcome> {
    const { requiredShards } = this.#file.roster.scheme;
    const length = this.#file.roster.segments[segment]?.shardLength ?? 0;
    const got = new Set<number>();
    const running = new Map<number, AbortController>();
    return new Promise((resolve, reject) => {
      let isDone = false;
      const finish = (outcome: FetchOutcome): void => {
        isDone = true;
        for (const abort of running.values()) abort.abort();
        resolve(outcome);
      };
      const start = (holding: Holding): void => {
        const abort = new AbortController();
        running.set(holding.index, abort);
        const into = buffer.subarray(holding.index * length, (holding.index + 1) * length);
        const slow = this.#armSlowTimer(length, () => !isDone && more(1));
        this.#fetchOne(segment, holding, into, AbortSignal.any([signal, abort.signal]))
          .then((isRight) => {
            slow?.cancel();
            running.delete(holding.index);
            if (isDone) return;
            if (isRight) got.add(holding.index);
            if (got.size >= requiredShards) finish({ ok: true, indexes: [...got] });
            else if (signal.aborted) reject(signal.reason);
            else more(0);
          })
          .catch(reject);
      };
      /** Starts what is missing to k, and `extra` more; ends the round when nothing runs and nothing is left. */
      const more = (extra: number): void => {
        let wanted = requiredShards - got.size - running.size + extra;
        for (const holding of this.#candidates(segment)) {
          if (wanted <= 0) break;
          if (got.has(holding.index) || running.has(holding.index)) continue;
          start(holding);
          wanted--;
        }
        if (running.size === 0 && !isDone) finish({ ok: false, right: got.size });
      };
      more(0);
    });
  }

  #armSlowTimer(bytes: number, onSlow: () => void): { cancel(): void } | undefined {
    const median = this.#meter.medianMs(bytes, MEDIAN_SAMPLES_MIN);
    return median === undefined ? undefined : this.#runtime.clock.setTimer(Math.max(SLOW_FLOOR_MS, SLOW_FACTOR * median), onSlow);
  }

  /** True when the whole shard is in `into`, every leaf checked. */
  async #fetchOne(segment: number, holding: Holding, into: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const peer = this.#sources.peer(holding.holder);
    const rosterSegment = this.#file.roster.segments[segment];
    if (peer === undefined || rosterSegment === undefined) return false;
    const shardId = shardIdAt(rosterSegment, holding.index);
    peer.inFlight++;
    try {
      const client = await peer.client(signal);
      if (!client.ok) return false;
      const startedMs = this.#runtime.clock.monotonicMs();
      const { fileId } = this.#file.roster;
      const request = { fileId, accessSeed: this.#file.accessSeed, segment, index: holding.index, shardId, shardBytes: into.length, into };
      const fetched = await client.value.fetch(request, { signal });
      if (fetched.ok) {
        this.#meter.add(this.#runtime.clock.monotonicMs() - startedMs, into.length);
        peer.succeeded();
        this.#events.onBytes(holding.holder, into.length);
        return true;
      }
      if (signal.aborted) return false;
      this.#blame(segment, holding, peer.nodeId, shardId, fetched.reason);
      return false;
    } finally {
      peer.inFlight--;
    }
  }

  #blame(segment: number, holding: Holding, host: NodeId, shardId: ShardId, reason: string): void {
    const short = holding.holder.slice(0, 8);
    this.#runtime.log.info('bat.download.fetch-failed', { host: holding.holder, shard: toHex(shardId), reason });
    if (reason === 'bad-bytes' || reason === 'damaged' || reason === 'not-held') {
      this.#bad.add(`${segment}/${holding.index}/${holding.holder}`);
      this.#events.onRejected({ host, shardId, reason });
      this.#events.onNote(`${short} gave a wrong shard (${reason}), using another`);
      return;
    }
    this.#sources.peer(holding.holder)?.failed(reason, reason === 'refused');
    this.#events.onNote(`${short} stopped answering (${reason}), using another`);
  }
}
