// driven: a host leaves: every shard that it keeps for others goes to other hosts, worst files first; what nobody takes is listed (SH-04, SH-11).
import { ok, type Result, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import {
  LEAVE_DEADLINE_MS,
  LEAVE_LEFT_MAX,
  LEAVE_LOOKUPS_MAX,
  LEAVE_ORDER_MS_MAX,
  LEAVE_ORDER_SHARE,
  LEAVE_TRANSFERS_MAX,
  LEAVE_TRIES_MAX,
  PLACES_PER_TURN,
} from '../limits.ts';
import { makeRosterId, type SignedRoster } from '../manifest/manifest.ts';
import { decodeRoster } from '../manifest/roster-codec.ts';
import type { HostedShard } from '../ports.ts';
import type { LeaveOptions, LeaveResult, LeftShard } from './flow-types.ts';
import type { HostPeer, PeerTools } from './host-peer.ts';
import { leftReason, orderFiles, scopeOf } from './leave-order.ts';
import { MovedRecords, type MovedRecordsParts } from './moved-records.ts';
import { Receivers } from './receivers.ts';
import { isOwnFault, ShardHandover } from './shard-handover.ts';
import { createAbort, joinSignals } from './signals.ts';

/** Before a host whose connection broke, or that was busy, is asked for the same shard again. */
const RETRY_PAUSE_MS = 700;
/** Stores that were under way when the leave began may bring files after the first pass. */
const PASSES_MAX = 3;

export interface LeaveParts extends MovedRecordsParts {
  readonly tools: PeerTools;
  readonly self: Uint8Array;
}

/** One file on its way: whom to ask, and the roster that vouches for it. */
interface Handing {
  readonly signed: SignedRoster;
  readonly peers: HostPeer[];
  /** Hosts that were written down as getting shards of it: after a crash they are asked first. */
  readonly planned: Set<string>;
  /** Hosts that take nothing of it. */
  readonly refused: Map<string, string>;
}

type Work = { readonly shard: HostedShard } & (
  | { readonly handing: Handing }
  /** Why none of the file can be handed over. */
  | { readonly reason: string }
);

export class Leave {
  readonly #parts: LeaveParts;
  readonly #options: LeaveOptions;
  readonly #receivers: Receivers;
  readonly #late = createAbort();
  readonly #signal: AbortSignal;
  readonly #left: LeftShard[] = [];
  readonly #records: MovedRecords;
  #leftCount = 0;
  #movedShards = 0;
  #movedBytes = 0;
  readonly #totalShards: number;

  constructor(parts: LeaveParts, options: LeaveOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#signal = joinSignals(options.signal, this.#late.signal);
    this.#receivers = new Receivers(parts.runtime, parts.locator, parts.tools, parts.self);
    this.#records = new MovedRecords(parts, this.#signal);
    this.#totalShards = parts.store.usage().shardCount;
  }

  /** Resolves in time, whatever is left. Rejects when the caller's signal aborts; what was moved is moved. */
  async run(): Promise<LeaveResult> {
    const { clock } = this.#parts.runtime;
    const deadlineMs = this.#options.deadlineMs ?? LEAVE_DEADLINE_MS;
    const timer = clock.setTimer(deadlineMs, () => this.#late.abort(new DOMException('the time to leave is over', 'TimeoutError')));
    try {
      const seen = new Set<string>();
      for (let pass = 0; pass < PASSES_MAX; pass++) {
        const files = await this.#order(seen, Math.min(LEAVE_ORDER_MS_MAX, deadlineMs * LEAVE_ORDER_SHARE));
        if (files.length === 0) break;
        for (const fileId of files) seen.add(toHex(fileId));
        const queue = this.#work(files);
        await Promise.all(Array.from({ length: LEAVE_TRANSFERS_MAX }, () => this.#carry(queue)));
      }
      await this.#records.settled();
    } finally {
      timer.cancel();
    }
    this.#options.signal?.throwIfAborted();
    const result = { movedShards: this.#movedShards, movedBytes: this.#movedBytes, left: this.#left, leftCount: this.#countLeft() };
    this.#parts.runtime.log.info('bat.leave.done', {
      movedShards: result.movedShards,
      movedBytes: result.movedBytes,
      left: result.leftCount,
    });
    return result;
  }

  /** Those with the fewest other holders first, as far as that can be found out in the time. */
  async #order(seen: ReadonlySet<string>, budgetMs: number): Promise<FileId[]> {
    const { runtime, store } = this.#parts;
    const endMs = runtime.clock.monotonicMs() + budgetMs;
    const ranked = [...store.files()]
      .filter(({ fileId }) => !seen.has(toHex(fileId)))
      .map(({ fileId }): { readonly fileId: FileId; spare: number | undefined } => ({
        fileId,
        spare: undefined,
      }));
    const queue = [...ranked];
    const rankNext = async (): Promise<void> => {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        if (this.#signal.aborted || runtime.clock.monotonicMs() >= endMs) return;
        file.spare = await this.#spareOf(file.fileId);
      }
    };
    await Promise.all(Array.from({ length: LEAVE_LOOKUPS_MAX }, rankNext));
    return orderFiles(ranked);
  }

  /** Other hosts that announce the file, beyond those that it can not do without. */
  async #spareOf(fileId: FileId): Promise<number | undefined> {
    const kept = await this.#parts.store.roster(fileId);
    const roster = kept.ok ? decodeRoster(kept.value.roster) : undefined;
    if (roster?.ok !== true) return undefined;
    const holders = await this.#receivers.countHolders(fileId, this.#signal);
    return holders === undefined ? undefined : holders - roster.value.scheme.requiredShards;
  }

  /** Shard by shard, those of a file together; a file is looked up when its turn comes. */
  async *#work(files: readonly FileId[]): AsyncGenerator<Work> {
    const { store, runtime } = this.#parts;
    for (const fileId of files) {
      if (this.#isListFull && this.#signal.aborted) return;
      const prepared = this.#signal.aborted ? { reason: this.#endReason } : await this.#prepare(fileId);
      for (let after: HostedShard | undefined; ; ) {
        const page = store.shards(fileId, after === undefined ? { max: PLACES_PER_TURN } : { after, max: PLACES_PER_TURN });
        for (const shard of page) yield { shard, ...prepared };
        after = page.at(-1);
        if (after === undefined || page.length < PLACES_PER_TURN) break;
        await runtime.clock.sleep(0);
      }
    }
  }

  async #prepare(fileId: FileId): Promise<{ readonly handing: Handing } | { readonly reason: string }> {
    const { store } = this.#parts;
    // Nobody but the owner can vouch for what was not committed, and he has no manifest of it.
    if (store.file(fileId)?.isCommitted !== true) return { reason: 'not-committed' };
    const kept = await store.roster(fileId);
    if (!kept.ok) return { reason: 'no-roster' };
    const roster = decodeRoster(kept.value.roster);
    if (!roster.ok) return { reason: 'no-roster' };
    const { roster: rosterBytes, signature } = kept.value;
    const signed = { roster: roster.value, rosterBytes, rosterId: makeRosterId(rosterBytes), signature };
    const peers = await this.#receivers.find(roster.value, store.moved(fileId), this.#signal);
    return { handing: { signed, peers, planned: new Set(), refused: new Map() } };
  }

  /** One of several that take the next shard each. */
  async #carry(queue: AsyncGenerator<Work>): Promise<void> {
    for (let next = await queue.next(); next.done !== true; next = await queue.next()) {
      const { shard, ...prepared } = next.value;
      const reason = 'reason' in prepared ? prepared.reason : await this.#move(shard, prepared.handing);
      if (reason === undefined) {
        this.#movedShards++;
        this.#movedBytes += shard.length;
      } else if (reason !== 'released') this.#leave(shard, reason);
      this.#tell();
      if (this.#parts.store.file(shard.fileId) === undefined) this.#records.add(shard.fileId);
    }
  }

  /** Undefined when somebody has the shard now; else why nobody does. */
  async #move(shard: HostedShard, handing: Handing): Promise<string | undefined> {
    if (shard.isDamaged) return 'own-damaged';
    const reasons: string[] = [];
    let tries = 0;
    for (const peer of [...handing.peers]) {
      if (this.#signal.aborted) return this.#endReason;
      const refused =
        handing.refused.get(peer.key) ?? (this.#receivers.mayTake(peer, shard.length) ? undefined : peer.lastFailure || 'no-room');
      if (refused !== undefined) {
        reasons.push(refused);
        continue;
      }
      if (++tries > LEAVE_TRIES_MAX) break;
      const moved = await this.#handTo(peer, shard, handing);
      if (this.#signal.aborted && !moved.ok) return this.#endReason;
      if (moved.ok) {
        // The same host is asked first for the rest of the file.
        if (handing.peers[0] !== peer) handing.peers.splice(0, 0, ...handing.peers.splice(handing.peers.indexOf(peer), 1));
        return undefined;
      }
      if (isOwnFault(moved.reason)) return moved.reason;
      this.#parts.runtime.log.info('bat.leave.refused', {
        host: peer.key,
        shard: shard.shardId,
        reason: moved.reason,
        detail: moved.detail,
      });
      reasons.push(moved.reason);
    }
    return leftReason(reasons);
  }

  async #handTo(peer: HostPeer, shard: HostedShard, handing: Handing): Promise<Result<void>> {
    const { runtime, store } = this.#parts;
    const onAccepted = async (): Promise<Result<void>> => {
      if (handing.planned.has(peer.key)) return ok(undefined);
      const planned = await store.planMove(shard.fileId, peer.nodeId);
      if (planned.ok) handing.planned.add(peer.key);
      return planned;
    };
    const hand = () => new ShardHandover({ runtime, store }, { peer, signed: handing.signed, shard, onAccepted }, this.#signal).run();
    let moved = await hand();
    if (!moved.ok && !isOwnFault(moved.reason) && scopeOf(moved.reason) === 'passing' && peer.isReached && !this.#signal.aborted) {
      // What arrived is there still: it goes on where it broke off.
      await runtime.clock.sleep(RETRY_PAUSE_MS, this.#signal).catch(() => undefined);
      if (!this.#signal.aborted) moved = await hand();
    }
    if (moved.ok) peer.succeeded();
    else if (!isOwnFault(moved.reason) && !this.#signal.aborted) {
      this.#receivers.note(peer, moved.reason, shard.length);
      if (scopeOf(moved.reason) === 'file') handing.refused.set(peer.key, moved.reason);
    }
    return moved;
  }

  get #isListFull(): boolean {
    return this.#left.length >= LEAVE_LEFT_MAX;
  }

  /** When the time was over and the list full, nobody went through the rest: it is what is here. */
  #countLeft(): number {
    return this.#isListFull && this.#signal.aborted ? this.#parts.store.usage().shardCount : this.#leftCount;
  }

  get #endReason(): string {
    return this.#options.signal?.aborted === true ? 'cancelled' : 'deadline';
  }

  #leave({ fileId, segment, index }: HostedShard, reason: string): void {
    this.#leftCount++;
    if (!this.#isListFull) this.#left.push({ fileId, segment, index, reason });
  }

  #tell(): void {
    const { onProgress } = this.#options;
    const facts = { movedShards: this.#movedShards, movedBytes: this.#movedBytes };
    onProgress?.({ ...facts, leftShards: this.#leftCount, totalShards: this.#totalShards });
  }
}
