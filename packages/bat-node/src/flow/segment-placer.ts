// driven: stores the shards of one segment on distinct hosts; a spare takes over on refusal, failure or slowness.
import { type Runtime, toHex } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import type { StoreOrder } from '../ports.ts';
import { ByteCount } from './byte-count.ts';
import { DurationMeter } from './duration-meter.ts';
import type { HostPeer } from './host-peer.ts';
import type { HostSlots } from './host-slots.ts';
import { joinSignals } from './signals.ts';
import { SlowWatch } from './slow-watch.ts';

/** A store that takes less is never called slow. */
const SLOW_FLOOR_MS = 4_000;
/** Before the same host is asked again after a broken transfer. */
const RETRY_PAUSE_MS = 700;

export interface ShardToPlace {
  readonly index: number;
  readonly shardId: ShardId;
  readonly leafHashes: readonly Uint8Array[];
  readonly bytes: Uint8Array;
}

/** A shard on its way to one host, or to several one after the other or beside one another. */
interface ShardWork extends ShardToPlace {
  readonly count: ByteCount;
}

export interface PlacedFile {
  readonly fileId: FileId;
  readonly ownerKey: Uint8Array;
  readonly fileNonce: Uint8Array;
  readonly accessKey: Uint8Array;
}

export interface PlacerEvents {
  readonly onNote: (note: string) => void;
  /** A host has so many bytes of a shard more, of which so many no host had before. */
  readonly onSent: (host: HostPeer, bytes: number, counted: number) => void;
  /** A shard has become durable at a host. */
  readonly onStored: () => void;
  /** Adds hosts to the slots that were not asked before; false when there are none. */
  readonly findMore: () => Promise<boolean>;
}

type StoreEnd = 'stored' | 'failed' | 'aborted';

/** One host being given a shard. */
interface Attempt {
  readonly host: HostPeer;
  readonly end: Promise<StoreEnd>;
  cancel(): void;
}

export class SegmentPlacer {
  readonly #runtime: Runtime;
  readonly #file: PlacedFile;
  readonly #slots: HostSlots<HostPeer>;
  readonly #events: PlacerEvents;
  readonly #meter = new DurationMeter();
  readonly #slow: SlowWatch;
  readonly #takingBack = new Set<Promise<void>>();

  constructor(runtime: Runtime, file: PlacedFile, slots: HostSlots<HostPeer>, events: PlacerEvents) {
    this.#runtime = runtime;
    this.#file = file;
    this.#slots = slots;
    this.#events = events;
    this.#slow = new SlowWatch(runtime.clock, this.#meter, SLOW_FLOOR_MS);
  }

  /**
   * Stores each shard at the host of its slot or at a spare: the host per index of `shards`, undefined where none was left.
   * Never two shards of the segment on one host; `taken` are hosts that have one already. Settles only when nothing reads the
   * shards any more: their buffer takes plain bytes next.
   */
  async place(
    segment: number,
    shards: readonly ShardToPlace[],
    taken: Iterable<string>,
    signal: AbortSignal,
  ): Promise<(HostPeer | undefined)[]> {
    const used = new Set(taken);
    const places = shards.map((shard) => this.#placeShard(segment, { ...shard, count: new ByteCount(1) }, used, signal));
    const placed = await Promise.allSettled(places);
    return placed.map((one) => {
      if (one.status === 'rejected') throw one.reason;
      return one.value;
    });
  }

  /** Resolves when no release of a late double is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#takingBack);
  }

  async #placeShard(segment: number, shard: ShardWork, used: Set<string>, signal: AbortSignal): Promise<HostPeer | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const host = this.#pick(segment, shard.index, used);
      if (host === undefined) {
        if (await this.#events.findMore()) continue;
        return undefined;
      }
      used.add(host.key);
      const winner = await this.#storeWithHelp(segment, shard, host, used, signal);
      if (winner !== undefined) return winner;
      used.delete(host.key);
      if (host.isUsable) {
        await this.#runtime.clock.sleep(RETRY_PAUSE_MS, signal);
        continue;
      }
      this.#slots.retire(host, (spare) => spare.isUsable);
      this.#events.onNote(`${host.key.slice(0, 8)} ${host.lastFailure}, looking for another host`);
    }
  }

  /** The host of the slot, unless it failed or has a shard of this segment; then a spare. */
  #pick(segment: number, index: number, used: ReadonlySet<string>): HostPeer | undefined {
    const isFree = (host: HostPeer): boolean => host.isUsable && !used.has(host.key);
    const own = this.#slots.hostFor(segment, index);
    return own !== undefined && isFree(own) ? own : this.#slots.borrow(isFree);
  }

  /** Stores at `host`; when that is slow, at a spare as well: the first to finish wins, the other is cancelled and released. */
  async #storeWithHelp(
    segment: number,
    shard: ShardWork,
    host: HostPeer,
    used: Set<string>,
    signal: AbortSignal,
  ): Promise<HostPeer | undefined> {
    const main = this.#attempt(segment, shard, host, signal);
    if (!(await this.#isSlow(shard, main))) return (await main.end) === 'stored' ? host : undefined;
    const spare = this.#slots.borrow((candidate) => candidate.isUsable && !used.has(candidate.key));
    if (spare === undefined) return (await main.end) === 'stored' ? host : undefined;

    used.add(spare.key);
    this.#events.onNote(`${host.key.slice(0, 8)} is slow, trying ${spare.key.slice(0, 8)} beside it`);
    const both = [main, this.#attempt(segment, shard, spare, signal)];
    const winner = await firstStored(both);
    for (const attempt of both) {
      if (attempt === winner) continue;
      attempt.cancel();
      await attempt.end;
      if (winner === undefined) used.delete(attempt.host.key);
      else this.#takeBack(segment, shard, attempt.host, used, signal);
    }
    return winner?.host;
  }

  /** True as soon as the attempt is slow, false when it ends before. */
  #isSlow(shard: ShardToPlace, attempt: Attempt): Promise<boolean> {
    return new Promise((resolve) => {
      const watch = this.#slow.start(shard.bytes.length, () => resolve(true));
      const onEnd = (): void => {
        watch.cancel();
        resolve(false);
      };
      attempt.end.then(onEnd, onEnd);
    });
  }

  #attempt(segment: number, shard: ShardWork, host: HostPeer, signal: AbortSignal): Attempt {
    const abort = new AbortController();
    const end = this.#store(segment, shard, host, joinSignals(signal, abort.signal));
    // Whoever waits for it sees the failure; until then it must not count as unhandled.
    end.catch(() => undefined);
    return { host, end, cancel: () => abort.abort() };
  }

  async #store(segment: number, shard: ShardWork, host: HostPeer, signal: AbortSignal): Promise<StoreEnd> {
    const client = await host.client(signal);
    if (!client.ok) return signal.aborted ? 'aborted' : 'failed';
    const { index, shardId, leafHashes, bytes } = shard;
    const order: StoreOrder = { ...this.#file, leaseId: host.leaseId, segment, index, shardId, length: bytes.length };
    const startedMs = this.#runtime.clock.monotonicMs();
    let isSent = false;
    const reached = (doneBytes: number): void => {
      const { grown, counted } = shard.count.reach(host.key, doneBytes);
      if (grown > 0) this.#events.onSent(host, grown, counted);
    };
    const onProgress = (doneBytes: number): void => {
      isSent = true;
      reached(doneBytes);
    };
    host.inFlight++;
    const stored = await host
      .ask(signal, (asked) => asked.store(order, leafHashes, bytes, { signal, onProgress }))
      .finally(() => host.inFlight--);
    if (stored.ok) {
      // What the host had already says nothing of how long a shard takes.
      if (isSent) this.#meter.add(this.#runtime.clock.monotonicMs() - startedMs, bytes.length);
      host.succeeded();
      reached(bytes.length);
      this.#events.onStored();
      return 'stored';
    }
    if (signal.aborted) return 'aborted';
    const isRefusal = REFUSALS.has(stored.reason);
    host.failed(isRefusal ? `refused (${stored.reason})` : `failed (${stored.reason})`, isRefusal || MISTRUSTED.has(stored.reason));
    this.#runtime.log.info('bat.upload.store-failed', { host: host.key, segment, shard: toHex(shardId), reason: stored.reason });
    return 'failed';
  }

  /** A double that came late is released; the host gets no other shard of the segment before it has confirmed that. */
  #takeBack(segment: number, shard: ShardToPlace, host: HostPeer, used: Set<string>, signal: AbortSignal): void {
    const work = this.#release(segment, shard, host, signal)
      .then((isGone) => {
        if (isGone) used.delete(host.key);
      })
      .catch((error: unknown) => this.#runtime.log.warn('bat.upload.release-failed', { host: host.key, error: String(error) }))
      .finally(() => this.#takingBack.delete(work));
    this.#takingBack.add(work);
  }

  /** True when the host has confirmed that it does not hold the shard. */
  async #release(segment: number, shard: ShardToPlace, host: HostPeer, signal: AbortSignal): Promise<boolean> {
    const released = await host.ask(signal, (client) => client.release(this.#file.fileId, [[segment, shard.index]], { signal }));
    return released.ok || released.reason === 'not-held';
  }
}

/** The first attempt that stored; undefined when none did. */
async function firstStored(attempts: readonly Attempt[]): Promise<Attempt | undefined> {
  const stored = attempts.map(async (attempt) => {
    if ((await attempt.end) !== 'stored') throw new Error('not stored');
    return attempt;
  });
  return Promise.any(stored).catch(() => undefined);
}

/** Answers after which asking the same host again is of no use. */
const REFUSALS: ReadonlySet<string> = new Set([
  'no-room',
  'disk-full',
  'owner-share',
  'too-many-shards',
  'conflict',
  'read-only',
  'refused',
  'not-owner',
  'wrong-file-id',
  'unsupported-verb',
  'unsupported-extension',
  'too-large',
  'leaving',
]);
/** Answers that an honest host does not give. */
const MISTRUSTED: ReadonlySet<string> = new Set(['bad-receipt', 'malformed', 'bad-bytes']);
