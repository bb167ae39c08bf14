// The bound of shards per file, reached without storing thousands: what is under way counts as filled.
import { day, GiB, keyPairFromSeed, present, sha256, utf8Bytes } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { expect, it } from 'vitest';
import { SHARDS_PER_FILE_MAX } from '../limits.ts';
import { makeFileId } from '../manifest/manifest.ts';
import { digestShard } from '../pipeline/shard.ts';
import type { StoreOrder } from '../ports.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { MemoryKeyValueStore } from './memory-key-value-store.ts';
import { StoreCore } from './store-core.ts';
import { StoreIntake } from './store-intake.ts';

const named = (label: string): Uint8Array => sha256(utf8Bytes(label));
const owner = keyPairFromSeed(named('owner'));

function shardAt(segment: number, index: number, file = 'song') {
  const bytes = new Uint8Array(64).fill(segment);
  bytes[0] = index;
  const { id, leafHashes } = digestShard(bytes);
  const fileNonce = named(file);
  const fileId = makeFileId(owner.publicKey, fileNonce);
  const keys = { ownerKey: owner.publicKey, fileNonce, accessKey: named('access'), leaseId: named('lease').slice(0, 16) };
  const order: StoreOrder = { fileId, segment, index, ...keys, shardId: id, length: bytes.length };
  return { order, leafHashes };
}

it('T15 a host takes one shard of each segment of a file, as many as a file has segments, and no more', async () => {
  const simulation = createSimRuntime('intake');
  const { runtime } = simulation.node('host');
  const core = new StoreCore(runtime, new MemoryFileSystem(), new MemoryKeyValueStore(), {
    hostedPath: '/hosted',
    offerBytes: GiB,
    keepFreeBytes: 0,
  });
  const intake = new StoreIntake(core);
  const begin = ({ order, leafHashes }: ReturnType<typeof shardAt>) => intake.begin(order, leafHashes, runtime.clock.nowMs() + day);
  await simulation.clock.runUntilSettled(
    (async () => {
      await core.open();
      expect(await begin(shardAt(0, 0))).toMatchObject({ ok: true });
      const entry = present(core.ledger.get(shardAt(0, 0).order.fileId), 'the file');
      for (let segment = 1; segment < SHARDS_PER_FILE_MAX - 1; segment++) entry.places.push(segment * 256);
      expect(await begin(shardAt(0, 1))).toMatchObject({ ok: true });
      expect(await begin(shardAt(0, 2))).toMatchObject({ ok: false, reason: 'too-many-shards' });
      expect(await begin(shardAt(0, 2, 'another song'))).toMatchObject({ ok: true });
    })(),
    { deadlineMs: day },
  );
});
