// pure: what programs call to keep and read values by key: on the network, or in the local store of this home (BD-02, BD-06).
import type { JsonValue } from '@batchain/shared';

/** `json`: any JSON value, given back equal. `bytes`: bytes as they are. */
export type ValueType = 'json' | 'bytes';

/** Where the bytes lie: in the record itself, as hashed pieces in the hash table, or as an encrypted file on hosts. */
export type ValueForm = 'inline' | 'pieces' | 'file';

export interface ValueProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface ValueCallOptions {
  readonly signal?: AbortSignal;
}

export interface ValuePlaceOptions extends ValueCallOptions {
  /** The local store of this home instead of the network; false by default. */
  readonly isLocal?: boolean;
}

export interface ValuePutOptions extends ValuePlaceOptions {
  /** The value is not given out after this time and is taken back; without it, it stays until removed. */
  readonly ttlMs?: number;
  /** Length of a piece, VALUE_PIECE_BYTES_MIN to 896 (the default); a value that is cut into pieces is never kept inline. */
  readonly pieceBytes?: number;
  readonly onProgress?: (progress: ValueProgress) => void;
}

export interface ValueOpenOptions extends ValuePlaceOptions {
  /** First byte wanted; 0 by default. */
  readonly offset?: number;
  /** Bytes wanted; up to the end by default. */
  readonly length?: number;
}

export interface ValueSaveOptions extends ValuePlaceOptions {
  /** Replaces what lies at the path. */
  readonly isForced?: boolean;
  readonly onProgress?: (progress: ValueProgress) => void;
}

/** What is known of a value of ours, without its bytes. */
export interface ValueEntry {
  /** As it was given to `put`; 64 hex digits for a value that is kept by its hash. */
  readonly key: string;
  readonly type: ValueType;
  readonly form: ValueForm;
  /** Length; of a JSON value the length of its text. */
  readonly bytes: number;
  /** Rises with each change of the key; 0 for a value by hash, which never changes. */
  readonly sequence: number;
  /** Pieces that the bytes were cut into; 0 in the other forms. */
  readonly pieces: number;
  readonly addedAtMs: number;
  readonly expiresAtMs: number | undefined;
  readonly isLocal: boolean;
}

export interface StoredValue extends ValueEntry {
  /** Other nodes that took the record (of a value in pieces: the fewest that took one of them); 0 in the local store. */
  readonly storedOn: number;
}

/** What is known of a value that was read. */
export interface ValueHead {
  readonly key: string;
  /** Node id of the owner, hex; undefined for a value by hash. */
  readonly owner: string | undefined;
  readonly type: ValueType;
  readonly form: ValueForm;
  readonly sequence: number;
  /** Of the whole value. */
  readonly bytesTotal: number;
  readonly expiresAtMs: number | undefined;
}

export type FoundValue = ValueHead &
  ({ readonly type: 'json'; readonly value: JsonValue } | { readonly type: 'bytes'; readonly bytes: Uint8Array });

/** An opened range of a value. Take the content, or `return` it: until then it may hold connections. */
export interface OpenedValue extends ValueHead {
  readonly offset: number;
  /** Bytes of the range, which ends at the end of the value at the latest. */
  readonly length: number;
  /** The bytes in order, each piece checked before it is given out. Throws when they can not be had, or are not the value. */
  readonly content: AsyncGenerator<Uint8Array, void>;
}

/** What the nodes that keep a part of a value say of it. */
export interface DigestedPart {
  readonly offset: number;
  readonly length: number;
  /** The right digest, hex. */
  readonly sha256: string;
  /** Not right is who keeps an older version, or something else. */
  readonly holders: readonly { readonly nodeId: string; readonly isRight: boolean }[];
  /** Nodes near the part that did not answer. */
  readonly silent: number;
}

export interface DigestedValue extends ValueHead {
  readonly offset: number;
  readonly length: number;
  /** The record, or each piece that the range touches. */
  readonly parts: readonly DigestedPart[];
}

export interface RemovedValue {
  readonly key: string;
  /** Of the tombstone; 0 for a value by hash and in the local store. */
  readonly sequence: number;
  /** Nodes that know of it. 0 when nobody was reached: the participant goes on trying; also for a value by hash, and a local one. */
  readonly storedOn: number;
}

export interface ValuesStats {
  readonly network: { readonly values: number; readonly bytes: number; readonly pieces: number };
  readonly local: { readonly values: number; readonly bytes: number };
}

/**
 * A KEY is 1 to 1,024 bytes of UTF-8. 64 lower-case hex digits name an immutable value by its SHA-256; `OWNER/KEY`, OWNER being the
 * node id or the public key of another participant (64 hex digits), names a value of theirs, which can only be read. Network values
 * can be read by whoever knows owner and key; those in form `file` lie encrypted on their hosts.
 *
 * Every rejection is a BatChainError: BAT_E_VALUE_KEY for a key that is none or can not be written, BAT_E_VALUE_TOO_LARGE,
 * BAT_E_VALUE_UNFIT for what is no JSON value, BAT_E_VALUE_BROKEN when what was found is not the value that its key promises,
 * BAT_E_VALUE_INCOMPLETE when parts of it can not be found now, BAT_E_NO_MEMBERS when nobody of the network answers,
 * BAT_E_NOT_ENOUGH_PEERS when a large value found too few hosts.
 */
export interface ValuesApi {
  /**
   * Stores, or replaces, the value of a key. Calls for one key happen one after the other. Aborted while its bytes go out, nothing has
   * changed; aborted while its record goes out, the change holds and is brought to the network later.
   */
  put(key: string, value: JsonValue | Uint8Array, options?: ValuePutOptions): Promise<StoredValue>;
  /** The bytes of the regular file at an absolute path. */
  putFile(key: string, path: string, options?: ValuePutOptions): Promise<StoredValue>;
  /** Bytes that come one after the other; large ones are spooled to a private file. */
  putStream(key: string, bytes: AsyncIterable<Uint8Array>, options?: ValuePutOptions): Promise<StoredValue>;
  /** Stores bytes under their hash: `key` of the result reads them, whoever asks. */
  putByHash(bytes: Uint8Array, options?: Omit<ValuePutOptions, 'ttlMs' | 'isLocal'>): Promise<StoredValue>;
  /** The same for the regular file at an absolute path. */
  putFileByHash(path: string, options?: Omit<ValuePutOptions, 'ttlMs' | 'isLocal'>): Promise<StoredValue>;
  /** The whole value; undefined when there is none. BAT_E_VALUE_TOO_LARGE beyond VALUE_WHOLE_BYTES_MAX: `open` streams those. */
  get(key: string, options?: ValuePlaceOptions): Promise<FoundValue | undefined>;
  /** Writes the whole value to a file at an absolute path, all of it or nothing; undefined when there is none. BAT_E_TARGET_EXISTS. */
  getFile(key: string, path: string, options?: ValueSaveOptions): Promise<ValueHead | undefined>;
  /** A range of the bytes (of a JSON value: of its text); undefined when there is no such value. */
  open(key: string, options?: ValueOpenOptions): Promise<OpenedValue | undefined>;
  /**
   * Has every node that keeps a range of a value hash it where it lies, and tells who is right (BD-45); undefined when there is no such
   * value. BAT_E_USAGE for one in form `file`, which audits check. Nobody vouches for a node that says what others have told it.
   */
  digest(key: string, options?: Omit<ValueOpenOptions, 'isLocal'>): Promise<DigestedValue | undefined>;
  /** Takes a value of ours back; undefined when we have none under the key. BAT_E_NOT_OWNER for somebody else's. */
  remove(key: string, options?: ValuePlaceOptions): Promise<RemovedValue | undefined>;
  /** Our values whose key begins with `prefix`, in order of their keys. */
  list(options?: { readonly isLocal?: boolean; readonly prefix?: string }): Promise<readonly ValueEntry[]>;
  stats(): ValuesStats;
}
