// pure: what the home remembers of one key of ours, as CBOR: enough to publish it again, and to let go of what an older value left.
import {
  bytesOf,
  type Codec,
  concatBytes,
  type Extensions,
  extensionsOf,
  makeCodec,
  NO_EXTENSIONS,
  nullable,
  type Result,
  recordOf,
  uintOf,
  VALUE_BYTES_MAX,
  wordOf,
} from '@batchain/shared';
import { VALUE_PIECES_MAX } from '../limits.ts';

const HASH_BYTES = 32;
const ROW_VERSION = 1;
/** Hashes of one value: its data pieces, and index pieces above them, a twenty-seventh and a little. */
const HASHES_MAX: number = VALUE_PIECES_MAX + Math.ceil(VALUE_PIECES_MAX / 20) + 1;
/** An overwritten value, and what of earlier ones could not be let go of. */
const OLD_HASHES_MAX: number = 4 * HASHES_MAX;
const OLD_FILES_MAX = 256;

/**
 * `publishing`: decided, and being brought to the network; after a crash it is published again. `live`: somebody has it. `removing`: a
 * tombstone is on its way. `removed`: it was heard of; remembered while copies of the value can live.
 */
export type RowState = 'publishing' | 'live' | 'removing' | 'removed';

/** Hashes and file ids are 32 bytes each, one after the other. */
export interface CatalogRow {
  readonly state: RowState;
  readonly sequence: number;
  /** The envelope, or what lies under the hash; null once removed. */
  readonly record: Uint8Array | null;
  /** Wall clock: when it was put; when it was removed. */
  readonly changedMs: number;
  readonly pieces: Uint8Array;
  /** Backing file. */
  readonly fileId: Uint8Array | null;
  /** Of earlier values: to be let go of when the network has the new state. */
  readonly oldPieces: Uint8Array;
  readonly oldFiles: Uint8Array;
}

const codec: Codec<CatalogRow & { readonly version: number; readonly extensions: Extensions }> = makeCodec(
  'catalog row',
  (HASHES_MAX + OLD_HASHES_MAX + OLD_FILES_MAX) * HASH_BYTES + 2 * VALUE_BYTES_MAX,
  recordOf({
    version: uintOf(ROW_VERSION, ROW_VERSION),
    state: wordOf(['publishing', 'live', 'removing', 'removed'] as const satisfies readonly RowState[]),
    sequence: uintOf(),
    record: nullable(bytesOf(1, VALUE_BYTES_MAX)),
    changedMs: uintOf(),
    pieces: bytesOf(0, HASHES_MAX * HASH_BYTES),
    fileId: nullable(bytesOf(HASH_BYTES)),
    oldPieces: bytesOf(0, OLD_HASHES_MAX * HASH_BYTES),
    oldFiles: bytesOf(0, OLD_FILES_MAX * HASH_BYTES),
    extensions: extensionsOf(),
  }),
);

export function encodeRow(row: CatalogRow): Uint8Array {
  return codec.encode({ ...row, version: ROW_VERSION, extensions: NO_EXTENSIONS });
}

export function decodeRow(bytes: Uint8Array): Result<CatalogRow> {
  return codec.decode(bytes);
}

export function splitHashes(joined: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.floor(joined.length / HASH_BYTES) }, (_, i) => joined.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}

/** Joined, the newest `max` of them. One that stands twice is needed twice. */
export function joinHashes(hashes: readonly Uint8Array[], max: number = HASHES_MAX): Uint8Array {
  return concatBytes(...hashes.slice(-max));
}

/** What a change leaves behind: the pieces and files of this row and those before it. */
export function leftBehind(row: CatalogRow | undefined): Pick<CatalogRow, 'oldPieces' | 'oldFiles'> {
  if (row === undefined) return { oldPieces: new Uint8Array(), oldFiles: new Uint8Array() };
  const files = [...splitHashes(row.oldFiles), ...(row.fileId === null ? [] : [row.fileId])];
  return {
    oldPieces: joinHashes([...splitHashes(row.oldPieces), ...splitHashes(row.pieces)], OLD_HASHES_MAX),
    oldFiles: joinHashes(files, OLD_FILES_MAX),
  };
}
