// driven: stores the shards of one segment on distinct hosts; a spare takes over on refusal, failure or slowness.
import { type Runtime, toHex } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import type { StoreOrder } from '../ports.ts';
import { DurationMeter } from './duration-meter.ts';
import type { HostPeer } from './host-peer.ts';
import type { HostSlots } from './host-slots.ts';

/** A spare is tried beside a host that takes this many times the median (design section 8). */
const SLOW_FACTOR = 3;
/** Transfers of a moment are never called slow: a busy disk or a lost packet takes this long. */
const SLOW_FLOOR_MS = 4_000;
const MEDIAN_SAMPLES_MIN = 5;
/** Before the same host is asked again after a broken transfer. */
const RETRY_PAUSE_MS = 700;

export interface ShardToPlace {
  readonly index: number;
  readonly shardId: ShardId;
  readonly leafHashes: readonly Uint8Array[];
  readonly bytes: Uint8Array;
}

export interface PlacedFile {
  readonly fileId: FileId;
  readonly ownerKey: Uint8Array;
  readonly fileNonce: Uint8Array;
  readonly accessKey: Uint8Array;
}

export interface PlacerEvents {
  readonly onNote: (note: string) => void;
  /** Bytes of shards that have become durable at a host. */
  readonly onStored: (host: HostPeer, bytes: number) => void;
}

type StoreEnd = 'stored' | 'refused' | 'failed' | 'aborted';

export class SegmentPlacer {
  readonly #runtime: Runtime;
  readonly #file: PlacedFile;
  readonly #slots: HostSlots<HostPeer>;
  readonly #events: PlacerEvents;
  readonly #meter = new DurationMeter();

  constructor(runtime: Runtime, file: PlacedFile, slots: HostSlots<HostPeer>, events: PlacerEvents) {
    this.#runtime = runtime;
    this.#file = file;
    this.#slots = slots;
    this.#events = events;
  }

  /**
   * Stores each shard at the host of its slot or at a spare. Resolves when every shard is placed or out of hosts:
   * the host per index of `shards`. Never two shards of the segment on one host; `taken` are hosts that have one already.
   */
  async place(
    segment: number,
    shards: readonly ShardToPlace[],
    taken: Iterable<string>,
    signal: AbortSignal,
  ): Promise<(HostPeer | undefined)[]> {
    const used = new Set(taken);
    return Promise.all(shards.map((shard) => this.#placeShard(segment, shard, used, signal)));
  }

  async #placeShard(segment: number, shard: ShardToPlace, used: Set<string>, signal: AbortSignal): Promise<HostPeer | undefined> {
    let host = this.#slots.hostFor(segment, shard.index);
    if (host === undefined || used.has(host.key)) host = this.#slots.borrow((spare) => spare.isUsable && !used.has(spare.key));
    while (host !== undefined) {
      signal.throwIfAborted();
      used.add(host.key);
      const winner = await this.#storeWithHelp(segment, shard, host, used, signal);
      if (winner !== undefined) return winner;
      if (host.isUsable) {
        await this.#runtime.clock.sleep(RETRY_PAUSE_MS, signal);
        continue;
      }
      used.delete(host.key);
      this.#events.onNote(
        `${host.key.slice(0, 8)} ${host.lastFailure}, ${this.#slots.all().length > 1 ? 'looking for another host' : 'no other host'}`,
      );
      host = this.#slots.replace(host) ?? this.#slots.borrow((spare) => spare.isUsable && !used.has(spare.key));
    }
    return undefined;
  }

  /** Stores at `host`; when that is slow, at a spare as well: the first to finish wins, the other is cancelled and released. */
  async #storeWithHelp(
    segment: number,
    shard: ShardToPlace,
    host: HostPeer,
    used: Set<string>,
    signal: AbortSignal,
  ): Promise<HostPeer | undefined> {
    const cancelMain = new AbortController();
    const main = this.#store(segment, shard, host, AbortSignal.any([signal, cancelMain.signal]));
    const median = this.#meter.medianMs(shard.bytes.length, MEDIAN_SAMPLES_MIN);
    if (median === undefined) return (await main) === 'stored' ? host : undefined;

    const slowMs = Math.max(SLOW_FLOOR_MS, SLOW_FACTOR * median);
    const isSlow = await new Promise<boolean>((resolve) => {
      const timer = this.#runtime.clock.setTimer(slowMs, () => resolve(true));
      void main.finally(() => {
        timer.cancel();
        resolve(false);
      });
    });
    const spare = isSlow ? this.#slots.borrow((candidate) => candidate.isUsable && !used.has(candidate.key)) : undefined;
    if (spare === undefined) return (await main) === 'stored' ? host : undefined;

    used.add(spare.key);
    this.#events.onNote(`${host.key.slice(0, 8)} is slow, trying ${spare.key.slice(0, 8)} beside it`);
    const cancelSpare = new AbortController();
    const second = this.#store(segment, shard, spare, AbortSignal.any([signal, cancelSpare.signal]));
    const first = await Promise.race([main.then((end) => ({ end, isMain: true })), second.then((end) => ({ end, isMain: false }))]);
    const isMainWinner = first.end === 'stored' ? first.isMain : !first.isMain && (await main) === 'stored';
    const isSpareWinner = !isMainWinner && (first.isMain ? (await second) === 'stored' : first.end === 'stored');
    (isMainWinner ? cancelSpare : cancelMain).abort();
    const loser = isMainWinner ? spare : host;
    if ((await (isMainWinner ? second : main)) === 'stored') await this.#release(segment, shard, loser, signal);
    used.delete(loser.key);
    if (!isMainWinner && !isSpareWinner) return undefined;
    return isMainWinner ? host : spare;
  }

  async #store(segment: number, shard: ShardToPlace, host: HostPeer, signal: AbortSignal): Promise<StoreEnd> {
    const client = await host.client(signal);
    if (!client.ok) return signal.aborted ? 'aborted' : 'failed';
    const order: StoreOrder = {
      ...this.#file,
      leaseId: host.leaseId,
      segment,
      index: shard.index,
      shardId: shard.shardId,
      length: shard.bytes.length,
    };
    const startedMs = this.#runtime.clock.monotonicMs();
    host.inFlight++;
    const stored = await client.value.store(order, shard.leafHashes, shard.bytes, { signal });
    host.inFlight--;
    if (stored.ok) {
      this.#meter.add(this.#runtime.clock.monotonicMs() - startedMs, shard.bytes.length);
      host.succeeded();
      this.#events.onStored(host, shard.bytes.length);
      return 'stored';
    }
    if (signal.aborted) return 'aborted';
    const isRefusal = REFUSALS.has(stored.reason);
    host.failed(isRefusal ? `refused (${stored.reason})` : `failed (${stored.reason})`, isRefusal);
    this.#runtime.log.info('bat.upload.store-failed', { host: host.key, segment, shard: toHex(shard.shardId), reason: stored.reason });
    return isRefusal ? 'refused' : 'failed';
  }

  async #release(segment: number, shard: ShardToPlace, host: HostPeer, signal: AbortSignal): Promise<void> {
    const client = await host.client(signal);
    if (client.ok) await client.value.release(this.#file.fileId, [[segment, shard.index]], { signal });
  }
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
