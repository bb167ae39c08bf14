// driven: signs what this node publishes, publishes it, and keeps it alive until it is withdrawn.
import { BatChainError, hour, type Runtime, type Signer, toHex, utf8Bytes, VALUE_BYTES_MAX } from '@batchain/shared';
import type { KadConfig } from '../kad-config.ts';
import { OWN_RECORDS_MAX, RECORD_LIFETIME_MAX_MS, VALUE_LIFETIME_MIN_MS, VALUE_NAME_BYTES_MAX } from '../limits.ts';
import { immutableKey, mutableKey, signMutableValue } from '../records/mutable-value.ts';
import { nextSequence, type OwnRecord, type OwnRecordKind } from '../records/own-record.ts';
import type { OwnRecords } from '../records/own-records.ts';
import { signProviderRecord } from '../records/provider-record.ts';
import type { LookupOptions } from './lookup-types.ts';
import type { Publisher, PublishResult } from './publisher.ts';

const NO_NAME = new Uint8Array();
const NOWHERE: PublishResult = { storedOn: 0, isKeptHere: false, refusals: [] };

export interface Announcement {
  readonly fileId: Uint8Array;
  /** The owner's grant for this host, see signOwnerGrant. */
  readonly grant?: Uint8Array | undefined;
}

export interface PutMutableOptions extends LookupOptions {
  /** How long storers keep it unless it is published again, VALUE_LIFETIME_MIN_MS to 48 h; KadConfig.valueLifetimeMs by default. */
  readonly lifetimeMs?: number | undefined;
}

export interface PutMutableResult extends PublishResult {
  readonly key: Uint8Array;
  /** Of the version that was stored: later ones are higher. */
  readonly sequence: number;
}

interface Content {
  readonly payload: Uint8Array | null;
  readonly name?: Uint8Array;
  readonly isWithdrawn?: boolean;
  readonly lifetimeMs?: number | undefined;
}

export interface Published {
  readonly record: OwnRecord;
  readonly result: PublishResult;
}

export class OwnPublishing {
  readonly #runtime: Runtime;
  readonly #signer: Signer;
  readonly #publisher: Publisher;
  readonly #own: OwnRecords;
  readonly #config: KadConfig;

  constructor(
    runtime: Runtime,
    collaborators: { readonly signer: Signer; readonly publisher: Publisher; readonly own: OwnRecords },
    config: KadConfig,
  ) {
    this.#runtime = runtime;
    this.#signer = collaborators.signer;
    this.#publisher = collaborators.publisher;
    this.#own = collaborators.own;
    this.#config = config;
  }

  /** Announces files now, and again until withdrawn. A file that nobody could store stays due. */
  async announce(announcements: readonly Announcement[], options: LookupOptions = {}): Promise<PublishResult[]> {
    const kept = announcements.map(({ fileId, grant }) => this.#keep('provider', fileId, { payload: grant ?? this.#grantOf(fileId) }));
    return (await this.#publish(kept, options)).map(({ result }) => result);
  }

  /** Withdraws announcements now, and again until no copy of them can live. */
  async withdraw(fileIds: readonly Uint8Array[], options: LookupOptions = {}): Promise<PublishResult[]> {
    const kept = fileIds.map((fileId) => this.#keep('provider', fileId, { payload: null, isWithdrawn: true }));
    return (await this.#publish(kept, options)).map(({ result }) => result);
  }

  /** Stores a value under its hash, and again until released. */
  async putImmutable(value: Uint8Array, options: LookupOptions = {}): Promise<PublishResult & { readonly key: Uint8Array }> {
    checkLength('a value', value, 1, VALUE_BYTES_MAX);
    const key = immutableKey(value);
    const [published] = await this.#publish([this.#keep('immutable', key, { payload: value })], options);
    return { ...(published as Published).result, key };
  }

  /** Stores a value under our key and a name, and again until deleted; null deletes it. */
  async putMutable(name: string, value: Uint8Array | null, options: PutMutableOptions = {}): Promise<PutMutableResult> {
    const nameBytes = utf8Bytes(name);
    const { lifetimeMs, ...lookupOptions } = options;
    checkLength('the name of a value', nameBytes, 0, VALUE_NAME_BYTES_MAX);
    if (value !== null) checkLength('a value', value, 0, VALUE_BYTES_MAX);
    if (lifetimeMs !== undefined) checkLifetime(lifetimeMs);
    const key = mutableKey(this.#signer.publicKey, nameBytes);
    const kept = this.#keep('mutable', key, { payload: value, name: nameBytes, isWithdrawn: value === null, lifetimeMs });
    const [published] = await this.#publish([kept], lookupOptions);
    const { record, result } = published as Published;
    return { ...result, key, sequence: record.sequence };
  }

  /** What is kept alive under a name of ours; null: a deletion, while that is told. */
  ownMutable(name: string): Uint8Array | null | undefined {
    return this.#own.get('mutable', mutableKey(this.#signer.publicKey, utf8Bytes(name)))?.payload;
  }

  /** No longer stores the value again: it goes when its lifetime ends. */
  releaseImmutable(key: Uint8Array): void {
    const record = this.#own.get('immutable', key);
    if (record !== undefined) this.#own.delete(record);
  }

  /** Publishes what is due; returns how many records that was. */
  async republish(options: LookupOptions = {}): Promise<number> {
    const { republishIntervalMs: intervalMs, republishPerRoundMax: countMax } = this.#config;
    this.#own.dropLongWithdrawn(this.#runtime.clock.nowMs());
    const due = this.#own.due(this.#runtime.clock.monotonicMs(), { intervalMs, countMax });
    if (due.length > 0) await this.#publish(due, options);
    return due.length;
  }

  /** Publishes all values once more, with their full life, and deletions. */
  refreshValues(options: LookupOptions): Promise<Published[]> {
    return this.#publish(
      [...this.#own.all()].filter(({ kind }) => kind !== 'provider'),
      options,
    );
  }

  /** Withdraws all announcements that are in force. */
  withdrawAll(options: LookupOptions): Promise<Published[]> {
    const withdrawn = this.#own.keysOf('provider').map((fileId) => this.#keep('provider', fileId, { payload: null, isWithdrawn: true }));
    return this.#publish(withdrawn, options);
  }

  /** A grant that was given once stays good when the file is announced again. */
  #grantOf(fileId: Uint8Array): Uint8Array | null {
    return this.#own.get('provider', fileId)?.payload ?? null;
  }

  /** From now on it is what we publish under the key. A withdrawal gets its sequence here, once: its age counts from it. */
  #keep(kind: OwnRecordKind, key: Uint8Array, content: Content): OwnRecord {
    const { payload, name = NO_NAME, isWithdrawn = false, lifetimeMs } = content;
    const known = this.#own.get(kind, key);
    if (known === undefined) this.#own.makeRoom();
    if (known === undefined && this.#own.isFull) {
      throw new BatChainError('BAT_E_KAD_BUSY', { what: `${OWN_RECORDS_MAX} records of ours are in the network already` });
    }
    const previous = known?.sequence ?? 0;
    const sequence = isWithdrawn ? nextSequence(previous, this.#runtime.clock.nowMs()) : previous;
    const record: OwnRecord = { kind, key: new Uint8Array(key), sequence, payload, name, isWithdrawn, lifetimeMs, publishedMs: undefined };
    this.#own.set(record);
    return record;
  }

  /** In the order of the records. One that was replaced before its turn came is left to whoever replaced it: signing it now would bring it back. */
  async #publish(records: readonly OwnRecord[], options: LookupOptions): Promise<Published[]> {
    const published = new Map<string, Published>();
    for (const kind of ['provider', 'immutable', 'mutable'] as const) {
      const current = records.filter((record) => record.kind === kind && this.#own.get(kind, record.key) === record);
      if (current.length === 0) continue;
      const signed = current.map((record) => this.#sign(record));
      const items = signed.map(({ record, bytes, ageMs }) => ({ key: record.key, bytes, ageMs }));
      const results = await this.#publisher.publish(kind, items, options);
      signed.forEach(({ record }, i) => {
        const result = results[i] as PublishResult;
        published.set(kind + toHex(record.key), { record, result });
        this.#noteStored(record, result);
      });
    }
    return records.map((record) => published.get(record.kind + toHex(record.key)) ?? { record, result: NOWHERE });
  }

  /** Signs under the next sequence, and keeps that sequence; a withdrawal under its own. */
  #sign(old: OwnRecord): { readonly record: OwnRecord; readonly bytes: Uint8Array; readonly ageMs: number } {
    const wallMs = this.#runtime.clock.nowMs();
    const { key, payload, name, isWithdrawn } = old;
    const sequence = isWithdrawn ? old.sequence : nextSequence(old.sequence, wallMs);
    const ageMs = isWithdrawn ? Math.max(0, Math.floor(wallMs - sequence)) : 0;
    const record: OwnRecord = { ...old, sequence };
    this.#own.set(record);
    const { providerLifetimeMs, valueLifetimeMs } = this.#config;
    switch (record.kind) {
      case 'provider': {
        const lifetimeMs = isWithdrawn ? 0 : providerLifetimeMs;
        const { bytes } = signProviderRecord(this.#signer, { fileId: key, sequence, lifetimeMs, grant: payload ?? undefined });
        return { record, bytes, ageMs };
      }
      case 'immutable':
        return { record, bytes: payload ?? NO_NAME, ageMs };
      case 'mutable': {
        const value = isWithdrawn ? null : payload;
        const lifetimeMs = record.lifetimeMs ?? valueLifetimeMs;
        return { record, bytes: signMutableValue(this.#signer, { name, sequence, lifetimeMs, value }).bytes, ageMs };
      }
    }
  }

  #noteStored(record: OwnRecord, result: PublishResult): void {
    if (result.storedOn === 0 || this.#own.get(record.kind, record.key) !== record) return;
    this.#own.set({ ...record, publishedMs: this.#runtime.clock.monotonicMs() });
  }
}

function checkLength(what: string, bytes: Uint8Array, least: number, most: number): void {
  if (bytes.length >= least && bytes.length <= most) return;
  throw new BatChainError('BAT_E_VALUE_SIZE', { what: `${what} has ${bytes.length} bytes`, why: `it must have ${least} to ${most} bytes` });
}

function checkLifetime(lifetimeMs: number): void {
  if (Number.isInteger(lifetimeMs) && lifetimeMs >= VALUE_LIFETIME_MIN_MS && lifetimeMs <= RECORD_LIFETIME_MAX_MS) return;
  throw new BatChainError('BAT_E_USAGE', {
    what: `a value is to live for ${lifetimeMs} ms`,
    why: `it can live for ${VALUE_LIFETIME_MIN_MS / hour} to ${RECORD_LIFETIME_MAX_MS / hour} hours, in whole milliseconds`,
  });
}
