// driven: how long every ShardStore keeps what it promised, whatever its wall clock does.
import { day, hour } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import {
  DISK_BLOCK_BYTES,
  FULL_LEASE_MS,
  fileIdNamed,
  PROVISIONAL_MS,
  readShard,
  SHARD_BYTES,
  testShard,
} from '../../support/stored-shards.ts';
import { type ShardStoreWorld, storyOf } from './shard-store-host.ts';

export function shardStoreLeasesSuite(name: string, makeWorld: () => ShardStoreWorld | Promise<ShardStoreWorld>): void {
  const story = storyOf(makeWorld);

  describe(`Leases of the ShardStore: ${name}`, () => {
    it(
      'keeps a full lease across restarts, never shorter than promised before',
      story(async (host) => {
        const { order } = testShard();
        await host.put(testShard());
        const untilMs = host.nowMs + FULL_LEASE_MS;
        const change = { leaseUntilMs: untilMs, isCommitted: true, keepUntilMs: untilMs + day };
        expect(await host.store.extendLease(order.fileId, change)).toMatchObject({ ok: true, value: { leaseUntilMs: untilMs } });
        const shorter = { leaseUntilMs: untilMs - day, isCommitted: false };
        expect(await host.store.extendLease(order.fileId, shorter)).toMatchObject({ ok: true, value: { isCommitted: true } });
        await host.restart();
        expect(host.store.file(order.fileId)).toMatchObject({ isCommitted: true, leaseUntilMs: untilMs, keepUntilMs: untilMs + day });
        expect(await host.store.extendLease(fileIdNamed('other'), change)).toMatchObject({ ok: false, reason: 'not-held' });
      }),
    );

    it(
      'drops a provisional lease after its day and two days of patience',
      story(async (host) => {
        const { order } = testShard();
        await host.put(testShard());
        await host.pass(PROVISIONAL_MS + 47 * hour);
        expect(await host.store.expire(host.nowMs)).toEqual([]);
        expect(await readShard(host.store, order)).toHaveLength(SHARD_BYTES);
        await host.pass(2 * hour);
        expect(await host.store.expire(host.nowMs)).toEqual([order.fileId]);
        expect(host.store.usage()).toMatchObject({ usedBytes: 0, shardCount: 0 });
      }),
    );

    it(
      'serves a full lease 14 days longer, keeps its bytes 7 days in the trash, then drops them (T15)',
      story(async (host) => {
        const shard = testShard();
        await host.putCommitted(shard);
        await host.pass(FULL_LEASE_MS + 13 * day);
        expect(await host.store.expire(host.nowMs)).toEqual([]);
        expect(await readShard(host.store, shard.order)).toEqual(shard.bytes);
        await host.pass(2 * day);
        expect(await host.store.expire(host.nowMs)).toEqual([shard.order.fileId]);
        expect(await host.store.expire(host.nowMs)).toEqual([]);
        expect(await readShard(host.store, shard.order)).toBe('not-held');
        expect([...host.store.files()]).toEqual([]);
        expect(host.store.usage()).toMatchObject({ usedBytes: SHARD_BYTES + DISK_BLOCK_BYTES });
        await host.restart();
        expect(host.store.file(shard.order.fileId)).toBeUndefined();
        await host.pass(6 * day);
        expect(await host.store.expire(host.nowMs)).toEqual([]);
        expect(host.store.usage()).toMatchObject({ usedBytes: 0, shardCount: 0 });
      }),
    );

    it(
      'takes a file out of the trash when its owner renews',
      story(async (host) => {
        const shard = testShard();
        await host.putCommitted(shard);
        await host.pass(FULL_LEASE_MS + 15 * day);
        await host.store.expire(host.nowMs);
        const change = { leaseUntilMs: host.nowMs + FULL_LEASE_MS, isCommitted: true };
        expect(await host.store.extendLease(shard.order.fileId, change)).toMatchObject({ ok: true });
        expect(await readShard(host.store, shard.order)).toEqual(shard.bytes);
        await host.pass(20 * day);
        expect(await host.store.expire(host.nowMs)).toEqual([]);
      }),
    );

    it(
      'drops no lease because the wall clock jumped ten years ahead and back, running or not (T19)',
      story(async (host) => {
        const shards = Array.from({ length: 5 }, (_, i) => testShard({ file: `file ${i}`, length: 64 }));
        for (const shard of shards) await host.putCommitted(shard);
        const honestMs = host.nowMs;
        for (let round = 0; round < 12; round++) {
          host.setClock(3650 * day);
          expect(await host.store.expire(host.nowMs)).toEqual([]);
          await host.restart();
          expect(await host.store.expire(host.nowMs)).toEqual([]);
          host.setClock(-3650 * day);
          expect(await host.store.expire(host.nowMs)).toEqual([]);
          await host.restart();
          host.setClock(0);
          await host.restart();
        }
        expect(await host.store.expire(host.nowMs)).toEqual([]);
        expect([...host.store.files()].map((file) => file.leaseUntilMs)).toEqual(shards.map(() => honestMs + FULL_LEASE_MS));
      }),
    );

    it(
      'does not promise ten years because a lease was renewed while the wall clock was wrong',
      story(async (host) => {
        const shard = testShard();
        await host.put(shard);
        host.setClock(3650 * day);
        await host.store.extendLease(shard.order.fileId, { leaseUntilMs: host.nowMs + FULL_LEASE_MS, isCommitted: true });
        host.setClock(0);
        const promisedMs = host.store.file(shard.order.fileId)?.leaseUntilMs ?? 0;
        expect(Math.abs(promisedMs - host.nowMs - FULL_LEASE_MS)).toBeLessThanOrEqual(48 * hour);
        await host.pass(FULL_LEASE_MS + 24 * day);
        await host.store.expire(host.nowMs);
        expect(host.store.usage().shardCount).toBe(0);
      }),
    );
  });
}
