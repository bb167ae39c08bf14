// driven: what every ShardStore must do, on a disk or in memory.
import { KiB, sha256 } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import {
  DISK_BLOCK_BYTES as BLOCK,
  bytesNamed,
  fileIdNamed,
  PROVISIONAL_MS,
  readShard,
  SHARD_BYTES,
  testShard,
} from '../../support/stored-shards.ts';
import { type ShardStoreWorld, storyOf, writerOf } from './shard-store-host.ts';

export function shardStoreSuite(name: string, makeWorld: () => ShardStoreWorld | Promise<ShardStoreWorld>): void {
  const story = storyOf(makeWorld);

  describe(`ShardStore: ${name}`, () => {
    it(
      'gives back exactly the bytes that it took, also after a restart (BN-49)',
      story(async (host) => {
        const shard = testShard();
        const kept = await host.put(shard);
        expect(kept).toMatchObject({ ok: true, value: { length: SHARD_BYTES, isDamaged: false, durableSinceMs: host.nowMs } });
        await host.restart();
        expect(await readShard(host.store, shard.order)).toEqual(shard.bytes);
        expect(host.store.shard(shard.order)?.shardId).toEqual(shard.order.shardId);
        expect(await host.store.read(shard.order, 20_000, 100)).toMatchObject({ ok: true, value: shard.bytes.slice(20_000, 20_100) });
        const leaves = host.store.leafHashes(shard.order);
        expect(leaves.ok && leaves.value).toEqual(shard.leafHashes);
        expect(host.store.usage()).toMatchObject({ usedBytes: SHARD_BYTES + BLOCK, reservedBytes: 0, shardCount: 1, isReadOnly: false });
      }),
    );

    it(
      'knows the file of a shard: its owner, keys, lease and that it is provisional',
      story(async (host) => {
        const shard = testShard();
        await host.put(shard);
        const { ownerKey, fileNonce, accessKey, leaseId, fileId } = shard.order;
        const expected = { fileId, ownerKey, fileNonce, accessKey, leaseId, isCommitted: false, leaseUntilMs: host.nowMs + PROVISIONAL_MS };
        expect(host.store.file(fileId)).toEqual({ ...expected, keepUntilMs: 0, rosterId: undefined });
        await host.restart();
        expect(host.store.file(fileId)).toEqual({ ...expected, keepUntilMs: 0, rosterId: undefined });
        expect([...host.store.files()].map((file) => file.fileId)).toEqual([fileId]);
        expect(host.store.file(fileIdNamed('other'))).toBeUndefined();
      }),
    );

    it(
      'lists the shards of a file in order of segment and index, page by page',
      story(async (host) => {
        const places = [
          [2, 0],
          [0, 7],
          [0, 1],
          [1, 255],
          [2, 3],
        ] as const;
        for (const [segment, index] of places) await host.put(testShard({ segment, index, length: 64 }));
        await host.put(testShard({ file: 'other', length: 64 }));
        const fileId = fileIdNamed();
        const page = host.store.shards(fileId, { max: 3 });
        expect(page.map(({ segment, index }) => [segment, index])).toEqual([
          [0, 1],
          [0, 7],
          [1, 255],
        ]);
        const rest = host.store.shards(fileId, { max: 10, after: page[2] as (typeof page)[number] });
        expect(rest.map(({ segment, index }) => [segment, index])).toEqual([
          [2, 0],
          [2, 3],
        ]);
      }),
    );

    it(
      'T15 releases many shards of a file in several rounds, all of them or those named',
      story(async (host) => {
        const shards = Array.from({ length: 300 }, (_, segment) => testShard({ segment, length: 64 }));
        for (let at = 0; at < shards.length; at += 100) await Promise.all(shards.slice(at, at + 100).map((shard) => host.put(shard)));
        const fileId = fileIdNamed();
        expect(
          await host.store.release(
            fileId,
            shards.slice(0, 140).map(({ order }) => order),
          ),
        ).toBe(140);
        expect(host.store.shards(fileId, { max: 300 }).map(({ segment }) => segment)).toEqual(
          Array.from({ length: 160 }, (_, i) => 140 + i),
        );
        expect(await host.store.release(fileId)).toBe(160);
        expect(host.store.usage()).toMatchObject({ usedBytes: 0, shardCount: 0 });
        await host.restart();
        expect(host.store.file(fileId)).toBeUndefined();
      }),
    );

    it(
      'answers that it holds a shard already, and that a place or a file is taken',
      story(async (host) => {
        const shard = testShard();
        await host.put(shard);
        expect(await host.begin(shard)).toMatchObject({ ok: true, value: { kind: 'held', shard: { length: SHARD_BYTES } } });
        expect(await host.begin(testShard({ content: 'something else' }))).toMatchObject({ ok: false, reason: 'conflict' });
        expect(await host.begin(testShard({ index: 1, lease: 'another' }))).toMatchObject({ ok: false, reason: 'conflict' });
        expect(await host.begin(testShard({ index: 1, owner: 'bo' }))).toMatchObject({ ok: false, reason: 'conflict' });
      }),
    );

    it(
      'refuses leaf hashes that do not lead to the shard id, and places that no file has',
      story(async (host) => {
        const { order, leafHashes } = testShard();
        const begin = (change: object, hashes = leafHashes) => host.store.begin({ ...order, ...change }, hashes, host.nowMs + 1000);
        for (const start of [
          begin({}, leafHashes.toReversed()),
          begin({}, leafHashes.slice(1)),
          begin({ length: SHARD_BYTES - 64 }),
          begin({ length: 2 ** 40 }),
          begin({ segment: 4096 }),
          begin({ index: 256 }),
          begin({ index: -1 }),
          begin({ leaseId: new Uint8Array(15) }),
          begin({ ownerKey: new Uint8Array(33) }),
        ]) {
          expect(await start).toMatchObject({ ok: false, reason: 'bad-bytes' });
        }
        expect([...host.store.files()]).toEqual([]);
        expect(host.store.usage().reservedBytes).toBe(0);
      }),
    );

    it(
      'takes a shard once at a time',
      story(async (host) => {
        const shard = testShard();
        const writer = writerOf(await host.begin(shard));
        expect(await host.begin(shard)).toMatchObject({ ok: false, reason: 'busy' });
        expect(await host.begin(testShard({ file: 'other', content: 'holiday 0 0' }))).toMatchObject({ ok: false, reason: 'busy' });
        await writer.abandon();
        expect(await host.put(shard)).toMatchObject({ ok: true });
      }),
    );

    it(
      'does not commit fewer bytes than announced, nor take more',
      story(async (host) => {
        const shard = testShard();
        const writer = writerOf(await host.begin(shard));
        await writer.write(shard.bytes.subarray(0, 100));
        expect(await writer.commit()).toMatchObject({ ok: false, reason: 'incomplete' });
        expect(await writer.write(bytesNamed('more', SHARD_BYTES))).toMatchObject({ ok: false, reason: 'bad-bytes' });
        expect(await writer.write(shard.bytes.subarray(100))).toMatchObject({ ok: true });
        expect(await writer.commit()).toMatchObject({ ok: true });
        expect(await readShard(host.store, shard.order)).toEqual(shard.bytes);
        expect(await writer.write(shard.bytes.subarray(0, 1))).toMatchObject({ ok: false, reason: 'stopped' });
        await writer.abandon();
        expect(host.store.usage()).toMatchObject({ usedBytes: SHARD_BYTES + BLOCK, reservedBytes: 0 });
      }),
    );

    it(
      'goes on behind the last whole leaf of an interrupted store, also after a restart',
      story(async (host) => {
        const shard = testShard();
        const writer = writerOf(await host.begin(shard));
        await writer.write(shard.bytes.subarray(0, 33 * KiB));
        await writer.abandon();
        expect(host.store.usage()).toMatchObject({ usedBytes: 0, reservedBytes: 0, shardCount: 0 });
        expect(host.store.file(shard.order.fileId)).toBeUndefined();
        await host.restart();
        const again = writerOf(await host.begin(shard));
        expect(again.offset).toBe(32 * KiB);
        await again.write(shard.bytes.subarray(32 * KiB));
        expect(await again.commit()).toMatchObject({ ok: true });
        expect(await readShard(host.store, shard.order)).toEqual(shard.bytes);
      }),
    );

    it(
      'does not build on interrupted bytes that are wrong',
      story(async (host) => {
        const shard = testShard();
        const writer = writerOf(await host.begin(shard));
        await writer.write(shard.bytes.subarray(0, 16 * KiB));
        await writer.write(bytesNamed('wrong', 16 * KiB));
        await writer.abandon();
        expect(writerOf(await host.begin(shard)).offset).toBe(16 * KiB);
      }),
    );

    it(
      'I11 stores equal shards once and keeps their bytes while anyone needs them',
      story(async (host) => {
        const first = testShard({ content: 'same' });
        const second = testShard({ content: 'same', index: 1 });
        const foreign = testShard({ content: 'same', owner: 'bo', file: 'boat' });
        await host.put(first);
        expect(await host.begin(second)).toMatchObject({ ok: true, value: { kind: 'held' } });
        expect(await host.put(foreign)).toMatchObject({ ok: true });
        expect(host.store.usage()).toMatchObject({ usedBytes: SHARD_BYTES + 2 * BLOCK, shardCount: 3 });
        expect(await host.store.release(first.order.fileId, [first.order])).toBe(1);
        expect(host.store.shard(first.order)).toBeUndefined();
        expect(await host.store.release(first.order.fileId)).toBe(1);
        expect(host.store.usage()).toMatchObject({ usedBytes: SHARD_BYTES + BLOCK, shardCount: 1 });
        expect(await readShard(host.store, foreign.order)).toEqual(foreign.bytes);
        await host.restart();
        expect(await readShard(host.store, foreign.order)).toEqual(foreign.bytes);
        expect(await host.store.release(foreign.order.fileId)).toBe(1);
        expect(host.store.usage()).toMatchObject({ usedBytes: 0, shardCount: 0 });
      }),
    );

    it(
      "wants the bytes of a shard from each owner, though another owner's are here",
      story(async (host) => {
        await host.put(testShard({ content: 'same' }));
        const foreign = testShard({ content: 'same', owner: 'mallory', file: 'stolen' });
        const writer = writerOf(await host.begin(foreign));
        expect(writer.offset).toBe(0);
        expect(await writer.commit()).toMatchObject({ ok: false, reason: 'incomplete' });
        expect(host.store.shard(foreign.order)).toBeUndefined();
        await writer.abandon();
        expect(host.store.file(foreign.order.fileId)).toBeUndefined();
      }),
    );

    it(
      'forgets released shards for good, and a released file with its last shard',
      story(async (host) => {
        const [first, second] = [testShard(), testShard({ index: 1 })];
        await host.put(first);
        await host.put(second);
        expect(await host.store.release(first.order.fileId, [first.order, testShard({ index: 9 }).order])).toBe(1);
        expect(await readShard(host.store, first.order)).toBe('not-held');
        expect(await host.store.release(first.order.fileId, [second.order])).toBe(1);
        expect(host.store.file(first.order.fileId)).toBeUndefined();
        expect(await host.store.release(first.order.fileId)).toBe(0);
        await host.restart();
        expect(host.store.file(first.order.fileId)).toBeUndefined();
        expect(host.store.usage()).toMatchObject({ usedBytes: 0, shardCount: 0 });
        expect(await host.put(first)).toMatchObject({ ok: true });
      }),
    );

    it(
      'refuses the commit of a shard whose file was released meanwhile',
      story(async (host) => {
        await host.put(testShard());
        const late = testShard({ index: 1 });
        const writer = writerOf(await host.begin(late));
        await writer.write(late.bytes);
        await host.store.release(late.order.fileId);
        expect(await writer.commit()).toMatchObject({ ok: false, reason: 'busy' });
        await writer.abandon();
        expect(host.store.usage()).toMatchObject({ usedBytes: 0, reservedBytes: 0, shardCount: 0 });
      }),
    );

    it(
      'serves nothing of a damaged shard until it is stored again',
      story(async (host) => {
        const shard = testShard();
        await host.put(shard);
        await host.store.markDamaged(shard.order);
        await host.restart();
        expect(host.store.shard(shard.order)?.isDamaged).toBe(true);
        expect(await host.store.read(shard.order, 0, 64)).toMatchObject({ ok: false, reason: 'damaged' });
        expect(host.store.leafHashes(shard.order)).toMatchObject({ ok: false, reason: 'damaged' });
        expect(await host.put(shard)).toMatchObject({ ok: true, value: { isDamaged: false } });
        expect(await readShard(host.store, shard.order)).toEqual(shard.bytes);
        expect(host.store.usage()).toMatchObject({ usedBytes: SHARD_BYTES + BLOCK, shardCount: 1 });
      }),
    );

    it(
      'keeps the roster of a file, checks it against its id, and replaces it as a whole',
      story(async (host) => {
        const { order } = testShard();
        const [roster, signature] = [bytesNamed('roster', 300 * KiB), bytesNamed('signature', 64)];
        expect(await host.store.putRoster(order.fileId, sha256(roster), roster, signature)).toMatchObject({ reason: 'not-held' });
        await host.put(testShard());
        expect(await host.store.roster(order.fileId)).toMatchObject({ ok: false, reason: 'not-held' });
        expect(await host.store.putRoster(order.fileId, sha256(signature), roster, signature)).toMatchObject({ reason: 'bad-bytes' });
        expect(await host.store.putRoster(order.fileId, sha256(roster), roster, signature)).toMatchObject({ ok: true });
        await host.restart();
        expect(host.store.file(order.fileId)?.rosterId).toEqual(sha256(roster));
        expect(await host.store.roster(order.fileId)).toEqual({ ok: true, value: { roster, signature } });
        const newer = bytesNamed('newer', 100);
        expect(await host.store.putRoster(order.fileId, sha256(newer), newer, signature)).toMatchObject({ ok: true });
        await host.restart();
        expect(await host.store.roster(order.fileId)).toEqual({ ok: true, value: { roster: newer, signature } });
      }),
    );

    it(
      'tells writers that it stops, and keeps what they wrote for the next time',
      story(async (host) => {
        const shard = testShard();
        const writer = writerOf(await host.begin(shard));
        await writer.write(shard.bytes.subarray(0, 16 * KiB));
        await host.store.close();
        expect(await writer.write(shard.bytes.subarray(16 * KiB))).toMatchObject({ ok: false, reason: 'stopped' });
        expect(await writer.commit()).toMatchObject({ ok: false, reason: 'stopped' });
        await writer.abandon();
        expect(await host.begin(shard)).toMatchObject({ ok: false, reason: 'stopped' });
        expect(await host.store.release(shard.order.fileId)).toBe(0);
        await host.restart();
        expect(writerOf(await host.begin(shard)).offset).toBe(16 * KiB);
      }),
    );

    it(
      'reads every shard again when it scrubs, and finds all of them right',
      story(async (host) => {
        for (let index = 0; index < 70; index++) await host.put(testShard({ index, length: 64 }));
        const signal = new AbortController().signal;
        expect(await host.store.scrub({ signal, bytesPerSecond: 1e9 })).toEqual({ checked: 70, damaged: 0 });
        expect(await host.store.scrub({ signal, bytesPerSecond: 1e9 })).toEqual({ checked: 70, damaged: 0 });
        expect(await host.store.scrub({ signal: AbortSignal.abort(), bytesPerSecond: 1e9 })).toEqual({ checked: 0, damaged: 0 });
      }),
    );
  });
}
