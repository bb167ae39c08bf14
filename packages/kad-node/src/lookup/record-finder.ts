// driven: finds records: hosts, providers of a file, contact records, values; from our own store and the network, newest first.
import {
  type ContactRecord,
  equalBytes,
  type NodeId,
  openContactRecord,
  present,
  type Runtime,
  toHex,
  utf8Bytes,
  type Verifier,
} from '@batchain/shared';
import pLimit from 'p-limit';
import { LOOKUP_RECORDS_MAX } from '../limits.ts';
import { mutableKey, openMutableValue } from '../records/mutable-value.ts';
import type { OwnRecords } from '../records/own-records.ts';
import { type CollectedRecord, oldestSequence, RecordCollector } from '../records/record-collector.ts';
import { RECORD_KINDS, type RecordKind } from '../records/record-kind.ts';
import { passOn, type RecordStore } from '../records/record-store.ts';
import { compareDistance } from '../routing/distance.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { ProvedPeer } from '../rpc/kad-rpc.ts';
import type { LookupOptions } from './lookup-types.ts';
import type { Lookups } from './lookups.ts';
import { NewestVersions } from './newest-versions.ts';
import type { OwnContact } from './own-contact.ts';
import type { PeerClient } from './peer-client.ts';

export interface FindProvidersOptions extends LookupOptions {
  /** Looks for the contact records of hosts that came without one; true by default. */
  readonly resolvesContacts?: boolean;
}

export interface FoundProviders {
  /** Hosts whose announcement is in force, those with the owner's grant first; the own node left out. */
  readonly hostIds: readonly NodeId[];
  /** Their contact records where known. */
  readonly records: readonly ContactRecord[];
}

export interface GetContactOptions extends LookupOptions {
  /** Asks the network even when a record is at hand: for when its addresses turned out to be old. */
  readonly isFresh?: boolean;
}

export interface FoundMutable {
  readonly value: Uint8Array;
  readonly sequence: number;
}

const CONTACT_LOOKUPS_IN_FLIGHT_MAX = 4;
/** For records whose signature was checked when they came in. */
const TRUSTING: Verifier = { verify: () => true };

function openChecked(bytes: Uint8Array): ContactRecord {
  const opened = openContactRecord(TRUSTING, bytes);
  return present(opened.ok ? opened.value : undefined, 'a checked contact record opens');
}

export class RecordFinder {
  readonly #runtime: Runtime;
  readonly #client: PeerClient;
  readonly #lookups: Lookups;
  readonly #table: RoutingTable;
  readonly #store: RecordStore;
  readonly #own: OwnRecords;
  readonly #ownContact: OwnContact;
  readonly #verifier: Verifier;
  readonly #newestVersions = new NewestVersions();

  constructor(
    runtime: Runtime,
    collaborators: {
      readonly client: PeerClient;
      readonly lookups: Lookups;
      readonly table: RoutingTable;
      readonly store: RecordStore;
      readonly own: OwnRecords;
      readonly ownContact: OwnContact;
      readonly verifier: Verifier;
    },
  ) {
    this.#runtime = runtime;
    this.#client = collaborators.client;
    this.#lookups = collaborators.lookups;
    this.#table = collaborators.table;
    this.#store = collaborators.store;
    this.#own = collaborators.own;
    this.#ownContact = collaborators.ownContact;
    this.#verifier = collaborators.verifier;
  }

  /**
   * Contact records that carry `stores`, clients' too, at most `count`: of nodes that answered this lookup first, for keys cost
   * nothing and answers do (T5); then of the others; of both the nearest to the key first.
   */
  async findHosts(key: Uint8Array, count: number, options: LookupOptions = {}): Promise<ContactRecord[]> {
    const found = await this.#lookups.findHosts(key, count, options);
    const hosts = this.#merged('contact', undefined, found.holders);
    hosts.take(this.#store.nearestHosts(key, count, this.#nowMs()).map((record) => passOn(record, this.#nowMs())));
    const answered = new Set(found.contacts.map(({ nodeId }) => toHex(nodeId)));
    const rank = (record: CollectedRecord): number => (answered.has(toHex(record.key)) ? 0 : 1);
    return hosts
      .living()
      .filter((record) => record.isHost && !equalBytes(record.key, this.#table.selfId))
      .sort((a, b) => rank(a) - rank(b) || compareDistance(key, a.key, b.key))
      .slice(0, count)
      .map((record) => openChecked(record.bytes));
  }

  /** Who announced to keep shards of the file. */
  async findProviders(fileId: Uint8Array, options: FindProvidersOptions = {}): Promise<FoundProviders> {
    const found = await this.#lookups.findValue('provider', fileId, options);
    const providers = this.#merged('provider', fileId, found.records);
    const hosts = providers.living().filter((record) => !equalBytes(record.publisher, this.#table.selfId));
    const hostIds = hosts.sort((a, b) => Number(b.hasGrant) - Number(a.hasGrant)).map((record) => record.publisher as NodeId);
    const known = new Map(found.holders.map((record) => [record.key.join(), openChecked(record.bytes)]));
    const limit = pLimit(CONTACT_LOOKUPS_IN_FLIGHT_MAX);
    const records = await Promise.all(
      hostIds.map((hostId) => {
        const record = known.get(hostId.join()) ?? this.#kept(hostId);
        if (record !== undefined || options.resolvesContacts === false) return record;
        return limit(() => this.getContact(hostId, options));
      }),
    );
    return { hostIds, records: records.filter((record) => record !== undefined) };
  }

  /** The newest contact record of a node that can be found. */
  async getContact(nodeId: NodeId, options: GetContactOptions = {}): Promise<ContactRecord | undefined> {
    if (equalBytes(nodeId, this.#table.selfId)) return this.#ownContact.record;
    const kept = this.#kept(nodeId);
    if (kept !== undefined && options.isFresh !== true) return kept;
    return (await this.#askDirectly(nodeId)) ?? (await this.#lookUpContact(nodeId, options)) ?? kept;
  }

  /**
   * How far the wall clock of a contact of the table is ahead of ours, milliseconds: a record's sequence is the time at which it
   * was signed, and it comes with its age. Undefined when the contact does not answer.
   */
  async clockOffsetMs(nodeId: NodeId): Promise<number | undefined> {
    const answer = await this.#askForOwn(nodeId, 1);
    return answer === undefined ? undefined : answer.opened.contact.sequence + answer.ageMs - this.#runtime.clock.nowMs();
  }

  async getImmutable(key: Uint8Array, options: LookupOptions = {}): Promise<Uint8Array | undefined> {
    const [kept] = this.#store.get('immutable', key, this.#nowMs());
    if (kept !== undefined) return kept.bytes;
    const found = await this.#lookups.findValue('immutable', key, options);
    return this.#merged('immutable', key, found.records).living()[0]?.bytes;
  }

  /**
   * The value with the highest sequence that was ever seen here: of the network's answers, of what we keep, and of what we publish
   * ourselves. Undefined when there is none, when the newest is its deletion or has ended, or when only older ones are found.
   */
  async getMutable(publicKey: Uint8Array, name: string, options: LookupOptions = {}): Promise<FoundMutable | undefined> {
    const key = mutableKey(publicKey, utf8Bytes(name));
    const found = await this.#lookups.findValue('mutable', key, options);
    const [newest] = this.#merged('mutable', key, found.records).newest();
    const own = this.#own.get('mutable', key);
    if (own !== undefined && own.sequence >= (newest?.sequence ?? 0)) {
      const isNewest = this.#newestVersions.isNewest(key, own.sequence);
      return isNewest && own.payload !== null ? { value: own.payload, sequence: own.sequence } : undefined;
    }
    if (newest === undefined || !this.#newestVersions.isNewest(key, newest.sequence)) return undefined;
    const opened = openMutableValue(TRUSTING, newest.bytes);
    if (newest.ageMs >= newest.lifetimeMs || !opened.ok || opened.value.value === null) return undefined;
    return { value: opened.value.value, sequence: opened.value.sequence };
  }

  /** Kinds of records that a peer shows us under a key: checked, and in force. Undefined when it does not answer. */
  async heldBy(peer: ProvedPeer, key: Uint8Array): Promise<readonly RecordKind[] | undefined> {
    const shown = await Promise.all(RECORD_KINDS.map((kind) => this.#showsAny(peer, kind, key)));
    return shown.includes(undefined) ? undefined : RECORD_KINDS.filter((_, i) => shown[i]);
  }

  /** The same of our own store. */
  heldHere(key: Uint8Array): readonly RecordKind[] {
    return RECORD_KINDS.filter((kind) => this.#merged(kind, key, []).living().length > 0);
  }

  async #showsAny(peer: ProvedPeer, kind: RecordKind, key: Uint8Array): Promise<boolean | undefined> {
    const answer = await this.#client.ask(peer, { type: 'find-value', kind, key, page: 0 });
    if (!answer.ok || answer.value.response.type !== 'values') return undefined;
    const collector = new RecordCollector(this.#verifier, { kind, key, recordsMax: LOOKUP_RECORDS_MAX });
    collector.take(answer.value.response.records);
    return collector.living().length > 0;
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }

  #kept(nodeId: NodeId): ContactRecord | undefined {
    const [record] = this.#store.get('contact', nodeId, this.#nowMs());
    return record === undefined ? undefined : openChecked(record.bytes);
  }

  /** A collector that already holds what a lookup found and what we keep ourselves. */
  #merged(kind: RecordKind, key: Uint8Array | undefined, found: readonly CollectedRecord[]): RecordCollector {
    const sequenceMin = oldestSequence(kind, this.#runtime.clock.nowMs());
    const collector = new RecordCollector(TRUSTING, { kind, key, recordsMax: 2 * LOOKUP_RECORDS_MAX, sequenceMin });
    collector.take(found);
    if (key !== undefined) collector.take(this.#store.get(kind, key, this.#nowMs()).map((record) => passOn(record, this.#nowMs())));
    return collector;
  }

  async #askDirectly(nodeId: NodeId): Promise<ContactRecord | undefined> {
    return (await this.#askForOwn(nodeId))?.opened;
  }

  async #askForOwn(nodeId: NodeId, tries?: number): Promise<{ readonly opened: ContactRecord; readonly ageMs: number } | undefined> {
    const contact = this.#table.get(nodeId);
    if (contact === undefined) return undefined;
    const answer = await this.#client.ask(contact, { type: 'get-contact', nodeId: null }, tries);
    const record = answer.ok && answer.value.response.type === 'contact' ? answer.value.response.record : null;
    if (record === null) return undefined;
    const opened = openContactRecord(this.#verifier, record.bytes);
    return opened.ok && equalBytes(opened.value.nodeId, nodeId) ? { opened: opened.value, ageMs: record.ageMs } : undefined;
  }

  async #lookUpContact(nodeId: NodeId, options: LookupOptions): Promise<ContactRecord | undefined> {
    const found = await this.#lookups.findValue('contact', nodeId, options);
    const [record] = this.#merged('contact', nodeId, found.records).living();
    return record === undefined ? undefined : openChecked(record.bytes);
  }
}
