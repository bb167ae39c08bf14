// driven: leaves the network: first the shards go, then the records, then the neighbours forget us; and comes back (BD-17, SH-04, SH-11).
import type { BatNodeApi, LeaveResult as ShardsResult } from '@batchain/bat-node';
import type { KadNode, LeaveResult as RecordsResult } from '@batchain/kad-node';
import { BatChainError, type Runtime, toBatChainError, toHex } from '@batchain/shared';
import type { LeaveOptions, LeaveResult, LeftBehind, MembershipApi, MembershipState, MembershipView } from '../api/membership-api.ts';
import { LEAVE_RECORDS_SHARE, LEAVE_WITHIN_MS } from '../limits.ts';

export interface MembershipParts {
  readonly kad: Pick<KadNode, 'leave' | 'rejoin' | 'routes' | 'stats' | 'events'>;
  readonly files: Pick<BatNodeApi, 'leave' | 'endLeave' | 'rejoin' | 'isLeaving' | 'usage'>;
  /** Tells the network what our contact record says now. */
  readonly publishContact: () => Promise<void>;
}

const NOTHING: ShardsResult = { movedShards: 0, movedBytes: 0, left: [], leftCount: 0 };

export class Membership implements MembershipApi {
  readonly #runtime: Runtime;
  readonly #parts: MembershipParts;
  #hasLeft = false;
  #running: Promise<LeaveResult> | undefined;

  constructor(runtime: Runtime, parts: MembershipParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /** Goes on with a leave that the end of the process cut off, once somebody is there. */
  resume(signal: AbortSignal): void {
    if (!this.#parts.files.isLeaving) return;
    const { log } = this.#runtime;
    log.info('leave.resumed', {});
    const goOn = (): void => {
      this.leave({ signal }).then(
        (result) => log.info('leave.done', { ...result.moved, left: result.leftCount }),
        (error: unknown) => log.warn('leave.failed', { error: String(error) }),
      );
    };
    if (this.#isAlone) this.#parts.kad.events.once('joined', goOn);
    else goOn();
  }

  get state(): MembershipState {
    if (this.#hasLeft) return 'left';
    return this.#running !== undefined || this.#parts.files.isLeaving ? 'leaving' : 'member';
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
    this.#running ??= this.#leave(options).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async rejoin(): Promise<boolean> {
    const wasAway = this.state !== 'member';
    await this.#parts.files.rejoin();
    await this.#parts.kad.rejoin();
    await this.#running?.catch(() => undefined);
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
