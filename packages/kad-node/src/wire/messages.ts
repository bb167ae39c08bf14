// pure: every Kad request and response as a tagged union; docs/spec/kad-wire.md gives their bytes.
import type { Address, NodeId } from '@batchain/shared';

/** An id and where it was reached; 40 or 52 bytes on the wire. Unproved until it has answered us (T3). */
export interface CompactContact {
  readonly nodeId: NodeId;
  readonly address: Address;
}

/** What FIND_VALUE and STORE can name. */
export const VALUE_KINDS = ['provider', 'contact', 'immutable', 'mutable'] as const;
export type ValueKind = (typeof VALUE_KINDS)[number];

/** A stored record as it is passed on: its signed bytes and the time since its first receipt. */
export interface AgedRecord {
  readonly bytes: Uint8Array;
  readonly ageMs: number;
}

export type KadRequest =
  | { readonly type: 'ping' }
  /** `wantsHosts`: the answer adds stored contact records nearest to the key that carry `stores`. `page` counts from 0. */
  | { readonly type: 'find-node'; readonly target: Uint8Array; readonly wantsHosts: boolean; readonly page: number }
  | { readonly type: 'find-value'; readonly kind: ValueKind; readonly key: Uint8Array; readonly page: number }
  | { readonly type: 'store'; readonly kind: ValueKind; readonly records: readonly AgedRecord[] }
  /** The contact record of the node with this id; null asks for the answerer's own. */
  | { readonly type: 'get-contact'; readonly nodeId: NodeId | null };

export type KadRequestType = KadRequest['type'];

/** Why one record of a STORE was not kept. */
export const STORE_REFUSALS = [
  'malformed',
  'bad-signature',
  'too-old',
  'superseded',
  'full',
  'not-near',
  'unsupported-kind',
  'not-proved',
] as const;
export type StoreOutcome = 'stored' | (typeof STORE_REFUSALS)[number];

export const KAD_ERRORS = ['malformed', 'unsupported-verb', 'unsupported-extension', 'rate-limited', 'not-proved', 'internal'] as const;
export type KadErrorCode = (typeof KAD_ERRORS)[number];

export type KadResponse =
  | { readonly type: 'pong' }
  /** At most 16 contacts; `records`: contact records of hosts (or of holders); `pages`: how many pages there are in all. */
  | {
      readonly type: 'nodes';
      readonly contacts: readonly CompactContact[];
      readonly records: readonly AgedRecord[];
      readonly pages: number;
    }
  /** Records found here (possibly none), closer contacts, and the contact records of the holders where known. */
  | {
      readonly type: 'values';
      readonly records: readonly AgedRecord[];
      readonly holders: readonly AgedRecord[];
      readonly contacts: readonly CompactContact[];
      readonly pages: number;
    }
  | { readonly type: 'stored'; readonly outcomes: readonly StoreOutcome[] }
  | { readonly type: 'contact'; readonly record: AgedRecord | null }
  | { readonly type: 'error'; readonly code: KadErrorCode; readonly detail: string };

export type KadResponseType = KadResponse['type'];
