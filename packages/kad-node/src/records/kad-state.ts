// pure: what a KadNode keeps over a restart, as versioned parts of CBOR: peers, own records, others' records (BN-49).
import {
  type Address,
  addressShape,
  boolean,
  bytesOf,
  type CborValue,
  decodeCbor,
  encodeCbor,
  fail,
  idOf,
  listOf,
  type NodeId,
  nullable,
  ok,
  type Result,
  recordOf,
  type Shape,
  ShapeError,
  uintOf,
  VALUE_BYTES_MAX,
  wordOf,
} from '@batchain/shared';
import { RECORD_BYTES_MAX, RECORD_LIFETIME_MAX_MS, STATE_PART_BYTES_MAX, STATE_ROWS_MAX, VALUE_NAME_BYTES_MAX } from '../limits.ts';
import { RECORD_KINDS, type RecordKind } from './record-kind.ts';

const STATE_VERSION = 2;
/** Its own records have no lifetime of their own, and a withdrawal no sequence of its own. */
const STATE_VERSION_BEFORE = 1;

/** A peer worth asking after a restart. */
export interface SavedPeer {
  readonly nodeId: NodeId;
  readonly address: Address;
  /** Wall clock. */
  readonly seenMs: number;
}

export interface SavedOwnRecord {
  readonly kind: RecordKind;
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly payload: Uint8Array | null;
  readonly name: Uint8Array;
  readonly isWithdrawn: boolean;
  /** Chosen for this record; null for the usual one. */
  readonly lifetimeMs: number | null;
  /** Time since anybody stored it, when the state was saved; null when nobody did. */
  readonly publishedAgoMs: number | null;
}

export interface SavedRecord {
  readonly kind: RecordKind;
  /** When the state was saved. */
  readonly ageMs: number;
  readonly publisher: Uint8Array;
  /** Its owner's grant was checked when it came in. */
  readonly hasGrant: boolean;
  readonly bytes: Uint8Array;
}

export interface SavedHead {
  readonly nodeId: NodeId;
  /** Wall clock. */
  readonly savedMs: number;
  /** Of our own contact record. */
  readonly contactSequence: number;
}

export type KadStatePart =
  | { readonly type: 'head'; readonly head: SavedHead }
  | { readonly type: 'peers'; readonly peers: readonly SavedPeer[] }
  | { readonly type: 'own'; readonly own: readonly SavedOwnRecord[] }
  | { readonly type: 'records'; readonly records: readonly SavedRecord[] };

/** The port that keeps the state; the first part is always the head. */
export interface KadStateStore {
  /** The parts as they were saved, in order; none when nothing was saved. */
  load(): AsyncIterable<Uint8Array>;
  /** Replaces what was saved, all or nothing. Parts are made one by one as they are taken, so that no call holds the event loop long. */
  save(parts: Iterable<Uint8Array>): Promise<void>;
}

const headShape: Shape<SavedHead> = recordOf({ nodeId: idOf<NodeId>(), savedMs: uintOf(), contactSequence: uintOf() });
const peerShape: Shape<SavedPeer> = recordOf({ nodeId: idOf<NodeId>(), address: addressShape, seenMs: uintOf() });
const ownFields = {
  kind: wordOf(RECORD_KINDS),
  key: bytesOf(32),
  sequence: uintOf(),
  payload: nullable(bytesOf(0, VALUE_BYTES_MAX)),
  name: bytesOf(0, VALUE_NAME_BYTES_MAX),
  isWithdrawn: boolean,
  publishedAgoMs: nullable(uintOf()),
};
const ownShapeBefore = recordOf(ownFields);
const ownShape: Shape<SavedOwnRecord> = recordOf({ ...ownFields, lifetimeMs: nullable(uintOf(RECORD_LIFETIME_MAX_MS)) });
const recordShape: Shape<SavedRecord> = recordOf({
  kind: wordOf(RECORD_KINDS),
  ageMs: uintOf(),
  publisher: bytesOf(32),
  hasGrant: boolean,
  bytes: bytesOf(1, RECORD_BYTES_MAX),
});

const peersShape = listOf(peerShape, STATE_ROWS_MAX);
const ownRecordsShape = listOf(ownShape, STATE_ROWS_MAX);
const ownRecordsShapeBefore = listOf(ownShapeBefore, STATE_ROWS_MAX);
const recordsShape = listOf(recordShape, STATE_ROWS_MAX);

function payloadOf(part: KadStatePart): CborValue {
  switch (part.type) {
    case 'head':
      return headShape.toCbor(part.head);
    case 'peers':
      return peersShape.toCbor(part.peers);
    case 'own':
      return ownRecordsShape.toCbor(part.own);
    case 'records':
      return recordsShape.toCbor(part.records);
  }
}

/** A withdrawal of that time was to be signed under the next sequence. */
function ownRecordsBefore(content: CborValue): SavedOwnRecord[] {
  const rows = ownRecordsShapeBefore.fromCbor(content, 'own');
  return rows.map((row) => ({ ...row, lifetimeMs: null, sequence: row.isWithdrawn ? row.sequence + 1 : row.sequence }));
}

const PART_TYPES = ['head', 'peers', 'own', 'records'] as const;

/** [version, part type, content]. */
export function encodeStatePart(part: KadStatePart): Uint8Array {
  return encodeCbor([STATE_VERSION, PART_TYPES.indexOf(part.type), payloadOf(part)]);
}

export function decodeStatePart(bytes: Uint8Array): Result<KadStatePart> {
  const decoded = decodeCbor(bytes, STATE_PART_BYTES_MAX);
  if (!decoded.ok) return decoded;
  const [version, type, content] = Array.isArray(decoded.value) ? (decoded.value as readonly CborValue[]) : [];
  if (version !== STATE_VERSION && version !== STATE_VERSION_BEFORE) return fail('unsupported-version', String(version));
  if (content === undefined || typeof type !== 'number') return fail('malformed');
  try {
    switch (PART_TYPES[type]) {
      case 'head':
        return ok({ type: 'head', head: headShape.fromCbor(content, 'head') });
      case 'peers':
        return ok({ type: 'peers', peers: peersShape.fromCbor(content, 'peers') });
      case 'own':
        return ok({ type: 'own', own: version === STATE_VERSION ? ownRecordsShape.fromCbor(content, 'own') : ownRecordsBefore(content) });
      case 'records':
        return ok({ type: 'records', records: recordsShape.fromCbor(content, 'records') });
      default:
        return fail('malformed', `part type ${type}`);
    }
  } catch (error) {
    if (error instanceof ShapeError) return fail(error.reason, error.message);
    throw error;
  }
}

export interface KadState {
  readonly head: SavedHead;
  readonly peers: Iterable<SavedPeer>;
  readonly own: Iterable<SavedOwnRecord>;
  readonly records: Iterable<SavedRecord>;
}

/** Runs of at most STATE_ROWS_MAX rows; the largest row times that count stays below STATE_PART_BYTES_MAX. */
function* runsOf<T>(rows: Iterable<T>): IterableIterator<readonly T[]> {
  let run: T[] = [];
  for (const row of rows) {
    run.push(row);
    if (run.length < STATE_ROWS_MAX) continue;
    yield run;
    run = [];
  }
  if (run.length > 0) yield run;
}

/** The whole state, part by part, made as it is taken. */
export function* encodeState(state: KadState): IterableIterator<Uint8Array> {
  yield encodeStatePart({ type: 'head', head: state.head });
  for (const peers of runsOf(state.peers)) yield encodeStatePart({ type: 'peers', peers });
  for (const own of runsOf(state.own)) yield encodeStatePart({ type: 'own', own });
  for (const records of runsOf(state.records)) yield encodeStatePart({ type: 'records', records });
}
