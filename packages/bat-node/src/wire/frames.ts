// pure: the requests and answers that open and close streams, as tagged unions; docs/spec/bat-wire.md gives their bytes.
import type { Address, NodeId } from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import type { StoreOrder, StoreRefusal } from '../ports.ts';

/** Signature by the file's access key over (tag, file id, binding, prover id, host id). */
export type AccessProof = Uint8Array;

/** 16 bytes that two nodes agreed on, to find one another at a relay. */
export type CircuitId = Uint8Array;

export interface LeafRef {
  readonly segment: number;
  readonly index: number;
  readonly leaf: number;
}

/** The first control frame of a stream. */
export type BatRequest =
  /** Then data from the offset that `accepted` names, then end. The owner's own connection only, unless it holds the roster. */
  | { readonly verb: 'store'; readonly order: StoreOrder; readonly leafHashes: readonly Uint8Array[] }
  /** Then the roster and its 64-byte signature as data, then end. */
  | { readonly verb: 'commit'; readonly fileId: FileId; readonly rosterId: Uint8Array; readonly rosterBytes: number }
  | {
      readonly verb: 'fetch';
      readonly fileId: FileId;
      readonly proof: AccessProof;
      readonly segment: number;
      readonly index: number;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly verb: 'challenge'; readonly fileId: FileId; readonly proof: AccessProof; readonly leaves: readonly LeafRef[] }
  | { readonly verb: 'have'; readonly fileId: FileId; readonly proof: AccessProof; readonly after: readonly [number, number] | null }
  | { readonly verb: 'renew'; readonly fileId: FileId }
  /** `refs` null: all of the file. Owner only. */
  | { readonly verb: 'release'; readonly fileId: FileId; readonly refs: readonly (readonly [number, number])[] | null }
  | { readonly verb: 'status'; readonly needBytes: number }
  /** To be joined with the stream on which `peer` names the same circuit and this node; then data both ways. */
  | { readonly verb: 'relay'; readonly circuit: CircuitId; readonly peer: NodeId }
  /** For a node without UDP: carries its Kad datagrams, one for each control frame that follows either way. */
  | { readonly verb: 'kad-tunnel' }
  /**
   * From a host that leaves: the shard, and the roster that names it. The roster and its signature as data if they are wanted, then the shard
   * from the offset that `accepted` names, then end.
   */
  | {
      readonly verb: 'handoff';
      readonly order: StoreOrder;
      readonly leafHashes: readonly Uint8Array[];
      readonly rosterId: Uint8Array;
      readonly rosterBytes: number;
      readonly leaseUntilMs: number;
    }
  /** SHA-256 of these bytes of a shard as they lie there. */
  | {
      readonly verb: 'digest';
      readonly fileId: FileId;
      readonly proof: AccessProof;
      readonly segment: number;
      readonly index: number;
      readonly offset: number;
      readonly length: number;
    };

export type BatRefusal =
  | StoreRefusal
  | 'refused'
  | 'not-held'
  | 'damaged'
  | 'not-owner'
  | 'wrong-file-id'
  | 'bad-roster'
  | 'out-of-range'
  | 'malformed'
  | 'unsupported-verb'
  | 'unsupported-extension'
  | 'too-large'
  | 'leaving'
  /** Another shard of the segment is here: no host has two. */
  | 'same-segment'
  /** What is handed over is promised to nobody any more. */
  | 'lease-over'
  | RelayRefusal;

/** `relay-full`: all its circuits are taken, or those of this node; `no-counterpart`: the other node did not come in time. */
export type RelayRefusal = 'not-a-relay' | 'relay-full' | 'relay-quota' | 'no-counterpart';

export interface HeldShard {
  readonly segment: number;
  readonly index: number;
  readonly shardId: ShardId;
  readonly length: number;
  readonly isDamaged: boolean;
}

/** A host's signed promise: these shards are durable here until then. */
export interface StorageReceipt {
  readonly hostKey: Uint8Array;
  readonly ownerKey: Uint8Array;
  readonly leaseId: Uint8Array;
  readonly fileId: FileId;
  readonly shards: readonly HeldShard[];
  readonly durableSinceMs: number;
  readonly leaseUntilMs: number;
  readonly isCommitted: boolean;
}

/** Signed by the host, so that an owner can show that it said so: the only answers that count as `failed` besides wrong bytes. */
export interface NotHeldStatement {
  readonly hostKey: Uint8Array;
  readonly fileId: FileId;
  readonly segment: number;
  readonly index: number;
  readonly state: 'not-held' | 'damaged';
  /** The challenger's binding, so that it cannot be replayed. */
  readonly binding: Uint8Array;
}

/** Who holds a shard that a host handed over. */
export interface MovedShard {
  readonly segment: number;
  readonly index: number;
  readonly host: NodeId;
}

/** Control frames from the side that serves. */
export type BatAnswer =
  | { readonly kind: 'accepted'; readonly offset: number }
  | { readonly kind: 'refused'; readonly reason: BatRefusal; readonly detail: string }
  /** Signed receipt bytes follow as data when longer than a control frame may be; then end. */
  | { readonly kind: 'receipt'; readonly receiptBytes: number }
  /** `leafHashes` of the whole shard, then `length` raw bytes as data. */
  | {
      readonly kind: 'serving';
      readonly shardBytes: number;
      readonly offset: number;
      readonly length: number;
      readonly leafHashes: readonly Uint8Array[];
    }
  /** One per challenged leaf in order; a `leaf` is followed by `length` raw bytes as data. */
  | { readonly kind: 'leaf'; readonly length: number; readonly path: readonly Uint8Array[] }
  | { readonly kind: 'leaf-missing'; readonly statement: Uint8Array; readonly signature: Uint8Array }
  | { readonly kind: 'held'; readonly shards: readonly HeldShard[]; readonly hasMore: boolean }
  | { readonly kind: 'released'; readonly count: number }
  | {
      readonly kind: 'status';
      readonly offerBytes: number;
      readonly usedBytes: number;
      readonly roomBytes: number;
      readonly isLeaving: boolean;
    }
  /** What the circuit may carry, both ways together, what is left of the relay's day for all, and for how long it may last. */
  | { readonly kind: 'relay-ready'; readonly bytesMax: number; readonly bytesLeftToday: number; readonly msMax: number }
  /** The other node is there: what follows as data is its own. */
  | { readonly kind: 'relay-open' }
  /** Where datagrams for the node arrive now; an unspecified host is the one that it dialled. */
  | { readonly kind: 'tunnel-open'; readonly address: Address }
  /** HANDOFF: the roster and its signature are to come first. */
  | { readonly kind: 'roster-wanted' }
  /** The shard was handed over to this host. */
  | { readonly kind: 'moved'; readonly host: NodeId }
  /** Behind the last page of `held`: what was handed over, and to whom, as positions in `hosts`. */
  | { readonly kind: 'moved-places'; readonly hosts: readonly NodeId[]; readonly places: readonly (readonly [number, number, number])[] }
  | { readonly kind: 'digest'; readonly sha256: Uint8Array };
