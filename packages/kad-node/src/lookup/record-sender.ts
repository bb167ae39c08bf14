// driven: sends kept records to contacts of the table, several per STORE, at a pace that the caller sets.
import type { Runtime } from '@batchain/shared';
import pLimit from 'p-limit';
import { RECORD_KINDS, type RecordKind } from '../records/record-kind.ts';
import { passOn, type RecordStore, type StoredRecord } from '../records/record-store.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { TableContact } from '../routing/table-contact.ts';
import type { Publisher, StoreAnswer } from './publisher.ts';

/** Whom to send what. */
export type SendWork = ReadonlyMap<TableContact, readonly StoredRecord[]>;

export interface SendOptions {
  readonly signal: AbortSignal;
  /** Contacts that are sent to at the same time. */
  readonly inFlightMax: number;
  /** Waits until so many bytes may go to this contact; false: no more for it. At once and always by default. */
  readonly mayGo?: (contact: TableContact, bytes: number) => Promise<boolean>;
  readonly onAnswer: (record: StoredRecord, answer: StoreAnswer) => void;
}

/** Records of one kind that go to one node between two looks at the pace: a few datagrams. */
const BATCH = 24;

export class RecordSender {
  readonly #runtime: Runtime;
  readonly #table: RoutingTable;
  readonly #store: RecordStore;
  readonly #publisher: Publisher;

  constructor(
    runtime: Runtime,
    collaborators: { readonly table: RoutingTable; readonly store: RecordStore; readonly publisher: Publisher },
  ) {
    this.#runtime = runtime;
    this.#table = collaborators.table;
    this.#store = collaborators.store;
    this.#publisher = collaborators.publisher;
  }

  /** Ends when everybody was sent everything, or does not answer, or is no contact any more, or the signal aborts. */
  async send(work: SendWork, options: SendOptions): Promise<void> {
    const limit = pLimit(options.inFlightMax);
    await Promise.all([...work].map(([contact, records]) => limit(() => this.#sendTo(contact, records, options))));
  }

  async #sendTo(contact: TableContact, records: readonly StoredRecord[], options: SendOptions): Promise<void> {
    for (const kind of RECORD_KINDS) {
      const ofKind = records.filter((record) => record.kind === kind);
      for (let at = 0; at < ofKind.length; at += BATCH) {
        const batch = ofKind.slice(at, at + BATCH).filter((record) => this.#store.holds(record));
        const holders = kind === 'provider' ? this.#holdersOf(batch) : [];
        const bytes = [...batch, ...holders].reduce((sum, record) => sum + record.bytes.length, 0);
        if (options.mayGo !== undefined && !(await options.mayGo(contact, bytes))) return;
        if (options.signal.aborted || this.#table.get(contact.nodeId) === undefined) return;
        if (holders.length > 0) await this.#ask('contact', contact, holders);
        const answers = await this.#ask(kind, contact, batch);
        batch.forEach((record, i) => void options.onAnswer(record, answers[i]));
        if (batch.length > 0 && answers.at(-1) === undefined) return;
      }
    }
  }

  /** Whoever is named as a host is named with where it is. */
  #holdersOf(providers: readonly StoredRecord[]): StoredRecord[] {
    const nowMs = this.#runtime.clock.monotonicMs();
    return providers.flatMap(({ isWithdrawal, publisher }) => (isWithdrawal ? [] : this.#store.get('contact', publisher, nowMs)));
  }

  #ask(kind: RecordKind, contact: TableContact, records: readonly StoredRecord[]): Promise<StoreAnswer[]> {
    const nowMs = this.#runtime.clock.monotonicMs();
    return this.#publisher.storeOn(
      kind,
      contact,
      records.map((record) => passOn(record, nowMs)),
    );
  }
}

/** Adds a record to what goes to a contact, up to `max`. */
export function addWork(work: Map<TableContact, StoredRecord[]>, contact: TableContact, record: StoredRecord, max: number): void {
  const records = work.get(contact);
  if (records === undefined) work.set(contact, [record]);
  else if (records.length < max) records.push(record);
}
