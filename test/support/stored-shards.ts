// driven: owners, files and shards for the tests of stores, and the steps of storing one.
import { createCipheriv, createHash } from 'node:crypto';
import type { FileId, HostedShard, ShardRef, ShardStore, StoreOrder, StoreRefusal } from '@batchain/bat-node';
import { digestShard } from '@batchain/bat-node';
import { day, hour, KiB, plainBytes, type Result } from '@batchain/shared';

/** Bytes that follow from a name: a key stream, since tests want many. */
export function bytesNamed(name: string, length: number): Uint8Array {
  const cipher = createCipheriv('aes-256-ctr', createHash('sha256').update(name).digest(), new Uint8Array(16));
  return plainBytes(cipher.update(new Uint8Array(length)));
}

export interface TestShard {
  readonly order: StoreOrder;
  readonly bytes: Uint8Array;
  readonly leafHashes: readonly Uint8Array[];
}

export interface TestShardOptions {
  readonly owner?: string;
  readonly file?: string;
  readonly segment?: number;
  readonly index?: number;
  readonly length?: number;
  /** Names the bytes; equal names give equal shards. */
  readonly content?: string;
  readonly lease?: string;
}

export const SHARD_BYTES: number = 40 * KiB;
/** What a short file takes of the offer: a journal for one. */
export const DISK_BLOCK_BYTES: number = 4 * KiB;
export const PROVISIONAL_MS: number = 24 * hour;
export const FULL_LEASE_MS: number = 30 * day;

export function fileIdNamed(file = 'holiday'): FileId {
  return bytesNamed(`file ${file}`, 32) as FileId;
}

/** The shard at a place of a file; by default of its own content, three leaves long, the last one short. */
export function testShard(options: TestShardOptions = {}): TestShard {
  const { owner = 'ana', file = 'holiday', segment = 0, index = 0, length = SHARD_BYTES } = options;
  const bytes = bytesNamed(options.content ?? `${file} ${segment} ${index}`, length);
  const { id, leafHashes } = digestShard(bytes);
  const order: StoreOrder = {
    fileId: fileIdNamed(file),
    segment,
    index,
    ownerKey: bytesNamed(`owner ${owner}`, 32),
    fileNonce: bytesNamed(`nonce ${file}`, 32),
    accessKey: bytesNamed(`access ${file}`, 32),
    leaseId: bytesNamed(options.lease ?? `lease ${file}`, 16),
    shardId: id,
    length,
  };
  return { order, bytes, leafHashes };
}

/** Stores a shard as a host does: begin, write what is missing in pieces, commit. */
export async function storeShard(
  store: ShardStore,
  { order, bytes, leafHashes }: TestShard,
  leaseUntilMs: number,
  pieceBytes: number = 16 * KiB,
): Promise<Result<HostedShard, StoreRefusal>> {
  const start = await store.begin(order, leafHashes, leaseUntilMs);
  if (!start.ok) return start;
  if (start.value.kind === 'held') return { ok: true, value: start.value.shard };
  const { writer } = start.value;
  for (let at = writer.offset; at < bytes.length; at += pieceBytes) {
    const written = await writer.write(bytes.subarray(at, at + pieceBytes));
    if (!written.ok) {
      await writer.abandon();
      return written;
    }
  }
  const kept = await writer.commit();
  if (!kept.ok) await writer.abandon();
  return kept;
}

/** All bytes of a hosted shard, or why not. */
export async function readShard(store: ShardStore, ref: ShardRef): Promise<Uint8Array | string> {
  const shard = store.shard(ref);
  if (shard === undefined) return 'not-held';
  const bytes = await store.read(ref, 0, shard.length);
  return bytes.ok ? bytes.value : bytes.reason;
}
