// pure: the records this node keeps for the network: bounded by bytes, per key and per publisher, expiring at nowMs (T15).
import { equalBytes, minute, type NodeId, second } from '@batchain/shared';
import {
  RECORD_EVICTION_SCAN_MAX,
  RECORD_OVERHEAD_BYTES,
  RECORD_PUBLISHER_SHARE_MAX,
  RECORD_SEQUENCE_AGE_MAX_MS,
  RECORD_STORE_BYTES_MAX,
  RECORD_STORE_HIGH_WATER,
  RECORDS_PER_KEY_MAX,
} from '../limits.ts';
import { HostList } from './host-list.ts';
import type { RecordFacts, RecordKind } from './record-kind.ts';

export type PutOutcome = 'stored' | 'superseded' | 'too-old' | 'full';

/** A full store looks for expired records this often at most. */
const EXPIRY_PAUSE_MS: number = 10 * second;
/** A value that comes with so little more life left was passed on, not published again: the way of a datagram is not counted as age. */
const PROLONG_MIN_MS: number = 1 * minute;

/** Both clocks: lifetimes count on the monotonic one, sequences compare with the wall clock (T19). */
export interface StoreTime {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface RecordStoreOptions {
  readonly bytesMax: number;
  readonly perKeyMax: number;
}

export const RECORD_STORE_DEFAULTS: RecordStoreOptions = { bytesMax: RECORD_STORE_BYTES_MAX, perKeyMax: RECORDS_PER_KEY_MAX };

/** A kept record; `receivedMs` is when its life began, on our monotonic clock: before our own receipt when it came with an age. */
export interface StoredRecord extends RecordFacts {
  readonly receivedMs: number;
  /** When anybody last stored it here, the same again included: then the others near its key have it as well. */
  storedMs: number;
}

/** A record as it is passed on. */
export interface PassedRecord {
  readonly bytes: Uint8Array;
  readonly ageMs: number;
}

/** Bytes as a map key: one char per byte, half of what hex takes. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

const NO_RECORDS: readonly StoredRecord[] = [];
const costOf = (record: RecordFacts): number => record.bytes.length + RECORD_OVERHEAD_BYTES;
const expiresMs = (record: StoredRecord): number => record.receivedMs + record.keptMs;

/** Keeps one record per key, of provider records one per key and host. */
export class RecordStore {
  readonly #options: RecordStoreOptions;
  /** Lists are never changed but replaced. */
  readonly #byKey = new Map<string, readonly StoredRecord[]>();
  readonly #bytesByPublisher = new Map<string, number>();
  readonly #hosts: HostList<StoredRecord>;
  #expiredMs = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #count = 0;

  /** `selfId`: the node that keeps them. */
  constructor(selfId: NodeId, options: RecordStoreOptions = RECORD_STORE_DEFAULTS) {
    this.#hosts = new HostList(selfId);
    this.#options = options;
  }

  /** Bytes with overhead, as limited. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** True above RECORD_STORE_HIGH_WATER: then shares are limited and only records near us are wanted. */
  get isUnderPressure(): boolean {
    return this.#bytes > this.#options.bytesMax * RECORD_STORE_HIGH_WATER;
  }

  /** Keeps a checked record, `ageMs` after its first receipt anywhere. A higher sequence replaces a lower one; equal ones do not prolong. */
  put(facts: RecordFacts, ageMs: number, now: StoreTime): PutOutcome {
    const isSequenced = facts.kind !== 'immutable';
    if (ageMs >= facts.keptMs) return 'too-old';
    if (isSequenced && facts.sequence < now.wallMs - RECORD_SEQUENCE_AGE_MAX_MS) return 'too-old';
    const name = facts.kind + textOf(facts.key);
    const records = this.#byKey.get(name) ?? [];
    const at = records.findIndex((record) => facts.kind !== 'provider' || equalBytes(record.publisher, facts.publisher));
    const previous = records[at];
    const record: StoredRecord = { ...facts, receivedMs: now.monotonicMs - ageMs, storedMs: now.monotonicMs };
    const isAlive = previous !== undefined && expiresMs(previous) > now.monotonicMs;
    if (isAlive && isSequenced) {
      if (previous.sequence > facts.sequence) return 'superseded';
      if (previous.sequence === facts.sequence) {
        if (!equalBytes(previous.bytes, facts.bytes)) return 'superseded';
        previous.storedMs = now.monotonicMs;
        // Somebody passed it on before the host itself came with it.
        if (facts.isHost && !previous.isHost) this.#byKey.set(name, records.with(at, this.#vouched(name, previous, facts)));
        return 'stored';
      }
    }
    if (isAlive && !isSequenced && expiresMs(previous) >= expiresMs(record) - PROLONG_MIN_MS) {
      previous.storedMs = now.monotonicMs;
      return 'stored';
    }
    if (!this.#makeRoom(record, previous, records.length, now)) return 'full';
    // Taken anew, because making room may have emptied the key's list.
    const list = this.#byKey.get(name) ?? [];
    const place = previous === undefined ? -1 : list.indexOf(previous);
    if (place >= 0) this.#forget(name, previous as StoredRecord);
    this.#byKey.set(name, place >= 0 ? list.with(place, record) : [...list, record]);
    this.#account(record, 1);
    if (record.isHost) this.#hosts.add(name, record);
    return 'stored';
  }

  #vouched(name: string, known: StoredRecord, { isHost, hostGroup }: RecordFacts): StoredRecord {
    const record: StoredRecord = { ...known, isHost, hostGroup };
    this.#hosts.add(name, record);
    return record;
  }

  /** False once it was replaced or dropped. */
  holds(record: StoredRecord): boolean {
    return this.#byKey.get(record.kind + textOf(record.key))?.includes(record) ?? false;
  }

  /** Living records of a key: granted ones first, withdrawals last, else as they came. */
  get(kind: RecordKind, key: Uint8Array, nowMs: number): StoredRecord[] {
    const records = this.#byKey.get(kind + textOf(key));
    if (records === undefined) return [];
    const rank = (record: StoredRecord): number => (record.isWithdrawal ? 2 : record.hasGrant ? 0 : 1);
    return records.filter((record) => expiresMs(record) > nowMs).sort((a, b) => rank(a) - rank(b));
  }

  /** All records of a key, expired ones too, as they came: another list after every change. */
  list(kind: RecordKind, key: Uint8Array): readonly StoredRecord[] {
    return this.#byKey.get(kind + textOf(key)) ?? NO_RECORDS;
  }

  /** Contact records of hosts that nearestHosts chooses from. */
  get hostCount(): number {
    return this.#hosts.size;
  }

  /** Grows whenever they change. */
  get hostChanges(): number {
    return this.#hosts.changes;
  }

  /** Contact records of hosts, nearest to `key` first. */
  nearestHosts(key: Uint8Array, count: number, nowMs: number): StoredRecord[] {
    return this.#hosts.nearest(key, count, (record) => expiresMs(record) > nowMs);
  }

  /** Drops one record; nothing happens when it is not kept any more. */
  delete(record: StoredRecord): void {
    const name = record.kind + textOf(record.key);
    if (this.#byKey.get(name)?.includes(record) === true) this.#remove(name, record);
  }

  /** Drops what has expired; returns how many. */
  expire(nowMs: number): number {
    this.#expiredMs = nowMs;
    const before = this.#count;
    for (const [name, records] of this.#byKey) {
      for (const record of records.filter((candidate) => expiresMs(candidate) <= nowMs)) this.#remove(name, record);
    }
    return before - this.#count;
  }

  *all(): IterableIterator<StoredRecord> {
    for (const records of this.#byKey.values()) yield* records;
  }

  /** True when the record may come in; drops expired ones, and one without a grant for one with, to let it. */
  #makeRoom(record: StoredRecord, previous: StoredRecord | undefined, keyCount: number, now: StoreTime): boolean {
    const name = record.kind + textOf(record.key);
    const isThere = (): boolean => previous !== undefined && (this.#byKey.get(name)?.includes(previous) ?? false);
    const change = (): number => costOf(record) - (isThere() ? costOf(previous as StoredRecord) : 0);
    const fits = (): boolean => this.#bytes + change() <= this.#options.bytesMax;
    // Looking at every record for each refused one would let strangers keep us busy.
    if (!fits() && now.monotonicMs - this.#expiredMs >= EXPIRY_PAUSE_MS) this.expire(now.monotonicMs);
    if (previous === undefined && keyCount >= this.#options.perKeyMax) {
      const victim = record.hasGrant ? this.#byKey.get(name)?.find((candidate) => !candidate.hasGrant) : undefined;
      if (victim === undefined) return false;
      this.#remove(name, victim);
    }
    if (this.isUnderPressure && !record.hasGrant) {
      const held = this.#bytesByPublisher.get(textOf(record.publisher)) ?? 0;
      if (held + change() > this.#options.bytesMax * RECORD_PUBLISHER_SHARE_MAX) return false;
    }
    if (!fits() && record.hasGrant) this.#evictUngranted();
    return fits();
  }

  /** Drops the oldest provider record or value without a grant among the first few. */
  #evictUngranted(): void {
    let scanned = 0;
    for (const [name, records] of this.#byKey) {
      for (const record of records) {
        if (++scanned > RECORD_EVICTION_SCAN_MAX) return;
        if (record.hasGrant || record.kind === 'contact') continue;
        this.#remove(name, record);
        return;
      }
    }
  }

  #remove(name: string, record: StoredRecord): void {
    const records = this.#byKey.get(name) ?? [];
    this.#forget(name, record);
    const rest = records.filter((candidate) => candidate !== record);
    if (rest.length === 0) this.#byKey.delete(name);
    else this.#byKey.set(name, rest);
  }

  #forget(name: string, record: StoredRecord): void {
    this.#account(record, -1);
    this.#hosts.delete(name, record);
  }

  #account(record: StoredRecord, sign: 1 | -1): void {
    const publisher = textOf(record.publisher);
    const cost = costOf(record) * sign;
    const held = (this.#bytesByPublisher.get(publisher) ?? 0) + cost;
    if (held > 0) this.#bytesByPublisher.set(publisher, held);
    else this.#bytesByPublisher.delete(publisher);
    this.#bytes += cost;
    this.#count += sign;
  }
}

/** A stored record as it goes to another node: with its age added, since there is no shared clock. */
export function passOn(record: Pick<StoredRecord, 'bytes' | 'receivedMs'>, nowMs: number): PassedRecord {
  return { bytes: record.bytes, ageMs: Math.max(0, Math.floor(nowMs - record.receivedMs)) };
}
