// driven: brings k right shards of a segment into its buffer: data shards first, another holder on failure, a second one beside a slow one.
import { type Runtime, toHex } from '@batchain/shared';
import { LEAF_BYTES } from '../limits.ts';
import { shardIdAt, type VerifyCapability } from '../manifest/manifest.ts';
import { fetchSlots } from '../workers/segment-stages.ts';
import { ByteCount } from './byte-count.ts';
import { DurationMeter } from './duration-meter.ts';
import type { Rejection } from './flow-types.ts';
import type { Holding } from './holder-map.ts';
import type { HostPeer } from './host-peer.ts';
import type { ShardSources } from './shard-sources.ts';
import { joinSignals } from './signals.ts';
import { SlowWatch } from './slow-watch.ts';

/** A fetch that takes less is never called slow. */
const SLOW_FLOOR_MS = 1_500;
/** Times that one holder is asked for one shard when it breaks off. */
const TRIES_MAX = 3;
/** Before each of those but the first, times their number. */
const RETRY_PAUSE_MS = 300;

export interface FetchEvents {
  /** A whole shard, right in every leaf, of which the holder gave so many bytes. */
  readonly onBytes: (holder: string, bytes: number) => void;
  /** Right leaves as they come: of which bytes how many count towards the k shards of their segment. */
  readonly onArrived: (holder: string, bytes: number, counted: number) => void;
  readonly onNote: (note: string) => void;
  readonly onRejected: (rejection: Rejection) => void;
}

export type FetchOutcome =
  /** Slots of the buffer in which right shards stand: their indexes, but with k = 1. */
  { readonly ok: true; readonly indexes: readonly number[] } | { readonly ok: false; readonly right: number };

/** What was tried of one holder for one shard. */
interface Tries {
  count: number;
  /** It gave a wrong shard, or does not have it: it is not asked again. */
  isOver: boolean;
}

interface Running {
  readonly slot: number;
  readonly abort: AbortController;
  isSlow: boolean;
}

/** One segment on its way. */
interface SegmentWork {
  readonly segment: number;
  readonly buffer: Uint8Array;
  /** Bytes of each shard. */
  readonly length: number;
  /** Slots of the shards that are there and right, by index. */
  readonly got: Map<number, number>;
  /** Whole leaves that are there of shards that are not, by slot. */
  readonly parts: Map<number, number>;
  /** The same to the byte, in all slots together. */
  readonly count: ByteCount;
  readonly tries: Map<string, Tries>;
  /** Under way, by index. */
  readonly running: Map<number, Running>;
}

/** Failures that are the holder's own wrong word, not bad luck. */
const WRONG: ReadonlySet<string> = new Set(['bad-bytes', 'damaged', 'not-held', 'malformed']);
/** Failures after which the holder is of no use for any shard of this file. */
const FINAL: ReadonlySet<string> = new Set(['refused', 'unsupported-verb', 'unsupported-extension', 'out-of-range']);

export class SegmentFetcher {
  readonly #runtime: Runtime;
  readonly #file: VerifyCapability;
  readonly #sources: ShardSources;
  readonly #events: FetchEvents;
  readonly #meter = new DurationMeter();
  readonly #slow: SlowWatch;
  /** Hosts and causes that were told of. */
  readonly #told = new Set<string>();

  constructor(runtime: Runtime, file: VerifyCapability, sources: ShardSources, events: FetchEvents) {
    this.#runtime = runtime;
    this.#file = file;
    this.#sources = sources;
    this.#events = events;
    this.#slow = new SlowWatch(runtime.clock, this.#meter, SLOW_FLOOR_MS);
  }

  /** Fetches until k shards are right or no holder is left. The buffer has fetchBufferBytes. */
  async fetch(segment: number, buffer: Uint8Array, signal: AbortSignal): Promise<FetchOutcome> {
    const length = this.#file.roster.segments[segment]?.shardLength ?? 0;
    const count = new ByteCount(this.#file.roster.scheme.requiredShards);
    const work: SegmentWork = { segment, buffer, length, got: new Map(), parts: new Map(), count, tries: new Map(), running: new Map() };
    const first = await this.#round(work, signal);
    if (first.ok) return first;
    // The hosts that were known do not suffice: the DHT may name others.
    await this.#sources.askDht();
    return this.#round(work, signal);
  }

  /** Who can be asked now, those first that have not failed yet. */
  #candidates({ segment, got, tries }: SegmentWork): Holding[] {
    const { requiredShards } = this.#file.roster.scheme;
    const { isUsable, load, isDoubted } = this.#sources;
    const triesOf = (holding: Holding): Tries | undefined => tries.get(keyOf(holding));
    return this.#sources.holders
      .plan(segment, requiredShards, { isUsable, load, isDoubted })
      .filter((holding) => !got.has(holding.index) && triesOf(holding)?.isOver !== true)
      .sort((a, b) => (triesOf(a)?.count ?? 0) - (triesOf(b)?.count ?? 0));
  }

  #round(work: SegmentWork, signal: AbortSignal): Promise<FetchOutcome> {
    const { requiredShards, totalShards } = this.#file.roster.scheme;
    const { got, running } = work;
    const slots = Array.from({ length: fetchSlots(requiredShards, totalShards) }, (_, slot) => slot);
    return new Promise((resolve, reject) => {
      let isDone = false;
      const finish = (settle: () => void): void => {
        isDone = true;
        for (const { abort } of running.values()) abort.abort();
        settle();
      };
      /** With k = 1 the shards of all indexes are the same bytes, and one goes on where another broke off. */
      const slotFor = ({ index }: Holding): number | undefined =>
        requiredShards > 1 ? index : slots.find((slot) => [...running.values()].every((other) => other.slot !== slot));
      const start = (holding: Holding, slot: number): void => {
        const mine: Running = { slot, abort: new AbortController(), isSlow: false };
        running.set(holding.index, mine);
        const slow = this.#slow.start(work.length, () => {
          mine.isSlow = true;
          if (!isDone) more();
        });
        this.#fetchOne(work, holding, slot, joinSignals(signal, mine.abort.signal))
          .finally(() => slow.cancel())
          .then((isRight) => {
            running.delete(holding.index);
            if (isDone) return;
            if (isRight) got.set(holding.index, slot);
            if (got.size >= requiredShards) finish(() => resolve({ ok: true, indexes: [...got.values()] }));
            else if (signal.aborted) finish(() => reject(signal.reason));
            else more();
          })
          .catch((error: unknown) => {
            if (!isDone) finish(() => reject(error));
          });
      };
      /** Starts what is missing to k, not counting those that are slow; ends the round when nothing runs and nothing is left. */
      const more = (): void => {
        for (const holding of this.#candidates(work)) {
          const brisk = [...running.values()].filter(({ isSlow }) => !isSlow).length;
          if (got.size + brisk >= requiredShards) return;
          const slot = slotFor(holding);
          if (slot === undefined) return;
          if (!running.has(holding.index)) start(holding, slot);
        }
        if (running.size === 0) finish(() => resolve({ ok: false, right: got.size }));
      };
      if (got.size >= requiredShards) finish(() => resolve({ ok: true, indexes: [...got.values()] }));
      else more();
    });
  }

  /** True when the whole shard is in its place, every leaf checked. */
  async #fetchOne(work: SegmentWork, holding: Holding, slot: number, signal: AbortSignal): Promise<boolean> {
    const { segment, length } = work;
    const { index } = holding;
    const peer = this.#sources.peer(holding.holder);
    const rosterSegment = this.#file.roster.segments[segment];
    if (peer === undefined || rosterSegment === undefined) return false;
    const tries = work.tries.get(keyOf(holding)) ?? { count: 0, isOver: false };
    work.tries.set(keyOf(holding), tries);
    const shardId = shardIdAt(rosterSegment, index);
    peer.inFlight++;
    try {
      if (tries.count > 0) await this.#runtime.clock.sleep(tries.count * RETRY_PAUSE_MS, signal);
      tries.count++;
      if (tries.count >= TRIES_MAX) tries.isOver = true;
      const client = await peer.client(signal);
      if (!client.ok) return false;
      let startedMs = this.#runtime.clock.monotonicMs();
      let offset = 0;
      const { roster, accessSeed } = this.#file;
      const into = work.buffer.subarray(slot * length, (slot + 1) * length);
      const onProgress = (doneBytes: number): void => {
        work.parts.set(slot, Math.floor(doneBytes / LEAF_BYTES) * LEAF_BYTES);
        const { grown, counted } = work.count.reach(slot, doneBytes);
        if (grown > 0) this.#events.onArrived(holding.holder, grown, counted);
      };
      const fetched = await peer.ask(signal, (reached) => {
        startedMs = this.#runtime.clock.monotonicMs();
        // Leaves of an earlier try were checked when they came; of whichever host, they are those of this shard.
        offset = work.parts.get(slot) ?? 0;
        const request = { fileId: roster.fileId, accessSeed, segment, index, shardId, shardBytes: length, into, offset };
        return reached.fetch(request, { signal, onProgress, onMoved: (host) => this.#sources.follow(segment, index, host) });
      });
      if (fetched.ok) {
        this.#meter.add(this.#runtime.clock.monotonicMs() - startedMs, length - offset);
        peer.succeeded();
        this.#events.onBytes(holding.holder, length - offset);
        return true;
      }
      if (!signal.aborted) this.#blame(work, holding, peer, fetched.reason);
      return false;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    } finally {
      peer.inFlight--;
    }
  }

  #blame(work: SegmentWork, holding: Holding, peer: HostPeer, reason: string): void {
    const { segment, tries } = work;
    const named = this.#file.roster.segments[segment];
    if (named === undefined) return;
    const shardId = shardIdAt(named, holding.index);
    this.#runtime.log.info('bat.download.fetch-failed', { host: peer.key, shard: toHex(shardId), reason });
    const isWrong = WRONG.has(reason);
    if (reason === 'moved' || (reason === 'not-held' && this.#sources.isOnlyNamed(segment, holding.index, holding.holder))) {
      // Nobody's fault: whoever has it now is among the holders, and who was named by another never said that he had it.
      const known = tries.get(keyOf(holding));
      if (known !== undefined) known.isOver = true;
      return;
    }
    if (isWrong) {
      const known = tries.get(keyOf(holding));
      if (known !== undefined) known.isOver = true;
      if (reason === 'bad-bytes' || reason === 'malformed') peer.isDoubted = true;
      this.#events.onRejected({ host: peer.nodeId, shardId, reason });
    } else peer.failed(reason, FINAL.has(reason));
    this.#tell(work, holding, isWrong ? 'gave a wrong shard' : 'stopped answering', reason);
  }

  /** Once for each host and cause: all that is under way with it breaks at one time. */
  #tell(work: SegmentWork, { index, holder }: Holding, what: string, reason: string): void {
    if (this.#told.has(`${holder} ${reason}`)) return;
    this.#told.add(`${holder} ${reason}`);
    const left = this.#candidates(work).filter((other) => other.index === index || !work.running.has(other.index));
    const isAnother = left.some((other) => other.holder !== holder);
    const then = isAnother ? ', using another' : left.length > 0 ? ', trying again' : '';
    this.#events.onNote(`${holder.slice(0, 8)} ${what} (${reason})${then}`);
  }
}

const keyOf = (holding: Holding): string => `${holding.index}/${holding.holder}`;
