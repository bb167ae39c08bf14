// pure: what the storage side needs of its surroundings; adapters live in storage/, connection/ and the participant package.
import type { Connection, ContactRecord, DialFailure, NodeId, Result } from '@batchain/shared';
import type { BatSession } from './connection/bat-session.ts';
import type { FileId, ShardId } from './ids.ts';

/** Finds hosts and providers; the KadNode is behind it, but this package does not know. */
export interface Locator {
  /** Contact records that carry `stores`, nearest to the key first, the own node left out. */
  findHosts(key: FileId, count: number, signal: AbortSignal): Promise<readonly ContactRecord[]>;
  /** Who announced to keep shards of the file: ids, with contact records where known. */
  findProviders(key: FileId, signal: AbortSignal): Promise<readonly ProviderHint[]>;
  /** The newest contact record of a node. */
  resolve(nodeId: NodeId, signal: AbortSignal): Promise<ContactRecord | undefined>;
  /** Makes this host known as a provider of the files (BN-21); renewed until withdrawn, over restarts too. */
  announce(fileIds: readonly FileId[], signal: AbortSignal): Promise<void>;
  withdraw(fileIds: readonly FileId[], signal: AbortSignal): Promise<void>;
  /** What this host has announced and not withdrawn. */
  announced(): readonly FileId[];
}

export interface ProviderHint {
  readonly nodeId: NodeId;
  readonly record: ContactRecord | undefined;
}

/** Why no way leads to a node that answers calls. */
export interface NoWay {
  readonly reason: string;
  /** A relay would carry the connection: none is known, or the one that is refused. */
  readonly isRelayWanted: boolean;
}

/** Opens or reuses the one session to a node; the pool of connections is behind it. */
export interface Connector {
  connect(
    target: ProviderHint,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<Result<BatSession, DialFailure>>;
  /** After a failure: undefined when the node did not answer, or nothing is known of it. */
  noWay?(nodeId: NodeId): NoWay | undefined;
}

/** Makes a connection to a node by whatever way leads there. */
export interface Opener {
  open(target: ProviderHint, signal: AbortSignal): Promise<Result<Connection, DialFailure>>;
  /** See Connector. */
  noWay?(nodeId: NodeId): NoWay | undefined;
}

/** One shard's place: unique per file. */
export interface ShardRef {
  readonly fileId: FileId;
  readonly segment: number;
  readonly index: number;
}

/** What a STORE asks the host to keep. */
export interface StoreOrder extends ShardRef {
  readonly ownerKey: Uint8Array;
  readonly fileNonce: Uint8Array;
  /** Public half of the file's access key. */
  readonly accessKey: Uint8Array;
  /** 16 random bytes per file and host. */
  readonly leaseId: Uint8Array;
  readonly shardId: ShardId;
  /** Bytes of the shard. */
  readonly length: number;
}

/** A file of which this host keeps shards; its lease counts for all of them. */
export interface HostedFile {
  readonly fileId: FileId;
  readonly ownerKey: Uint8Array;
  readonly fileNonce: Uint8Array;
  readonly accessKey: Uint8Array;
  readonly leaseId: Uint8Array;
  /** False while the lease is provisional (before COMMIT). */
  readonly isCommitted: boolean;
  /** Wall clock. */
  readonly leaseUntilMs: number;
  /** From the roster; 0 = until released. */
  readonly keepUntilMs: number;
  readonly rosterId: Uint8Array | undefined;
}

export interface HostedShard extends ShardRef {
  readonly shardId: ShardId;
  readonly length: number;
  /** Wall clock of the moment it was durable. */
  readonly durableSinceMs: number;
  /** Set when a read or a scrub found wrong bytes; cleared by a new store, or by a scrub that finds the right ones. */
  readonly isDamaged: boolean;
}

export type StoreRefusal =
  /** The offer (quota) would be exceeded. */
  | 'no-room'
  /** The disk would go below keep-free, or it is full. */
  | 'disk-full'
  /** Above 80 % full this owner has had its share. */
  | 'owner-share'
  | 'too-many-shards'
  /** The same place holds another shard id, or the file is leased under another lease id. */
  | 'conflict'
  /** The same shard is being written right now. */
  | 'busy'
  | 'read-only'
  | 'io-error'
  /** The bytes do not hash to the announced leaves. */
  | 'bad-bytes'
  | 'incomplete'
  | 'stopped';

/** One shard on its way to the disk. Calls must not overlap. */
export interface ShardWriter {
  /** Bytes kept from an interrupted store of the same shard, verified again leaf by leaf; writing goes on here. */
  readonly offset: number;
  /** Appends bytes that the caller has checked against the leaf hashes. */
  write(bytes: Uint8Array): Promise<Result<void, StoreRefusal>>;
  /** Durable when it answers ok: bytes and index row synced. */
  commit(): Promise<Result<HostedShard, StoreRefusal>>;
  /** Ends without the shard; whole verified leaves stay on disk for a resumed store, the reservation is given back. */
  abandon(): Promise<void>;
}

export type StoreStart =
  | { readonly kind: 'held'; readonly shard: HostedShard }
  | { readonly kind: 'writing'; readonly writer: ShardWriter };

export interface StoreUsage {
  readonly offerBytes: number;
  /** What shards, journals and rosters take of the disk. */
  readonly usedBytes: number;
  readonly reservedBytes: number;
  readonly shardCount: number;
  readonly isReadOnly: boolean;
}

/** What a host remembers of a file whose shards it handed over. */
export interface MovedFile {
  /** Who proves this key is told. */
  readonly accessKey: Uint8Array;
  /** Those that got a shard, or were to get one. */
  readonly hosts: readonly NodeId[];
  readonly places: readonly { readonly segment: number; readonly index: number; readonly host: NodeId }[];
}

export type ReadFailure = 'not-held' | 'damaged' | 'io-error';

/** Durable shards with hard quota and leases. Used bytes come from the index, never from walking the disk. */
export interface ShardStore {
  open(): Promise<void>;
  close(): Promise<void>;
  usage(): StoreUsage;
  /** Bytes that a store of now would find (offer and disk considered). */
  roomBytes(): Promise<number>;
  /**
   * Reserves quota and opens a writer, or says that the shard is held already. Creates the file's provisional lease
   * until `leaseUntilMs` if there is none. Shards of equal id are stored once and counted.
   */
  begin(order: StoreOrder, leafHashes: readonly Uint8Array[], leaseUntilMs: number): Promise<Result<StoreStart, StoreRefusal>>;
  file(fileId: FileId): HostedFile | undefined;
  /** In order of (segment, index), from `after` on. */
  shards(fileId: FileId, page: { readonly after?: ShardRef; readonly max: number }): readonly HostedShard[];
  shard(ref: ShardRef): HostedShard | undefined;
  leafHashes(ref: ShardRef): Result<readonly Uint8Array[], ReadFailure>;
  /** Exactly `length` bytes from `offset`; unchecked: the caller verifies leaves it serves as audit proof. */
  read(ref: ShardRef, offset: number, length: number): Promise<Result<Uint8Array, ReadFailure>>;
  markDamaged(ref: ShardRef): Promise<void>;
  /** Makes the lease full (or renews it) until `leaseUntilMs`, never earlier than it was. Durable when resolved. */
  extendLease(
    fileId: FileId,
    change: { readonly leaseUntilMs: number; readonly isCommitted: boolean; readonly keepUntilMs?: number },
  ): Promise<Result<HostedFile, StoreRefusal | 'not-held'>>;
  /** Keeps the roster (and its signature) that the owner committed. */
  putRoster(
    fileId: FileId,
    rosterId: Uint8Array,
    roster: Uint8Array,
    signature: Uint8Array,
  ): Promise<Result<void, StoreRefusal | 'not-held'>>;
  roster(fileId: FileId): Promise<Result<{ readonly roster: Uint8Array; readonly signature: Uint8Array }, ReadFailure>>;
  /** What the kept roster, which the committer checked, names at a place; read without the rest of it. Undefined: nothing. */
  rosterShardId(ref: ShardRef): Promise<ShardId | undefined>;
  /** Forgets shards (all of the file when `refs` is undefined); bytes go when no other lease needs them (I11). */
  release(fileId: FileId, refs?: readonly ShardRef[]): Promise<number>;
  /** What was handed over of the file, until its lease would have ended; a shard that is held is not among it, or has come again. */
  moved(fileId: FileId): MovedFile | undefined;
  /** Remembers that shards of the file go to this host, before the first does: after a crash it is asked first. */
  planMove(fileId: FileId, host: NodeId): Promise<Result<void, StoreRefusal | 'not-held'>>;
  /** The shard is proved to be at this host: it is remembered, then the own copy goes. Durable when resolved. */
  move(ref: ShardRef, host: NodeId): Promise<Result<void, StoreRefusal | 'not-held'>>;
  /** Wall clock; undefined unless this host hands its shards over. Kept over restarts. */
  leavingSinceMs(): number | undefined;
  /** Durable when it resolves; undefined: it stays. Throws BAT_E_STORE_UNREADABLE. */
  setLeaving(sinceMs: number | undefined): Promise<void>;
  /** Ids of all hosted files with at least one durable shard. */
  files(): Iterable<HostedFile>;
  /** Drops what has expired (grace and trash of T15 included); the ids of files that are gone. */
  expire(nowMs: number): Promise<readonly FileId[]>;
  /** Re-reads every byte at a bounded rate, marks what is damaged and clears the mark of what is right again. */
  scrub(options: {
    readonly signal: AbortSignal;
    readonly bytesPerSecond: number;
  }): Promise<{ readonly checked: number; readonly damaged: number }>;
}
