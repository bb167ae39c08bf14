// pure: the kinds of records that the DHT keeps, and how the store sees any of them.
import { fail, type Result } from '@batchain/shared';

export const RECORD_KINDS = ['provider', 'contact', 'immutable', 'mutable'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** Why bytes are not a record of their kind. */
export type RecordFault = 'malformed' | 'bad-signature';

/** Whatever else a seal says of a record, it is malformed. */
export function recordFault({ reason, detail }: { readonly reason: string; readonly detail?: string }): Result<never, RecordFault> {
  return fail(reason === 'bad-signature' ? reason : 'malformed', detail);
}

/** What the store needs to know of a record whose signature, or hash, was checked. */
export interface RecordFacts {
  readonly kind: RecordKind;
  /** 32 bytes: file id, node id, or the hash of the value or of its owner and name. */
  readonly key: Uint8Array;
  /** 32 bytes: the id that the byte limits count it for: its signer, or of an unsigned value whoever stored it. */
  readonly publisher: Uint8Array;
  /** A higher one replaces a lower one; 0 for immutable values. */
  readonly sequence: number;
  /** How long it counts from its first receipt anywhere. */
  readonly lifetimeMs: number;
  /** How long it is kept from then on: longer than its lifetime where it has older versions that may live longer. */
  readonly keptMs: number;
  /** A withdrawn provider record or a tombstone: it only keeps older copies away. */
  readonly isWithdrawal: boolean;
  /** The owner of the key vouched for it; it goes before others when the store is full. */
  readonly hasGrant: boolean;
  /** A contact record that carries `stores`; of a stored one also: the host itself stored it, in a session that it proved. */
  readonly isHost: boolean;
  /** A contact record that says that its node leaves. */
  readonly isLeaver?: boolean;
  /** The network (/24 or /48) that such a host stored it from; undefined for private ranges. */
  readonly hostGroup?: string | undefined;
  /** The whole record as it travels. */
  readonly bytes: Uint8Array;
}
