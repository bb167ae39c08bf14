// pure: requests and answers of streams as bytes: [verb, fields, extensions] in strict CBOR (docs/spec/bat-wire.md).
import {
  addressShape,
  boolean,
  bytesOf,
  type CborValue,
  type Codec,
  extensionsOf,
  idOf,
  listOf,
  makeCodec,
  NO_EXTENSIONS,
  type NodeId,
  nullable,
  recordOf,
  type Shape,
  ShapeError,
  textOf,
  tupleOf,
  uintOf,
  wordOf,
} from '@batchain/shared';
import type { FileId, ShardId } from '../ids.ts';
import {
  CHALLENGE_LEAVES_MAX,
  CONTROL_BYTES_MAX,
  HELD_PAGE_MAX,
  LEAF_BYTES,
  LEAVES_MAX,
  MOVED_HOSTS_MAX,
  RECEIPT_BYTES_MAX,
  ROSTER_BYTES_MAX,
  SEGMENTS_MAX,
  SHARD_BYTES_MAX,
  SHARDS_PER_FILE_MAX,
  TOTAL_SHARDS_MAX,
} from '../limits.ts';
import type { StoreOrder } from '../ports.ts';
import type { BatAnswer, BatRefusal, BatRequest, HeldShard, LeafRef } from './frames.ts';

const HASH_BYTES = 32;
const CIRCUIT_ID_BYTES = 16;
const DETAIL_LENGTH_MAX = 200;
/** A Merkle path in the largest shard: 4,097 leaves make 13 levels. */
const PATH_MAX = 13;

const segmentShape = uintOf(SEGMENTS_MAX - 1);
const indexShape = uintOf(TOTAL_SHARDS_MAX - 1);
const proofShape = bytesOf(64);
const hashesShape = listOf(bytesOf(HASH_BYTES), LEAVES_MAX);
const fileIdShape: Shape<FileId> = idOf();
const shardIdShape: Shape<ShardId> = idOf();
const nodeIdShape: Shape<NodeId> = idOf();

const orderShape: Shape<StoreOrder> = recordOf({
  fileId: fileIdShape,
  segment: segmentShape,
  index: indexShape,
  ownerKey: bytesOf(32),
  fileNonce: bytesOf(32),
  accessKey: bytesOf(32),
  leaseId: bytesOf(16),
  shardId: shardIdShape,
  length: uintOf(SHARD_BYTES_MAX, 1),
});

export const heldShape: Shape<HeldShard> = recordOf({
  segment: segmentShape,
  index: indexShape,
  shardId: shardIdShape,
  length: uintOf(SHARD_BYTES_MAX, 1),
  isDamaged: boolean,
});

const leafShape: Shape<LeafRef> = recordOf({ segment: segmentShape, index: indexShape, leaf: uintOf(LEAVES_MAX - 1) });
const placeShape: Shape<readonly [number, number]> = tupleOf(segmentShape, indexShape);
const movedShape: Shape<readonly [number, number, number]> = tupleOf(segmentShape, indexShape, uintOf(MOVED_HOSTS_MAX - 1));

/** Words are their position in this list on the wire: append only. */
export const REFUSALS = [
  'no-room',
  'disk-full',
  'owner-share',
  'too-many-shards',
  'conflict',
  'busy',
  'read-only',
  'io-error',
  'bad-bytes',
  'incomplete',
  'stopped',
  'refused',
  'not-held',
  'damaged',
  'not-owner',
  'wrong-file-id',
  'bad-roster',
  'out-of-range',
  'malformed',
  'unsupported-verb',
  'unsupported-extension',
  'too-large',
  'leaving',
  'not-a-relay',
  'relay-full',
  'relay-quota',
  'no-counterpart',
  'same-segment',
  'lease-over',
] as const satisfies readonly BatRefusal[];

type Fields = Readonly<Record<string, Shape<any>>>;

/** A union over its tag: coded as [position of the tag, record of its fields, extensions]. */
function taggedUnion<T extends object, K extends keyof T & string>(
  tag: K,
  variants: readonly (readonly [T[K] & string, Fields])[],
): Shape<T> {
  const extensions = extensionsOf();
  const shapes = variants.map(([, fields]) => recordOf(fields));
  return {
    toCbor: (value) => {
      const at = variants.findIndex(([word]) => word === value[tag]);
      const shape = shapes[at] as Shape<object>;
      return [at, shape.toCbor(value), extensions.toCbor(NO_EXTENSIONS)];
    },
    fromCbor: (value, at) => {
      if (!Array.isArray(value) || value.length !== 3) throw new ShapeError(at, '3 fields');
      const [position, body, map] = value as readonly CborValue[] as [CborValue, CborValue, CborValue];
      const variant = typeof position === 'number' ? variants[position] : undefined;
      if (variant === undefined) throw new ShapeError(`${at}.${tag}`, 'a known one', 'unsupported-version');
      extensions.fromCbor(map, `${at}.extensions`);
      const fields = (shapes[position as number] as Shape<object>).fromCbor(body, at);
      return { [tag]: variant[0], ...fields } as T;
    },
  };
}

/** `decode` answers `unsupported-version` for a verb that is not known here. */
export const batRequestCodec: Codec<BatRequest> = makeCodec(
  'bat-request',
  CONTROL_BYTES_MAX,
  taggedUnion<BatRequest, 'verb'>('verb', [
    ['store', { order: orderShape, leafHashes: hashesShape }],
    ['commit', { fileId: fileIdShape, rosterId: bytesOf(HASH_BYTES), rosterBytes: uintOf(ROSTER_BYTES_MAX, 1) }],
    [
      'fetch',
      {
        fileId: fileIdShape,
        proof: proofShape,
        segment: segmentShape,
        index: indexShape,
        offset: uintOf(SHARD_BYTES_MAX),
        length: uintOf(SHARD_BYTES_MAX, 1),
      },
    ],
    ['challenge', { fileId: fileIdShape, proof: proofShape, leaves: listOf(leafShape, CHALLENGE_LEAVES_MAX) }],
    ['have', { fileId: fileIdShape, proof: proofShape, after: nullable(placeShape) }],
    ['renew', { fileId: fileIdShape }],
    ['release', { fileId: fileIdShape, refs: nullable(listOf(placeShape, SEGMENTS_MAX)) }],
    ['status', { needBytes: uintOf() }],
    ['relay', { circuit: bytesOf(CIRCUIT_ID_BYTES), peer: nodeIdShape }],
    ['kad-tunnel', {}],
    [
      'handoff',
      {
        order: orderShape,
        leafHashes: hashesShape,
        rosterId: bytesOf(HASH_BYTES),
        rosterBytes: uintOf(ROSTER_BYTES_MAX, 1),
        leaseUntilMs: uintOf(),
      },
    ],
    [
      'digest',
      {
        fileId: fileIdShape,
        proof: proofShape,
        segment: segmentShape,
        index: indexShape,
        offset: uintOf(SHARD_BYTES_MAX),
        length: uintOf(SHARD_BYTES_MAX, 1),
      },
    ],
  ]),
);

export const batAnswerCodec: Codec<BatAnswer> = makeCodec(
  'bat-answer',
  CONTROL_BYTES_MAX,
  taggedUnion<BatAnswer, 'kind'>('kind', [
    ['accepted', { offset: uintOf(SHARD_BYTES_MAX) }],
    ['refused', { reason: wordOf(REFUSALS), detail: textOf(DETAIL_LENGTH_MAX) }],
    ['receipt', { receiptBytes: uintOf(RECEIPT_BYTES_MAX, 1) }],
    [
      'serving',
      { shardBytes: uintOf(SHARD_BYTES_MAX, 1), offset: uintOf(SHARD_BYTES_MAX), length: uintOf(SHARD_BYTES_MAX), leafHashes: hashesShape },
    ],
    ['leaf', { length: uintOf(LEAF_BYTES, 1), path: listOf(bytesOf(HASH_BYTES), PATH_MAX) }],
    ['leaf-missing', { statement: bytesOf(1, 512), signature: bytesOf(64) }],
    ['held', { shards: listOf(heldShape, HELD_PAGE_MAX), hasMore: boolean }],
    ['released', { count: uintOf() }],
    ['status', { offerBytes: uintOf(), usedBytes: uintOf(), roomBytes: uintOf(), isLeaving: boolean }],
    ['relay-ready', { bytesMax: uintOf(), bytesLeftToday: uintOf(), msMax: uintOf() }],
    ['relay-open', {}],
    ['tunnel-open', { address: addressShape }],
    ['roster-wanted', {}],
    ['moved', { host: nodeIdShape }],
    ['moved-places', { hosts: listOf(nodeIdShape, MOVED_HOSTS_MAX), places: listOf(movedShape, SHARDS_PER_FILE_MAX) }],
    ['digest', { sha256: bytesOf(HASH_BYTES) }],
  ]),
);
