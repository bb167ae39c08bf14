// driven: leaves the network: first the shards go, then the records, then the neighbours forget us; and comes back (BD-17, SH-04, SH-11).
import type { BatNodeApi, LeaveResult as ShardsResult } from '@batchain/bat-node';
import type { KadNode, LeaveResult as RecordsResult } from '@batchain/kad-node';
import { BatChainError, type Runtime, toBatChainError, toHex } from '@batchain/shared';
import type { LeaveOptions, LeaveResult, LeftBehind, MembershipApi, MembershipState, MembershipView } from '../api/membership-api.ts';
import { LEAVE_RECORDS_SHARE, LEAVE_RESUME_PAUSE_MS, LEAVE_RESUMES_MAX, LEAVE_WITHIN_MS } from '../limits.ts';

export interface MembershipParts {
  readonly kad: Pick<KadNode, 'leave' | 'rejoin' | 'routes' | 'stats'>;
  readonly files: Pick<BatNodeApi, 'leave' | 'endLeave' | 'rejoin' | 'isLeaving' | 'usage'>;
  /** Tells the network what our contact record says now. */
  readonly publishContact: () => Promise<void>;
}

const NOTHING: ShardsResult = { movedShards: 0, movedBytes: 0, left: [], leftCount: 0 };
/** Why a leave ends early: another call wants it over sooner, and goes on. */
const SOONER = Symbol('sooner');

interface Run {
  /** Monotonic. */
  readonly endsMs: number;
  /** Nothing is written down: after a crash it is over. */
  readonly isEmergency: boolean;
  readonly cut: AbortController;
  /** Settles when this call has stopped. */
  readonly work: Promise<LeaveResult>;
  /** The same, or the result of the call that took over. */
  readonly result: Promise<LeaveResult>;
}

export class Membership implements MembershipApi {
  readonly #runtime: Runtime;
  readonly #parts: MembershipParts;
  #hasLeft = false;
  #running: Run | undefined;
  #comingBack: Promise<boolean> | undefined;
  #comebacks = 0;

  constructor(runtime: Runtime, parts: MembershipParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /** Goes on with a leave that the end of the process cut off, once somebody is there. */
  resume(signal: AbortSignal): void {
    if (!this.#parts.files.isLeaving) return;
    const { log } = this.#runtime;
    log.info('leave.resumed', {});
    this.#resume(signal).catch((error: unknown) => {
      if (!signal.aborted) log.warn('leave.failed', { error: String(error) });
    });
  }

  /** A node that has just started knows few others: what nobody took is offered again. */
  async #resume(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#runtime;
    for (let i = 0; i < LEAVE_RESUMES_MAX; i++) {
      while (this.#isAlone) await clock.sleep(LEAVE_RESUME_PAUSE_MS, signal);
      // Taken back meanwhile: joining again is what ends the waiting.
      if (i === 0 && !this.#parts.files.isLeaving) return;
      const { moved, leftCount } = await this.leave({ signal });
      log.info('leave.done', { ...moved, left: leftCount });
      if (leftCount === 0) return;
      await clock.sleep(LEAVE_RESUME_PAUSE_MS, signal);
      // Who came back meanwhile stays.
      if (!this.#hasLeft) return;
    }
  }

  get state(): MembershipState {
    if (this.#hasLeft) return 'left';
    // Not before it is written down: what is said to be leaving goes on after a crash.
    return this.#running?.isEmergency === true || this.#parts.files.isLeaving ? 'leaving' : 'member';
  }

  /** A node that is offline holds it against no contact that it is silent: then none of them answers. */
  get #isAlone(): boolean {
    const { kad } = this.#parts;
    return kad.stats().isOffline || kad.routes().buckets.every(({ contacts }) => contacts.every(({ failures }) => failures > 0));
  }

  view(): MembershipView {
    const { shardCount, usedBytes } = this.#parts.files.usage();
    const { storedRecords, storedBytes } = this.#parts.kad.stats();
    return { state: this.state, isAlone: this.#isAlone, shards: shardCount, records: storedRecords, bytes: usedBytes + storedBytes };
  }

  leave(options: LeaveOptions = {}): Promise<LeaveResult> {
    const after = this.#comingBack?.catch(() => undefined);
    if (after !== undefined) return after.then(() => this.leave(options));
    const { withinMs = LEAVE_WITHIN_MS, isEmergency = false } = options;
    const endsMs = this.#runtime.clock.monotonicMs() + (isEmergency ? 0 : withinMs);
    const before = this.#running;
    const isHurried = isEmergency || options.withinMs !== undefined;
    if (before !== undefined && (!isHurried || before.endsMs <= endsMs)) return before.result;
    const cut = new AbortController();
    const work = this.#follow(before, options, cut.signal);
    const result = work.catch((error: unknown) => {
      if (cut.signal.reason !== SOONER || this.#running === undefined) throw error;
      return this.#running.result;
    });
    const run = { endsMs, isEmergency, cut, work, result };
    this.#running = run;
    const clear = (): void => {
      if (this.#running === run) this.#running = undefined;
    };
    work.then(clear, clear);
    return result;
  }

  /** Goes on where a call that takes longer is cut off. */
  async #follow(before: Run | undefined, options: LeaveOptions, cut: AbortSignal): Promise<LeaveResult> {
    if (before !== undefined) {
      const comebacks = this.#comebacks;
      before.cut.abort(SOONER);
      await before.work.catch(() => undefined);
      if (comebacks !== this.#comebacks) throw toBatChainError(new DOMException('the leave was taken back', 'AbortError'));
    }
    return this.#leave({ ...options, signal: options.signal === undefined ? cut : AbortSignal.any([options.signal, cut]) });
  }

  rejoin(): Promise<boolean> {
    this.#comingBack ??= this.#comeBack().finally(() => {
      this.#comingBack = undefined;
    });
    return this.#comingBack;
  }

  async #comeBack(): Promise<boolean> {
    this.#comebacks++;
    const wasAway = this.state !== 'member' || this.#running !== undefined;
    await this.#parts.files.rejoin();
    await this.#parts.kad.rejoin();
    await this.#running?.work.catch(() => undefined);
    this.#hasLeft = false;
    await this.#parts.publishContact();
    return wasAway;
  }

  async #leave(options: LeaveOptions): Promise<LeaveResult> {
    const { kad, files } = this.#parts;
    const { clock } = this.#runtime;
    const startedMs = clock.monotonicMs();
    const { withinMs = LEAVE_WITHIN_MS, isEmergency = false, signal } = options;
    this.#checkLast(options);
    const given = signal === undefined ? {} : { signal };
    const report = (phase: 'shards' | 'records', doneBytes: number, totalBytes: number): void =>
      options.onProgress?.({ phase, doneBytes, totalBytes });
    const heldBytes = files.usage().usedBytes;
    try {
      const shards = isEmergency
        ? NOTHING
        : await files.leave({
            ...given,
            deadlineMs: withinMs * (1 - LEAVE_RECORDS_SHARE),
            onProgress: ({ movedBytes }) => report('shards', Math.min(movedBytes, heldBytes), heldBytes),
          });
      const restMs = Math.max(1, withinMs - (clock.monotonicMs() - startedMs));
      const records = await kad.leave({
        ...given,
        deadlineMs: restMs,
        isEmergency,
        onProgress: ({ movedBytes, totalBytes }) => report('records', movedBytes, totalBytes),
      });
      // Done as far as it goes: the next start is a member's again.
      this.#hasLeft = true;
      await files.endLeave();
      return { ...summed(shards, records), durationMs: Math.round(clock.monotonicMs() - startedMs) };
    } catch (error) {
      signal?.throwIfAborted();
      throw toBatChainError(error);
    }
  }

  #checkLast({ isLastAccepted = false }: LeaveOptions): void {
    const { isAlone, shards, records } = this.view();
    if (!isAlone || isLastAccepted || shards + records === 0) return;
    throw new BatChainError('BAT_E_LAST_MEMBER', {
      what: 'nobody else of the network is there',
      why: `${shards} shards and ${records} records are kept here and nowhere else: they end with this node`,
    });
  }
}

function summed(shards: ShardsResult, records: RecordsResult): Omit<LeaveResult, 'durationMs'> {
  const left: LeftBehind[] = [
    ...shards.left.map(({ fileId, segment, index, reason }) => ({
      kind: 'shard' as const,
      id: toHex(fileId),
      what: `${segment}/${index}`,
      reason,
    })),
    ...records.left.map(({ key, kind, reason }) => ({ kind: 'record' as const, id: toHex(key), what: kind, reason })),
  ];
  return {
    moved: { shards: shards.movedShards, records: records.movedRecords, bytes: shards.movedBytes + records.movedBytes },
    left,
    leftCount: shards.leftCount + records.leftRecords,
    told: records.toldNodes,
  };
}
