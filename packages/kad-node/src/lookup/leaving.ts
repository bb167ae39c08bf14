// driven: leaves the network in order: tells the neighbours, hands over what we keep, refreshes and withdraws what is ours (SH-04, SH-11).
import { compareBytes, type Runtime, toHex } from '@batchain/shared';
import pLimit from 'p-limit';
import type { KadConfig } from '../kad-config.ts';
import {
  LEAVE_BATCH,
  LEAVE_DEADLINE_MS,
  LEAVE_EMERGENCY_MS,
  LEAVE_HANDOVERS_IN_FLIGHT_MAX,
  LEAVE_RECEIVERS,
  LEAVE_TELLS_IN_FLIGHT_MAX,
  LEAVE_TOLD_MAX,
  LEAVE_TRIES,
  LEFT_LISTED_MAX,
} from '../limits.ts';
import { RECORD_KINDS, type RecordKind } from '../records/record-kind.ts';
import { passOn, type RecordStore, type StoredRecord } from '../records/record-store.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { TableContact } from '../routing/table-contact.ts';
import type { StoreRefusal } from '../wire/messages.ts';
import type { OwnContact } from './own-contact.ts';
import type { OwnPublishing, Published } from './own-publishing.ts';
import type { PeerTarget } from './peer-client.ts';
import { type Publisher, type PublishResult, type StoreAnswer, tally } from './publisher.ts';
import { addWork, type RecordSender } from './record-sender.ts';

export interface LeaveProgress {
  readonly phase: 'telling' | 'refreshing' | 'withdrawing' | 'handing-over';
  readonly movedRecords: number;
  readonly movedBytes: number;
  /** Of what was kept here when the handing over began. */
  readonly totalRecords: number;
  readonly totalBytes: number;
}

export interface LeaveOptions {
  /** Rejects with the signal's reason when it aborts; what was done stays done, and another call goes on. */
  readonly signal?: AbortSignal;
  /** Ends the handing over with what was moved by then; LEAVE_DEADLINE_MS by default. */
  readonly deadlineMs?: number;
  /** Only tells the neighbours, within LEAVE_EMERGENCY_MS: nothing is handed over. */
  readonly isEmergency?: boolean;
  readonly onProgress?: (progress: LeaveProgress) => void;
}

/** `nobody-left`: we are the last. `no-answer`: none of the nearest nodes answered. Otherwise what they said, or why there was no time. */
export type LeftReason = 'nobody-left' | 'no-answer' | 'deadline' | 'emergency' | 'rejoined' | StoreRefusal;

export interface LeftRecord {
  readonly kind: RecordKind;
  readonly key: Uint8Array;
  readonly bytes: number;
  readonly reason: LeftReason;
}

export interface LeaveResult {
  /** Everything was moved. */
  readonly isComplete: boolean;
  /** There was nobody to hand anything to: what is kept here ends with us. */
  readonly isAlone: boolean;
  /** Nodes that know now that we leave. */
  readonly toldNodes: number;
  readonly refreshedValues: number;
  readonly withdrawnFiles: number;
  /** By this call. */
  readonly movedRecords: number;
  readonly movedBytes: number;
  readonly leftRecords: number;
  /** The first LEFT_LISTED_MAX of them. */
  readonly left: readonly LeftRecord[];
}

/** One call of `leave` as it goes on. */
interface Run {
  readonly options: LeaveOptions;
  readonly stop: AbortController;
  toldNodes: number;
  refreshedValues: number;
  withdrawnFiles: number;
  movedRecords: number;
  movedBytes: number;
  totalRecords: number;
  totalBytes: number;
  /** Why records that were tried were not taken. */
  readonly refused: Map<StoredRecord, LeftReason>;
}

const DEADLINE = Symbol('deadline');
const REJOIN = Symbol('rejoin');
const isTaken = ({ storedOn, refusals }: Pick<PublishResult, 'storedOn' | 'refusals'>): boolean =>
  storedOn > 0 || refusals.includes('superseded');

export class Leaving {
  readonly #runtime: Runtime;
  readonly #table: RoutingTable;
  readonly #store: RecordStore;
  readonly #ownContact: OwnContact;
  readonly #sender: RecordSender;
  readonly #publisher: Publisher;
  readonly #publishing: OwnPublishing;
  readonly #brokers: () => readonly PeerTarget[];
  readonly #storersMax: number;
  #isAway = false;
  /** Our values were published once more since we went away. */
  #hasRefreshed = false;
  #running: { readonly run: Run; readonly result: Promise<LeaveResult> } | undefined;

  constructor(
    runtime: Runtime,
    collaborators: {
      readonly table: RoutingTable;
      readonly store: RecordStore;
      readonly ownContact: OwnContact;
      readonly sender: RecordSender;
      readonly publisher: Publisher;
      readonly publishing: OwnPublishing;
      /** Who keeps in touch with us besides the contacts of the table. */
      readonly brokers: () => readonly PeerTarget[];
    },
    { bucketSize }: Pick<KadConfig, 'bucketSize'>,
  ) {
    this.#runtime = runtime;
    this.#table = collaborators.table;
    this.#store = collaborators.store;
    this.#ownContact = collaborators.ownContact;
    this.#sender = collaborators.sender;
    this.#publisher = collaborators.publisher;
    this.#publishing = collaborators.publishing;
    this.#brokers = collaborators.brokers;
    this.#storersMax = bucketSize;
  }

  /** True from the first call of `leave` until `comeBack`: we are in nobody's table and keep nothing new. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Leaves, or goes on leaving: what an earlier call did not finish. While one is under way its result is given. */
  leave(options: LeaveOptions = {}): Promise<LeaveResult> {
    if (this.#running !== undefined) return this.#running.result;
    const counts = { toldNodes: 0, refreshedValues: 0, withdrawnFiles: 0, movedRecords: 0, movedBytes: 0, totalRecords: 0, totalBytes: 0 };
    const run: Run = { ...counts, options, stop: new AbortController(), refused: new Map() };
    const result = this.#leave(run).finally(() => {
      this.#running = undefined;
    });
    this.#running = { run, result };
    return result;
  }

  /** We are part of the network again (JN); true when we were away. A leaving under way ends first. */
  async comeBack(): Promise<boolean> {
    const running = this.#running;
    running?.run.stop.abort(REJOIN);
    await running?.result.catch(() => undefined);
    const wasAway = this.#isAway;
    this.#isAway = false;
    this.#hasRefreshed = false;
    this.#flag(false);
    return wasAway;
  }

  async #leave(run: Run): Promise<LeaveResult> {
    const { signal, deadlineMs = LEAVE_DEADLINE_MS, isEmergency = false } = run.options;
    signal?.throwIfAborted();
    this.#isAway = true;
    this.#flag(true);
    const onAbort = (): void => run.stop.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = this.#runtime.clock.setTimer(isEmergency ? LEAVE_EMERGENCY_MS : deadlineMs, () => run.stop.abort(DEADLINE));
    const isAlone = this.#table.size === 0;
    try {
      await this.#tell(run);
      if (!isEmergency && !isAlone) await this.#moveAll(run);
    } catch (error) {
      const { reason } = run.stop.signal;
      if (reason !== DEADLINE && reason !== REJOIN) throw error;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
    return { ...this.#countLeft(run, isAlone), isAlone, ...countsOf(run) };
  }

  #countLeft(run: Run, isAlone: boolean): Pick<LeaveResult, 'isComplete' | 'left' | 'leftRecords'> {
    const { signal } = run.stop;
    const cut: LeftReason = isAlone ? 'nobody-left' : signal.reason === REJOIN ? 'rejoined' : 'deadline';
    const untried = run.options.isEmergency === true ? 'emergency' : cut;
    const kept = this.#kept();
    const left = kept.slice(0, LEFT_LISTED_MAX).map((record): LeftRecord => {
      const { kind, key, bytes } = record;
      return { kind, key, bytes: bytes.length, reason: run.refused.get(record) ?? untried };
    });
    return { isComplete: kept.length === 0 && !signal.aborted, left, leftRecords: kept.length };
  }

  /** What is quick and others' comes first: when time runs out, what is missing is what its publishers store again anyway. */
  async #moveAll(run: Run): Promise<void> {
    const { signal } = run.stop;
    // Where we were is nothing to hand over: our new record is with the neighbours.
    for (const kept of this.#store.list('contact', this.#table.selfId)) this.#store.delete(kept);
    const records = this.#kept();
    run.totalRecords = records.length;
    run.totalBytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
    this.#report(run, 'handing-over');
    await this.#giveToNeighbours(
      run,
      records.filter(({ key }) => !this.#isFar(key)),
    );
    if (!this.#hasRefreshed) {
      this.#report(run, 'refreshing');
      run.refreshedValues = this.#dropPublished(await this.#publishing.refreshValues({ signal }));
      this.#hasRefreshed = true;
    }
    this.#report(run, 'withdrawing');
    run.withdrawnFiles = this.#dropPublished(await this.#publishing.withdrawAll({ signal }));
    await this.#lookUpAndGive(
      run,
      records.filter((record) => this.#store.holds(record) && this.#isFar(record.key)),
    );
    this.#report(run, 'handing-over');
  }

  /** Others are nearer to the key than we are: whom to give it has to be looked up. */
  #isFar(key: Uint8Array): boolean {
    return this.#table.nearerCount(key) >= this.#storersMax;
  }

  /** Our copies of what we have just published anew are of no use to anybody. */
  #dropPublished(published: readonly Published[]): number {
    const stored = published.filter(({ result }) => isTaken(result));
    for (const { record } of stored) {
      for (const kept of this.#store.list(record.kind, record.key))
        if (this.#isOurs(kept) || kept.kind === 'immutable') this.#store.delete(kept);
    }
    return stored.length;
  }

  async #giveToNeighbours(run: Run, records: readonly StoredRecord[]): Promise<void> {
    for (let at = 0; at < records.length; at += LEAVE_BATCH) {
      let open = records.slice(at, at + LEAVE_BATCH);
      for (let tries = 0; tries < LEAVE_TRIES && open.length > 0; tries++) {
        await this.#giveSome(run, open);
        run.stop.signal.throwIfAborted();
        open = open.filter((record) => this.#store.holds(record));
      }
      this.#report(run, 'handing-over');
    }
  }

  async #giveSome(run: Run, records: readonly StoredRecord[]): Promise<void> {
    const answers = new Map<StoredRecord, StoreAnswer[]>();
    const work = new Map<TableContact, StoredRecord[]>();
    for (const record of records) for (const contact of this.#receiversOf(record)) addWork(work, contact, record, records.length);
    await this.#sender.send(work, {
      signal: run.stop.signal,
      inFlightMax: LEAVE_HANDOVERS_IN_FLIGHT_MAX,
      onAnswer: (record, answer) => void answers.set(record, [...(answers.get(record) ?? []), answer]),
    });
    for (const record of records) this.#settle(run, record, tally(answers.get(record) ?? []));
  }

  /** Its publisher has it already, unless nobody else is there to keep it: then it is with him that it stays. */
  #receiversOf({ key, publisher }: StoredRecord): TableContact[] {
    const others = this.#table.closest(key, this.#storersMax, ({ nodeId }) => compareBytes(nodeId, publisher) !== 0);
    const nearest = others.length > 0 ? others : this.#table.closest(key, 1);
    return [...nearest.slice(0, LEAVE_RECEIVERS - 1), ...nearest.slice(LEAVE_RECEIVERS - 1).slice(-1)];
  }

  /** Kind after kind, in key order, so that neighbours share lookups. */
  async #lookUpAndGive(run: Run, records: readonly StoredRecord[]): Promise<void> {
    for (const kind of RECORD_KINDS) {
      const ofKind = records.filter((record) => record.kind === kind).sort((a, b) => compareBytes(a.key, b.key));
      for (let at = 0; at < ofKind.length; at += LEAVE_BATCH) {
        const batch = ofKind.slice(at, at + LEAVE_BATCH);
        const nowMs = this.#runtime.clock.monotonicMs();
        const items = batch.map((record) => ({ key: record.key, ...passOn(record, nowMs) }));
        const results = await this.#publisher.publish(kind, items, { isOurs: false, signal: run.stop.signal });
        batch.forEach((record, i) => void this.#settle(run, record, results[i] as PublishResult));
        this.#report(run, 'handing-over');
      }
    }
  }

  #settle(run: Run, record: StoredRecord, result: Pick<PublishResult, 'storedOn' | 'refusals'>): void {
    if (!isTaken(result)) {
      run.refused.set(record, result.refusals[0] ?? (this.#table.size === 0 ? 'nobody-left' : 'no-answer'));
      return;
    }
    run.refused.delete(record);
    run.movedRecords += 1;
    run.movedBytes += record.bytes.length;
    this.#store.delete(record);
  }

  /** Stores our contact record, which says that we leave, on all neighbours: whoever gets it takes us out of its table. */
  async #tell(run: Run): Promise<void> {
    this.#report(run, 'telling');
    const { nodeId } = this.#ownContact.record;
    const told = new Map<string, PeerTarget>();
    for (const peer of [...this.#brokers(), ...this.#table.closest(nodeId, LEAVE_TOLD_MAX)]) {
      if (peer.nodeId !== undefined) told.set(toHex(peer.nodeId), peer);
    }
    const record = this.#ownContact.passed();
    const limit = pLimit(LEAVE_TELLS_IN_FLIGHT_MAX);
    const tell = async (peer: PeerTarget): Promise<void> => {
      if (run.stop.signal.aborted) return;
      const [answer] = await this.#publisher.storeOn('contact', peer, [record]);
      if (answer !== undefined) run.toldNodes += 1;
    };
    const all = Promise.all([...told.values()].map((peer) => limit(() => tell(peer)))).then(() => undefined);
    await Promise.race([all, aborted(run.stop.signal)]);
  }

  /** Living records that are for others: not our own contact record. */
  #kept(): StoredRecord[] {
    const nowMs = this.#runtime.clock.monotonicMs();
    const isOver = (record: StoredRecord): boolean => record.receivedMs + record.keptMs <= nowMs;
    return [...this.#store.all()].filter((record) => !isOver(record) && !(record.kind === 'contact' && this.#isOurs(record)));
  }

  #isOurs({ publisher }: StoredRecord): boolean {
    return compareBytes(publisher, this.#table.selfId) === 0;
  }

  #flag(isLeaving: boolean): void {
    const { settings } = this.#ownContact;
    this.#ownContact.change({ ...settings, flags: { ...settings.flags, isLeaving } });
  }

  #report({ options, movedRecords, movedBytes, totalRecords, totalBytes }: Run, phase: LeaveProgress['phase']): void {
    options.onProgress?.({ phase, movedRecords, movedBytes, totalRecords, totalBytes });
  }
}

function countsOf({
  toldNodes,
  refreshedValues,
  withdrawnFiles,
  movedRecords,
  movedBytes,
}: Run): Omit<LeaveResult, 'isComplete' | 'isAlone' | 'left' | 'leftRecords'> {
  return { toldNodes, refreshedValues, withdrawnFiles, movedRecords, movedBytes };
}

/** Rejects when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
