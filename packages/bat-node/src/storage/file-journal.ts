// pure: the journal of one hosted file: framed, checksummed records, so that what was acknowledged outlives the index.
import {
  type CborValue,
  concatBytes,
  equalBytes,
  listOf,
  MiB,
  makeCodec,
  type Shape,
  ShapeError,
  sha256,
  uintBytes,
  uintOf,
} from '@batchain/shared';
import { type FileRecord, fileRecordShape, type Place, type PlaceRecord, placeOf, placeRecordShape } from './hosted-records.ts';

export type JournalRecord =
  /** The file as it is from now on. */
  | { readonly kind: 'file'; readonly file: FileRecord }
  /** Shards became durable. */
  | { readonly kind: 'kept'; readonly places: readonly PlaceRecord[] }
  /** Shards were released, expired or lost. */
  | { readonly kind: 'dropped'; readonly places: readonly Place[] }
  /** All of the file is released. */
  | { readonly kind: 'ended' };

/** What the records of a journal say, in their order. */
export interface JournalState {
  readonly file: FileRecord | undefined;
  readonly places: ReadonlyMap<Place, PlaceRecord>;
  /** Bytes up to the end of the last whole record. */
  readonly wholeBytes: number;
  /** Bytes between whole records that are none: the disk lost something that was synced. */
  readonly isDamaged: boolean;
  /** Bytes after the last whole record: an append that did not finish. */
  readonly isTorn: boolean;
}

/** Places per record, so that one damaged record loses little and a record is bounded. */
const RECORD_PLACES_MAX = 1000;
const RECORD_BYTES_MAX: number = MiB;
const MARK: Uint8Array = Uint8Array.of(0xba, 0x7c, 0x1a, 0x01);
const CHECK_BYTES = 8;
/** Mark, length, checksum. */
const HEAD_BYTES: number = MARK.length + 4 + CHECK_BYTES;

const KINDS = ['file', 'kept', 'dropped', 'ended'] as const;
const placesShape = listOf(placeRecordShape, RECORD_PLACES_MAX);
const droppedShape = listOf(uintOf(), RECORD_PLACES_MAX);

function bodyOf(record: JournalRecord): CborValue {
  if (record.kind === 'file') return fileRecordShape.toCbor(record.file);
  if (record.kind === 'kept') return placesShape.toCbor(record.places);
  return record.kind === 'dropped' ? droppedShape.toCbor(record.places) : null;
}

const recordShape: Shape<JournalRecord> = {
  toCbor: (record) => [KINDS.indexOf(record.kind), bodyOf(record)],
  fromCbor: (value, at) => {
    if (!Array.isArray(value) || value.length !== 2) throw new ShapeError(at, 'a kind and a body');
    const [number, body] = value as [CborValue, CborValue];
    const kind = typeof number === 'number' ? KINDS[number] : undefined;
    if (kind === 'file') return { kind, file: fileRecordShape.fromCbor(body, at) };
    if (kind === 'kept') return { kind, places: placesShape.fromCbor(body, at) };
    if (kind === 'dropped') return { kind, places: droppedShape.fromCbor(body, at) };
    if (kind === 'ended') return { kind };
    throw new ShapeError(at, 'a known kind of record');
  },
};

const recordCodec = makeCodec<JournalRecord>('journal record', RECORD_BYTES_MAX, recordShape);

/** The bytes that append these records. */
export function encodeJournal(records: readonly JournalRecord[]): Uint8Array {
  const parts = records.flatMap(split).flatMap((record) => {
    const body = recordCodec.encode(record);
    return [MARK, uintBytes(body.length, 4), sha256(body).subarray(0, CHECK_BYTES), body];
  });
  return concatBytes(...parts);
}

/** A whole journal that says the same in as few records as there can be. */
export function compactJournal(file: FileRecord, places: readonly PlaceRecord[]): Uint8Array {
  return encodeJournal([{ kind: 'file', file }, ...(places.length === 0 ? [] : [{ kind: 'kept', places } as const])]);
}

function split(record: JournalRecord): JournalRecord[] {
  if (record.kind !== 'kept' && record.kind !== 'dropped') return [record];
  const { kind, places } = record;
  const parts: JournalRecord[] = [];
  for (let at = 0; at < places.length; at += RECORD_PLACES_MAX) {
    parts.push({ kind, places: places.slice(at, at + RECORD_PLACES_MAX) } as JournalRecord);
  }
  return parts;
}

interface FoundRecord {
  readonly record: JournalRecord;
  readonly start: number;
  readonly end: number;
}

function recordAt(bytes: Uint8Array, at: number): FoundRecord | undefined {
  if (at + HEAD_BYTES > bytes.length || !equalBytes(bytes.subarray(at, at + MARK.length), MARK)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bodyStart = at + HEAD_BYTES;
  const end = bodyStart + view.getUint32(at + MARK.length);
  if (end > bytes.length || end - bodyStart > RECORD_BYTES_MAX) return undefined;
  const body = bytes.subarray(bodyStart, end);
  if (!equalBytes(sha256(body).subarray(0, CHECK_BYTES), bytes.subarray(bodyStart - CHECK_BYTES, bodyStart))) return undefined;
  const decoded = recordCodec.decode(body);
  return decoded.ok ? { record: decoded.value, start: at, end } : undefined;
}

/** The next whole record from `at` on; damaged bytes are skipped by looking for the mark of the next. */
function nextRecord(bytes: Uint8Array, at: number): FoundRecord | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let mark = at; mark >= 0; mark = text.indexOf(MARK, mark + 1)) {
    const found = recordAt(bytes, mark);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Reads whatever the disk gives; never throws. */
export function parseJournal(bytes: Uint8Array): JournalState {
  let file: FileRecord | undefined;
  const places = new Map<Place, PlaceRecord>();
  let wholeBytes = 0;
  let isDamaged = false;
  for (let found = nextRecord(bytes, 0); found !== undefined; found = nextRecord(bytes, wholeBytes)) {
    const { record, start, end } = found;
    isDamaged ||= start !== wholeBytes;
    wholeBytes = end;
    if (record.kind === 'file') file = record.file;
    else if (record.kind === 'kept') for (const place of record.places) places.set(placeOf(place), place);
    else if (record.kind === 'dropped') for (const place of record.places) places.delete(place);
    else places.clear();
  }
  return { file, places, wholeBytes, isDamaged, isTorn: wholeBytes < bytes.length };
}
