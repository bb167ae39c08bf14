// driven: signs what this node publishes, publishes it, and keeps it alive until it is withdrawn.
import { BatChainError, type Runtime, type Signer, utf8Bytes, VALUE_BYTES_MAX } from '@batchain/shared';
import type { KadConfig } from '../kad-config.ts';
import { OWN_RECORDS_MAX, VALUE_NAME_BYTES_MAX } from '../limits.ts';
import { immutableKey, mutableKey, signMutableValue } from '../records/mutable-value.ts';
import { nextSequence, type OwnRecord, type OwnRecordKind } from '../records/own-record.ts';
import type { OwnRecords } from '../records/own-records.ts';
import { signProviderRecord } from '../records/provider-record.ts';
import type { LookupOptions } from './lookup-types.ts';
import type { Publisher, PublishResult } from './publisher.ts';

const NO_NAME = new Uint8Array();

export interface Announcement {
  readonly fileId: Uint8Array;
  /** The owner's grant for this host, see signOwnerGrant. */
  readonly grant?: Uint8Array | undefined;
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
  announce(announcements: readonly Announcement[], options: LookupOptions = {}): Promise<PublishResult[]> {
    return this.#publish(
      announcements.map(({ fileId, grant }) => this.#keep('provider', fileId, grant ?? this.#grantOf(fileId), NO_NAME)),
      options,
    );
  }

  /** Withdraws announcements now; what nobody heard of is tried again. */
  withdraw(fileIds: readonly Uint8Array[], options: LookupOptions = {}): Promise<PublishResult[]> {
    return this.#publish(
      fileIds.map((fileId) => this.#keep('provider', fileId, null, NO_NAME, true)),
      options,
    );
  }

  /** Stores a value under its hash, and again until released. */
  async putImmutable(value: Uint8Array, options: LookupOptions = {}): Promise<PublishResult & { readonly key: Uint8Array }> {
    checkLength('a value', value, 1, VALUE_BYTES_MAX);
    const key = immutableKey(value);
    const [result] = await this.#publish([this.#keep('immutable', key, value, NO_NAME)], options);
    return { ...(result as PublishResult), key };
  }

  /** Stores a value under our key and a name, and again until deleted. */
  async putMutable(
    name: string,
    value: Uint8Array | null,
    options: LookupOptions = {},
  ): Promise<PublishResult & { readonly key: Uint8Array }> {
    const nameBytes = utf8Bytes(name);
    checkLength('the name of a value', nameBytes, 0, VALUE_NAME_BYTES_MAX);
    if (value !== null) checkLength('a value', value, 0, VALUE_BYTES_MAX);
    const key = mutableKey(this.#signer.publicKey, nameBytes);
    const [result] = await this.#publish([this.#keep('mutable', key, value, nameBytes, value === null)], options);
    return { ...(result as PublishResult), key };
  }

  /** What is kept alive under a name of ours; null: a deletion that nobody has heard of. */
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
    const due = this.#own.due(this.#runtime.clock.monotonicMs(), { intervalMs, countMax });
    if (due.length > 0) await this.#publish(due, options);
    return due.length;
  }

  /** A grant that was given once stays good when the file is announced again. */
  #grantOf(fileId: Uint8Array): Uint8Array | null {
    return this.#own.get('provider', fileId)?.payload ?? null;
  }

  #keep(kind: OwnRecordKind, key: Uint8Array, payload: Uint8Array | null, name: Uint8Array, isWithdrawn = false): OwnRecord {
    const known = this.#own.get(kind, key);
    if (known === undefined && this.#own.isFull) {
      throw new BatChainError('BAT_E_KAD_BUSY', { what: `${OWN_RECORDS_MAX} records of ours are in the network already` });
    }
    const record: OwnRecord = {
      kind,
      key: new Uint8Array(key),
      sequence: known?.sequence ?? 0,
      payload,
      name,
      isWithdrawn,
      publishedMs: undefined,
    };
    this.#own.set(record);
    return record;
  }

  async #publish(records: readonly OwnRecord[], options: LookupOptions): Promise<PublishResult[]> {
    const results = new Map<OwnRecord, PublishResult>();
    for (const kind of ['provider', 'immutable', 'mutable'] as const) {
      const ofKind = records.filter((record) => record.kind === kind);
      if (ofKind.length === 0) continue;
      const signed = ofKind.map((record) => this.#sign(record));
      const stored = await this.#publisher.publish(
        kind,
        signed.map(({ record, bytes }) => ({ key: record.key, bytes, ageMs: 0 })),
        options,
      );
      stored.forEach((result, i) => {
        results.set(ofKind[i] as OwnRecord, result);
        this.#noteStored((signed[i] as { record: OwnRecord }).record, result);
      });
    }
    return records.map((record) => results.get(record) as PublishResult);
  }

  /** Signs under the next sequence, and keeps that sequence. */
  #sign(old: OwnRecord): { readonly record: OwnRecord; readonly bytes: Uint8Array } {
    const sequence = nextSequence(old.sequence, this.#runtime.clock.nowMs());
    const record: OwnRecord = { ...old, sequence };
    if (this.#own.get(old.kind, old.key) === old) this.#own.set(record);
    const { key, payload, name, isWithdrawn } = record;
    const { providerLifetimeMs, valueLifetimeMs } = this.#config;
    switch (record.kind) {
      case 'provider': {
        const lifetimeMs = isWithdrawn ? 0 : providerLifetimeMs;
        const { bytes } = signProviderRecord(this.#signer, { fileId: key, sequence, lifetimeMs, grant: payload ?? undefined });
        return { record, bytes };
      }
      case 'immutable':
        return { record, bytes: payload ?? NO_NAME };
      case 'mutable': {
        const value = isWithdrawn ? null : payload;
        return { record, bytes: signMutableValue(this.#signer, { name, sequence, lifetimeMs: valueLifetimeMs, value }).bytes };
      }
    }
  }

  #noteStored(record: OwnRecord, result: PublishResult): void {
    if (result.storedOn === 0 || this.#own.get(record.kind, record.key) !== record) return;
    if (record.isWithdrawn) this.#own.delete(record);
    else this.#own.set({ ...record, publishedMs: this.#runtime.clock.monotonicMs() });
  }
}

function checkLength(what: string, bytes: Uint8Array, least: number, most: number): void {
  if (bytes.length >= least && bytes.length <= most) return;
  throw new BatChainError('BAT_E_VALUE_SIZE', { what: `${what} has ${bytes.length} bytes`, why: `it must have ${least} to ${most} bytes` });
}
