// pure: finds one shard id in the bytes of a checked roster: its segments are of one size but for the last, so none is decoded.
import type { ShardId } from '../ids.ts';
import { TOTAL_SHARDS_MAX } from '../limits.ts';

const ID_BYTES = 32;
const UINT = 0;
const BYTES = 2;
const LIST = 4;
/** Everything before the segments, and the head of the first one. */
export const ROSTER_HEAD_BYTES = 128;
/** The list of two, the length of a shard and the ids with their heads. */
export const ROSTER_SEGMENT_BYTES_MAX: number = 1 + 5 + 3 + TOTAL_SHARDS_MAX * ID_BYTES;

/** Walks over heads of CBOR items (RFC 8949, section 3) in the shortest form; NaN once something else stood there. */
class HeadWalk {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The argument of the next head, which must be of this major type. */
  next(type: number): number {
    const head = this.#bytes[this.at] ?? Number.NaN;
    const info = head & 31;
    if (head >> 5 !== type || info > 26 || Number.isNaN(head)) return Number.NaN;
    const width = info < 24 ? 0 : 2 ** (info - 24);
    let argument = width === 0 ? info : 0;
    for (let i = 1; i <= width; i++) argument = argument * 256 + (this.#bytes[this.at + i] ?? Number.NaN);
    this.at += 1 + width;
    return argument;
  }

  /** Passes a text of bytes over. */
  skipBytes(): void {
    const length = this.next(BYTES);
    this.at += length;
  }
}

/** Walks to the first id; undefined when this is no segment. */
function openSegment(walk: HeadWalk): { readonly idsBytes: number } | undefined {
  if (walk.next(LIST) !== 2) return undefined;
  if (Number.isNaN(walk.next(UINT))) return undefined;
  const idsBytes = walk.next(BYTES);
  return Number.isNaN(idsBytes) ? undefined : { idsBytes };
}

/** Where a segment begins in the roster whose first bytes these are; undefined when it has no such segment. */
export function locateSegment(head: Uint8Array, segment: number): number | undefined {
  if (head.length < ROSTER_HEAD_BYTES) return undefined;
  const walk = new HeadWalk(head);
  // Version, suite, file id, owner key, nonce, k, n.
  walk.next(LIST);
  for (let i = 0; i < 2; i++) walk.next(UINT);
  for (let i = 0; i < 3; i++) walk.skipBytes();
  for (let i = 0; i < 2; i++) walk.next(UINT);
  const count = walk.next(LIST);
  const beginsAt = walk.at;
  const first = openSegment(walk);
  if (first === undefined || !(segment < count)) return undefined;
  return beginsAt + segment * (walk.at - beginsAt + first.idsBytes);
}

/** The id at this index of the segment whose bytes (and what follows them) these are; undefined when it has none. */
export function shardIdIn(bytes: Uint8Array, index: number): ShardId | undefined {
  const walk = new HeadWalk(bytes);
  const segment = openSegment(walk);
  if (segment === undefined || (index + 1) * ID_BYTES > segment.idsBytes) return undefined;
  const id = bytes.slice(walk.at + index * ID_BYTES, walk.at + (index + 1) * ID_BYTES);
  return id.length === ID_BYTES ? (id as ShardId) : undefined;
}
