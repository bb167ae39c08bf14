// driven: reads every hosted byte again at a bounded rate and finds what the disk let rot (T1, T16).
import { equalBytes, type Runtime, toHex } from '@batchain/shared';
import type { ShardId } from '../ids.ts';
import { UNREADABLE_SHARDS_MAX } from '../limits.ts';
import type { DigestFailure, ShardFiles } from './shard-files.ts';
import type { ShardEntry, StoreIndex } from './store-index.ts';

export interface ScrubOptions {
  readonly signal: AbortSignal;
  readonly bytesPerSecond: number;
}

export interface ScrubResult {
  /** Shards that were read, or found missing; one that could not be read counts with a later pass. */
  readonly checked: number;
  /** Of those: damaged or missing, new ones and old ones. */
  readonly damaged: number;
}

/** What a scrub reads. */
export interface Scrubbed {
  readonly index: StoreIndex;
  readonly shards: ShardFiles;
  isDamaged(shardId: ShardId): boolean;
}

/** What a scrub does with what it finds. */
export interface ScrubFindings {
  /** Shards (hex) in which an earlier pass met an error of the disk; a pass adds its own and takes out what it could read. */
  readonly unreadable: Set<string>;
  /** Wrong or too few bytes, or an error of the disk in two passes. */
  onDamaged(shardId: ShardId): Promise<void>;
  /** It was damaged, and its bytes are right again. */
  onMended(shardId: ShardId): Promise<void>;
  /** The file is gone. */
  onMissing(shardId: ShardId): Promise<void>;
  /** The bytes are right; the index lost or garbled their leaf hashes. */
  onLeavesLost(shardId: ShardId, leafHashes: readonly Uint8Array[]): Promise<void>;
  /** The next pass should begin behind this id. */
  onPage(cursor: Uint8Array): Promise<void>;
}

/** Ids looked up at a time; a long walk over the table would keep its old rows alive. */
const PAGE_MAX = 64;

/** Waits are gathered until they are worth a timer. */
const PACE_STEP_MS = 10;

class Interrupted extends Error {}

/** Waits so that the bytes of the run stay under the rate. Rejects when the signal aborts. */
function makePace(runtime: Runtime, { signal, bytesPerSecond }: ScrubOptions): (bytes: number) => Promise<void> {
  const beganAtMs = runtime.clock.monotonicMs();
  let doneBytes = 0;
  return async (bytes) => {
    const dueAtMs = beganAtMs + (doneBytes * 1000) / bytesPerSecond;
    const waitMs = dueAtMs - runtime.clock.monotonicMs();
    doneBytes += bytes;
    if (signal.aborted) throw new Interrupted();
    if (waitMs >= PACE_STEP_MS) await runtime.clock.sleep(waitMs, signal);
  };
}

/**
 * One pass over all shards, damaged ones too, from where the last one was interrupted. What seems damaged is read a second
 * time first: it may have been replaced meanwhile. A read that fails (no file descriptor left, no right, a cable) tells
 * nothing of the bytes and leaves the shard as it is. Resolves with the counts so far when the signal aborts.
 */
export async function scrubShards(runtime: Runtime, parts: Scrubbed, findings: ScrubFindings, options: ScrubOptions): Promise<ScrubResult> {
  const { index, shards } = parts;
  const pace = makePace(runtime, options);
  let checked = 0;
  let damaged = 0;

  const judge = async (shardId: ShardId, length: number): Promise<'sound' | DigestFailure> => {
    const digest = await shards.digest(toHex(shardId), length, pace);
    if (!digest.ok) return digest.reason;
    if (!equalBytes(digest.value.id, shardId)) return 'damaged';
    const leafHashes = index.leafHashes(shardId);
    const isSame = leafHashes?.every((hash, leaf) => equalBytes(hash, digest.value.leafHashes[leaf] ?? hash.subarray(0, 0)));
    if (isSame !== true) await findings.onLeavesLost(shardId, digest.value.leafHashes);
    return 'sound';
  };

  const check = async ([shardId, { length }]: ShardEntry): Promise<void> => {
    const shard = toHex(shardId);
    let state = await judge(shardId, length);
    if (state !== 'sound' && !options.signal.aborted) state = await judge(shardId, length);
    if (options.signal.aborted || state === 'io-error') return;
    if (state === 'medium-error') {
      const isKnown = findings.unreadable.has(shard);
      if (!isKnown && findings.unreadable.size < UNREADABLE_SHARDS_MAX) findings.unreadable.add(shard);
      if (!isKnown) return;
    } else findings.unreadable.delete(shard);
    checked++;
    if (index.shard(shardId) === undefined) return;
    const wasDamaged = parts.isDamaged(shardId);
    if (state === 'sound') {
      if (wasDamaged) await findings.onMended(shardId);
      return;
    }
    damaged++;
    if (state === 'not-held') await findings.onMissing(shardId);
    else if (!wasDamaged) await findings.onDamaged(shardId);
  };

  let cursor = index.scrubCursor();
  while (!options.signal.aborted) {
    const page = await index.shardsAfter(cursor, PAGE_MAX);
    if (page.length === 0) cursor = new Uint8Array(0);
    for (const entry of page) {
      await check(entry);
      if (options.signal.aborted) break;
      cursor = entry[0];
    }
    await findings.onPage(cursor);
    if (page.length === 0) break;
  }
  return { checked, damaged };
}
