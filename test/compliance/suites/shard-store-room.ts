// driven: how every ShardStore keeps within its offer, whoever wants room (T15).
import { KiB, MiB, sha256 } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import {
  DISK_BLOCK_BYTES as BLOCK,
  bytesNamed,
  FULL_LEASE_MS,
  fileIdNamed,
  SHARD_BYTES,
  type TestShard,
  testShard,
} from '../../support/stored-shards.ts';
import { type ShardStoreWorld, storyOf, writerOf } from './shard-store-host.ts';

export function shardStoreRoomSuite(name: string, makeWorld: () => ShardStoreWorld | Promise<ShardStoreWorld>): void {
  const story = storyOf(makeWorld);

  describe(`Room of the ShardStore: ${name}`, () => {
    it(
      'BN-22 never lets stores take more than the offer, not even a hundred at once',
      story(
        async (host) => {
          const shards = Array.from({ length: 100 }, (_, index) => testShard({ index, length: 64 * KiB }));
          const starts = await Promise.all(shards.map((shard) => host.begin(shard)));
          const granted = starts.flatMap((start, i) => (start.ok ? [{ writer: writerOf(start), shard: shards[i] as TestShard }] : []));
          expect(granted).toHaveLength(7);
          expect(starts.filter((start) => !start.ok && start.reason === 'no-room')).toHaveLength(93);
          expect(host.store.usage()).toMatchObject({ reservedBytes: 7 * (64 * KiB + BLOCK), usedBytes: 0 });
          expect(await host.store.roomBytes()).toBe(24 * KiB);
          for (const { writer, shard } of granted) {
            await writer.write(shard.bytes);
            expect(await writer.commit()).toMatchObject({ ok: true });
          }
          expect(host.store.usage()).toMatchObject({ reservedBytes: 0, usedBytes: 7 * 64 * KiB + BLOCK, shardCount: 7 });
          expect(await host.put(testShard({ index: 200, length: 48 * KiB }))).toMatchObject({ ok: true });
          expect(await host.put(testShard({ index: 201, length: 64 }))).toMatchObject({ ok: false, reason: 'no-room' });
          await host.restart({ offerBytes: 500 * KiB, ownerShare: 1 });
          expect(host.store.usage()).toMatchObject({ usedBytes: 500 * KiB, shardCount: 8 });
          expect(await host.store.release(fileIdNamed(), [testShard({ index: 0 }).order])).toBe(1);
          expect(await host.store.roomBytes()).toBe(64 * KiB);
        },
        { offerBytes: 500 * KiB, ownerShare: 1 },
      ),
    );

    it(
      'shares a scarce offer between owners, and only a scarce one',
      story(
        async (host) => {
          const of = (owner: string, index: number) => testShard({ owner, file: `${owner}'s`, index, length: 100 * KiB });
          for (let i = 0; i < 7; i++) expect(await host.put(of('ana', i))).toMatchObject({ ok: true });
          expect(await host.put(of('bo', 0))).toMatchObject({ ok: true });
          expect(await host.put(of('ana', 7))).toMatchObject({ ok: false, reason: 'owner-share' });
          expect(await host.put(of('bo', 1))).toMatchObject({ ok: true });
          expect(await host.put(of('bo', 2))).toMatchObject({ ok: true });
          expect(await host.put(of('bo', 3))).toMatchObject({ ok: false, reason: 'no-room' });
        },
        { offerBytes: 1008 * KiB, ownerShare: 0.31 },
      ),
    );

    it(
      'takes no more shards than it may, however small',
      story(
        async (host) => {
          for (let index = 0; index < 3; index++) expect(await host.put(testShard({ index, length: 64 }))).toMatchObject({ ok: true });
          expect(await host.put(testShard({ index: 3, length: 64 }))).toMatchObject({ ok: false, reason: 'too-many-shards' });
        },
        { offerBytes: MiB, shardsMax: 3, ownerShare: 1 },
      ),
    );

    it(
      'T15 counts what tiny shards, their journals and rosters take of the disk, after a restart as well',
      story(
        async (host) => {
          const signature = bytesNamed('signature', 64);
          const put = async (file: string) => {
            const kept = await host.put(testShard({ file, length: 64 }));
            if (!kept.ok) return kept;
            const roster = bytesNamed(`roster of ${file}`, 100);
            return host.store.putRoster(fileIdNamed(file), sha256(roster), roster, signature);
          };
          for (let i = 0; i < 10; i++) expect(await put(`file ${i}`)).toMatchObject({ ok: true });
          expect(host.store.usage()).toMatchObject({ usedBytes: 10 * 3 * BLOCK, shardCount: 10 });
          expect(await host.store.roomBytes()).toBe(2 * KiB);
          expect(await put('one more')).toMatchObject({ ok: false, reason: 'no-room' });
          await host.restart({ offerBytes: 122 * KiB, ownerShare: 1 });
          expect(host.store.usage()).toMatchObject({ usedBytes: 10 * 3 * BLOCK, shardCount: 10 });
          for (let i = 0; i < 10; i++) await host.store.release(fileIdNamed(`file ${i}`));
          expect(host.store.usage()).toMatchObject({ usedBytes: 0, reservedBytes: 0, shardCount: 0 });
        },
        { offerBytes: 122 * KiB, ownerShare: 1 },
      ),
    );

    it(
      'T15 keeps a journal that renewals would grow within a block',
      story(async (host) => {
        await host.put(testShard());
        for (let i = 0; i < 40; i++) {
          const change = { leaseUntilMs: host.nowMs + FULL_LEASE_MS + i, isCommitted: true };
          expect(await host.store.extendLease(fileIdNamed(), change)).toMatchObject({ ok: true });
        }
        expect(host.store.usage()).toMatchObject({ usedBytes: SHARD_BYTES + BLOCK });
        await host.restart();
        expect(host.store.usage()).toMatchObject({ usedBytes: SHARD_BYTES + BLOCK });
      }),
    );

    it(
      'T15 stores that drip give their room to another that needs it, and slow honest ones keep theirs',
      story(
        async (host) => {
          const of = (owner: string) => testShard({ owner, file: `${owner}'s`, length: 1024 * KiB });
          const begun = async (owner: string) => ({ shard: of(owner), writer: writerOf(await host.begin(of(owner))) });
          const slow = await begun('slow but honest');
          const drips = [await begun('eve'), await begun('mallory'), await begun('trudy')];
          const send = async ({ shard, writer }: typeof slow, bytes: number) =>
            writer.write(shard.bytes.subarray(writer.offset, writer.offset + bytes));
          const honest = of('bo');
          expect(await host.begin(honest)).toMatchObject({ ok: false, reason: 'no-room' });
          for (let i = 0; i < 10; i++) {
            await host.pass(4000);
            // 4 KiB/s over eight hosts at once; and a few bytes.
            expect(await send(slow, 16 * KiB)).toMatchObject({ ok: true });
            for (const drip of drips) expect(await send(drip, 1024)).toMatchObject({ ok: true });
          }
          expect(await host.store.roomBytes()).toBeGreaterThan(3 * MiB);
          expect(await host.put(honest)).toMatchObject({ ok: true });
          const after = await Promise.all(drips.map((drip) => send(drip, 1024)));
          expect(after.filter(({ ok }) => ok)).toHaveLength(2);
          expect(after.filter((sent) => !sent.ok && sent.reason === 'no-room')).toHaveLength(1);
          expect(await host.put(testShard({ file: 'vast', length: 5 * MiB }))).toMatchObject({ ok: false, reason: 'no-room' });
          expect((await Promise.all(drips.map((drip) => send(drip, 1024)))).filter(({ ok }) => ok)).toHaveLength(2);
          await send(slow, 1024 * KiB - slow.writer.offset);
          expect(await slow.writer.commit()).toMatchObject({ ok: true });
          await Promise.all(drips.map(({ writer }) => writer.abandon()));
          expect(host.store.usage()).toMatchObject({ reservedBytes: 0, shardCount: 2 });
        },
        { offerBytes: 4 * MiB + 32 * KiB, ownerShare: 1 },
      ),
    );

    it(
      'hosts nothing when it offers nothing',
      story(
        async (host) => {
          expect(await host.store.roomBytes()).toBe(0);
          expect(await host.put(testShard({ length: 64 }))).toMatchObject({ ok: false, reason: 'no-room' });
        },
        { offerBytes: 0 },
      ),
    );

    it(
      'T15 counts rosters towards the offer, after a restart as well, and one owner does not take the room of another for them',
      story(async (host) => {
        const signature = bytesNamed('signature', 64);
        const put = async (owner: string, file: string, length: number) => {
          const shard = testShard({ owner, file, length: 64 });
          const kept = await host.put(shard);
          if (!kept.ok) return kept;
          const roster = bytesNamed(`roster of ${file}`, length);
          return host.store.putRoster(shard.order.fileId, sha256(roster), roster, signature);
        };
        const puts = await Promise.all(Array.from({ length: 8 }, (_, i) => put('greedy', `file ${i}`, 10 * MiB)));
        expect(puts.filter(({ ok }) => ok)).toHaveLength(6);
        expect(await put('honest', 'mine', MiB)).toMatchObject({ ok: true });
        const roomBytes = await host.store.roomBytes();
        await host.restart();
        expect(await host.store.roomBytes()).toBe(roomBytes);
        expect(roomBytes).toBeLessThan(4 * MiB);
        for (let i = 0; i < 8; i++) await host.store.release(fileIdNamed(`file ${i}`));
        expect(await host.store.roomBytes()).toBe(63 * MiB - 3 * BLOCK);
      }),
    );
  });
}
