import { type Codec, decodeCbor, encodeCbor, equalBytes, type NodeId } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileId, ShardId } from '../ids.ts';
import {
  CONTROL_BYTES_MAX,
  HELD_PAGE_MAX,
  LEAVES_MAX,
  MOVED_HOSTS_MAX,
  RECEIPT_BYTES_MAX,
  SEGMENTS_MAX,
  SHARD_BYTES_MAX,
  SHARDS_PER_FILE_MAX,
} from '../limits.ts';
import { batAnswerCodec, batRequestCodec } from './frame-codecs.ts';
import type { BatAnswer, BatRequest } from './frames.ts';
import { signReceipt } from './receipt.ts';

const bytes = (length: number, fill = 7): Uint8Array => new Uint8Array(length).fill(fill);
const fileId = bytes(32, 1) as FileId;
const shardId = bytes(32, 2) as ShardId;
const nodeId = bytes(32, 3) as NodeId;
const held = (segment: number) => ({ segment, index: 255, shardId, length: SHARD_BYTES_MAX, isDamaged: true });

const store: BatRequest = {
  verb: 'store',
  order: {
    fileId,
    segment: SEGMENTS_MAX - 1,
    index: 255,
    ownerKey: bytes(32),
    fileNonce: bytes(32),
    accessKey: bytes(32),
    leaseId: bytes(16),
    shardId,
    length: SHARD_BYTES_MAX,
  },
  leafHashes: Array.from({ length: LEAVES_MAX }, () => bytes(32)),
};
const requests: BatRequest[] = [
  store,
  { verb: 'commit', fileId, rosterId: bytes(32), rosterBytes: 100 },
  { verb: 'fetch', fileId, proof: bytes(64), segment: 0, index: 0, offset: 0, length: 1 },
  { verb: 'challenge', fileId, proof: bytes(64), leaves: [{ segment: 1, index: 2, leaf: 3 }] },
  { verb: 'have', fileId, proof: bytes(64), after: null },
  { verb: 'have', fileId, proof: bytes(64), after: [1, 2] },
  { verb: 'renew', fileId },
  { verb: 'release', fileId, refs: [[0, 1]] },
  { verb: 'release', fileId, refs: null },
  { verb: 'status', needBytes: 0 },
  { verb: 'kad-tunnel' },
  { verb: 'handoff', order: store.order, leafHashes: store.leafHashes, rosterId: bytes(32), rosterBytes: 12, leaseUntilMs: 2e12 },
  { verb: 'digest', fileId, proof: bytes(64), segment: 0, index: 0, offset: 3, length: SHARD_BYTES_MAX },
];
const serving: BatAnswer = {
  kind: 'serving',
  shardBytes: SHARD_BYTES_MAX,
  offset: 0,
  length: SHARD_BYTES_MAX,
  leafHashes: store.leafHashes,
};
const answers: BatAnswer[] = [
  { kind: 'accepted', offset: 16_384 },
  { kind: 'refused', reason: 'no-room', detail: 'offer of 1 GiB' },
  { kind: 'receipt', receiptBytes: 300 },
  serving,
  { kind: 'leaf', length: 16_384, path: Array.from({ length: 13 }, () => bytes(32)) },
  { kind: 'leaf-missing', statement: bytes(100), signature: bytes(64) },
  { kind: 'held', shards: Array.from({ length: HELD_PAGE_MAX }, (_, i) => held(i)), hasMore: true },
  { kind: 'released', count: 3 },
  { kind: 'status', offerBytes: 1, usedBytes: 2, roomBytes: 3, isLeaving: false },
  { kind: 'tunnel-open', address: { host: '203.0.113.1', port: 40_000 } },
  { kind: 'roster-wanted' },
  { kind: 'moved', host: nodeId },
  {
    kind: 'moved-places',
    hosts: Array.from({ length: MOVED_HOSTS_MAX }, () => nodeId),
    places: Array.from({ length: SHARDS_PER_FILE_MAX }, (_, segment) => [segment, 255, MOVED_HOSTS_MAX - 1] as const),
  },
  { kind: 'digest', sha256: bytes(32) },
];

describe('requests and answers', () => {
  it('survive the way through bytes, the largest ones too', () => {
    const roundTrip = <T>(codec: Codec<T>, value: T): void => {
      const encoded = codec.encode(value);
      expect(encoded.length).toBeLessThan(CONTROL_BYTES_MAX);
      const decoded = codec.decode(encoded);
      if (!decoded.ok) throw new Error(decoded.detail);
      if (encoded.length < 1000) expect(decoded.value).toEqual(value);
      expect(equalBytes(codec.encode(decoded.value), encoded)).toBe(true);
    };
    for (const request of requests) roundTrip(batRequestCodec, request);
    for (const answer of answers) roundTrip(batAnswerCodec, answer);
  });

  it('a receipt for a shard of every segment fits', () => {
    const signer = { publicKey: bytes(32), nodeId: bytes(32) as never, sign: () => bytes(64) };
    const shards = Array.from({ length: SEGMENTS_MAX }, (_, segment) => held(segment));
    const receipt = {
      hostKey: bytes(32),
      ownerKey: bytes(32),
      leaseId: bytes(16),
      fileId,
      shards,
      durableSinceMs: 2e12,
      leaseUntilMs: 2e12,
      isCommitted: true,
    };
    expect(signReceipt(signer, receipt).length).toBeLessThan(RECEIPT_BYTES_MAX);
  });

  it('ignore unknown odd extensions, refuse unknown even ones, unknown verbs and anything beyond a limit', () => {
    const bent = (request: BatRequest, change: (message: any[]) => void): Uint8Array => {
      const decoded = decodeCbor(batRequestCodec.encode(request), CONTROL_BYTES_MAX);
      const message = structuredClone(decoded.ok ? decoded.value : []) as any[];
      change(message);
      return encodeCbor(message);
    };
    const renew: BatRequest = { verb: 'renew', fileId };
    expect(batRequestCodec.decode(bent(renew, (message) => message[2].set(5, bytes(3))))).toEqual({ ok: true, value: renew });
    expect(batRequestCodec.decode(bent(renew, (message) => message[2].set(6, bytes(3))))).toMatchObject({
      reason: 'unsupported-extension',
    });
    expect(batRequestCodec.decode(bent(renew, (message) => message.splice(0, 1, 99)))).toMatchObject({ reason: 'unsupported-version' });
    const wrong: ((message: any[]) => void)[] = [
      (message) => message.pop(),
      (message) => message[1].push(0),
      (message) => message[1].splice(0, 1, bytes(31)),
      (message) => message.splice(0, 1, -1),
    ];
    for (const change of wrong) expect(batRequestCodec.decode(bent(renew, change)).ok).toBe(false);
    const overLimit: ((order: any[]) => void)[] = [
      (order) => order.splice(1, 1, SEGMENTS_MAX),
      (order) => order.splice(2, 1, 256),
      (order) => order.splice(8, 1, SHARD_BYTES_MAX + 1),
      (order) => order.splice(8, 1, 0),
      (order) => order.splice(8, 1, 1.5),
    ];
    for (const change of overLimit) expect(batRequestCodec.decode(bent(store, (message) => change(message[1][0]))).ok).toBe(false);
    expect(batRequestCodec.decode(bent(store, (message) => message[1][1].push(bytes(32)))).ok).toBe(false);
  });

  it('T13 hostile bytes give a reason and never throw', () => {
    const valid = [
      ...requests.slice(1).map((request) => batRequestCodec.encode(request)),
      ...answers.slice(0, 3).map((answer) => batAnswerCodec.encode(answer)),
    ];
    const mutated = fc.tuple(fc.constantFrom(...valid), fc.nat(), fc.nat(255), fc.nat()).map(([message, at, byte, cut]) => {
      const copy = message.slice(0, 1 + (cut % message.length));
      copy[at % copy.length] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (input) => {
        for (const codec of [batRequestCodec, batAnswerCodec]) {
          const decoded = codec.decode(input);
          if (!decoded.ok) expect(decoded.reason).toMatch(/^[a-z-]+$/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
