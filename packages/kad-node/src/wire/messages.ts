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
  | { readonly type: 'get-contact'; readonly nodeId: NodeId | null }
  /**
   * Try to reach the asker, at the IP of its session only. `port`: its bat port, or a forwarded port for its datagrams; 0: the
   * session's own. `nonce` (8) names the attempt.
   */
  | { readonly type: 'dial-back'; readonly kind: DialBackKind; readonly port: number; readonly nonce: Uint8Array }
  /** Send a probe datagram with this nonce to an address that the asker has a session with. */
  | { readonly type: 'probe'; readonly address: Address; readonly nonce: Uint8Array }
  /** How a dial-back went on. `port` (0: none) and `address` depend on the outcome; see DIAL_BACK_OUTCOMES. */
  | {
      readonly type: 'dial-back-result';
      readonly nonce: Uint8Array;
      readonly outcome: DialBackOutcome;
      readonly port: number;
      readonly address: Address | null;
    }
  /** Asker to broker: pass these bytes on to the node with this id. */
  | { readonly type: 'introduce'; readonly target: NodeId; readonly signal: Uint8Array }
  /** SHA-256 of `length` bytes from `offset` of the value kept under a key; `length` null: to its end (BD-45). */
  | {
      readonly type: 'digest';
      readonly kind: ValueKind;
      readonly key: Uint8Array;
      readonly offset: number;
      readonly length: number | null;
    }
  /** Broker to target: bytes that the node with this id, proved to the broker at this address, wants passed on. */
  | { readonly type: 'signal'; readonly from: NodeId; readonly address: Address; readonly signal: Uint8Array };

/** What can be asked for a digest: what is kept as bytes of a value. `done`: the digest is there. */
export const DIGEST_OUTCOMES = ['done', 'not-held', 'out-of-range', 'unsupported-kind'] as const;
export type DigestOutcome = (typeof DIGEST_OUTCOMES)[number];

export type KadRequestType = KadRequest['type'];

/** How to try: a datagram from another port of ours, a datagram from another node, a connection to the bat port. */
export const DIAL_BACK_KINDS = ['udp', 'udp-other', 'bat'] as const;
export type DialBackKind = (typeof DIAL_BACK_KINDS)[number];
/** `unavailable`: the answerer cannot do this, or knows nobody who can. */
export const DIAL_BACK_ANSWERS = ['started', 'busy', 'unavailable'] as const;
export type DialBackAnswer = (typeof DIAL_BACK_ANSWERS)[number];
export const PROBE_ANSWERS = ['sent', 'busy', 'refused'] as const;
export type ProbeAnswer = (typeof PROBE_ANSWERS)[number];
/**
 * `sent`: datagrams went out, from `port` of the answerer or from the node at `address`. `done`: the bat port answered with the
 * right id; or a datagram came to `port`, and `address` is where from. The others say why not.
 */
export const DIAL_BACK_OUTCOMES = ['done', 'sent', 'timeout', 'refused', 'unreachable', 'wrong-identity', 'failed'] as const;
export type DialBackOutcome = (typeof DIAL_BACK_OUTCOMES)[number];

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
  'leaving',
] as const;
export type StoreRefusal = (typeof STORE_REFUSALS)[number];
export type StoreOutcome = 'stored' | StoreRefusal;

/** What a broker did with an INTRODUCE: sent it on; has no live session with the target; too many for the asker, the target or itself. */
export const INTRODUCE_OUTCOMES = ['passed', 'not-here', 'busy'] as const;
export type IntroduceOutcome = (typeof INTRODUCE_OUTCOMES)[number];

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
  | { readonly type: 'dialling-back'; readonly outcome: DialBackAnswer }
  | { readonly type: 'probed'; readonly outcome: ProbeAnswer }
  | { readonly type: 'result-taken' }
  | { readonly type: 'introduced'; readonly outcome: IntroduceOutcome }
  | { readonly type: 'signal-taken' }
  /** `digest` (32) with `done`, else null. `bytes`: how long the value is; `sequence`: of which version, 0 for immutable ones; both 0 when none is held. */
  | {
      readonly type: 'digested';
      readonly outcome: DigestOutcome;
      readonly digest: Uint8Array | null;
      readonly bytes: number;
      readonly sequence: number;
    }
  | { readonly type: 'error'; readonly code: KadErrorCode; readonly detail: string };

export type KadResponseType = KadResponse['type'];
