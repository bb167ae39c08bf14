// driven: our own contact record: signed anew when something in it changes, and before it grows old.
import {
  type Address,
  type BrokerContact,
  type ContactFlags,
  type ContactInput,
  type ContactRecord,
  equalAddress,
  equalBytes,
  type NatMapping,
  type Runtime,
  type Signer,
  signContact,
} from '@batchain/shared';
import { nextSequence } from '../records/own-record.ts';
import type { PassedRecord } from '../records/record-store.ts';

/** What the node tells about itself. */
export interface ContactSettings {
  readonly kadAddresses: readonly Address[];
  readonly batAddresses: readonly Address[];
  readonly brokers: readonly BrokerContact[];
  readonly flags: ContactFlags;
  readonly natMapping: NatMapping;
}

export const DEFAULT_CONTACT_SETTINGS: ContactSettings = {
  kadAddresses: [],
  batAddresses: [],
  brokers: [],
  flags: { isPublic: true, relays: false, stores: false, isLeaving: false, hasNoUdp: false },
  natMapping: 'unknown',
};

function equalLists<T>(a: readonly T[], b: readonly T[], isEqual: (x: T, y: T) => boolean): boolean {
  return a.length === b.length && a.every((item, i) => isEqual(item, b[i] as T));
}

function equalSettings(a: ContactSettings, b: ContactSettings): boolean {
  const flags = Object.keys(a.flags) as (keyof ContactFlags)[];
  return (
    equalLists(a.kadAddresses, b.kadAddresses, equalAddress) &&
    equalLists(a.batAddresses, b.batAddresses, equalAddress) &&
    equalLists(a.brokers, b.brokers, (x, y) => equalBytes(x.nodeId, y.nodeId) && equalAddress(x.kad, y.kad)) &&
    flags.every((flag) => a.flags[flag] === b.flags[flag]) &&
    a.natMapping === b.natMapping
  );
}

export class OwnContact {
  readonly #runtime: Runtime;
  readonly #signer: Signer;
  readonly #lifetimeMs: number;
  #settings: ContactSettings = DEFAULT_CONTACT_SETTINGS;
  #sequence = 0;
  #record: ContactRecord | undefined;
  #signedMs = 0;

  constructor(runtime: Runtime, signer: Signer, lifetimeMs: number) {
    this.#runtime = runtime;
    this.#signer = signer;
    this.#lifetimeMs = lifetimeMs;
  }

  get settings(): ContactSettings {
    return this.#settings;
  }

  /** Of the last record ever signed, this run's or an earlier one's. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The current record; signed on first use. */
  get record(): ContactRecord {
    return this.#record ?? this.sign();
  }

  /** Signing goes on above the sequence of an earlier run. */
  restoreSequence(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence);
  }

  /** Takes new settings; true when they differ, and then there is a new record. */
  change(settings: ContactSettings): boolean {
    if (equalSettings(this.#settings, settings)) return false;
    this.#settings = settings;
    this.sign();
    return true;
  }

  /** Signs the record anew, so that its lifetime begins again. */
  sign(): ContactRecord {
    const { clock } = this.#runtime;
    this.#sequence = nextSequence(this.#sequence, clock.nowMs());
    const input: ContactInput = { ...this.#settings, sequence: this.#sequence, lifetimeMs: this.#lifetimeMs };
    this.#record = signContact(this.#signer, input);
    this.#signedMs = clock.monotonicMs();
    return this.#record;
  }

  /** The record with its age, as it is passed on. */
  passed(): PassedRecord & { readonly sequence: number } {
    const { bytes, contact } = this.record;
    return { bytes, ageMs: Math.floor(this.#runtime.clock.monotonicMs() - this.#signedMs), sequence: contact.sequence };
  }
}
