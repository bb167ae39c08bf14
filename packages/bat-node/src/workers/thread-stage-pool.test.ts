import { monitorEventLoopDelay } from 'node:perf_hooks';
import { MiB, toHex } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { InlineStagePool } from './inline-stage-pool.ts';
import { fetchBufferBytes, segmentBufferBytes } from './segment-stages.ts';
import type { EncodedShard } from './stage-pool.ts';
import { ThreadStagePool } from './thread-stage-pool.ts';

const { random } = createSimRuntime(3).runtime;
const fileKey = random.bytes(32);
const salt = random.bytes(32);
const threads = new ThreadStagePool();

afterAll(() => threads.close());

describe('stages on threads', () => {
  it.each([
    [1, 3],
    [2, 5],
    [4, 6],
  ])('give the same shards as on the calling thread, and the plain bytes back from any %d of %d', async (k, n) => {
    const plain = random.bytes(1_000_000);
    const job = { fileKey, salt, plainBytes: plain.length, policy: { k, n } };
    const inline = new InlineStagePool();
    const ends = [];
    for (const pool of [inline, threads]) {
      const buffer = await pool.acquire(segmentBufferBytes(plain.length, k, n));
      buffer.bytes.set(plain);
      const shards = await pool.sealAndEncode(buffer, job);
      ends.push(shards.map(({ id, index, length, leafHashes }) => ({ id: toHex(id), index, length, leafHashes: leafHashes.map(toHex) })));

      const kept = random.shuffle(shards).slice(0, k);
      const back = await pool.acquire(fetchBufferBytes(plain.length, k, n));
      // With k = 1 in the second of two slots, whichever shard it is.
      const slotOf = (index: number): number => (k === 1 ? 1 : index);
      for (const shard of kept) back.bytes.set(shard.bytes, slotOf(shard.index) * shard.length);
      const opened = await pool.decodeAndOpen(back, { ...job, indexes: kept.map((shard) => slotOf(shard.index)) });
      expect(opened.ok && Buffer.from(opened.value).equals(plain)).toBe(true);

      // Any that are lost are made again of any k others, to the byte, without the key.
      const length = shards[0]?.length as number;
      const indexes = random.shuffle(shards.map(({ index }) => index)).slice(0, k);
      const wanted = shards.map(({ index }) => index).filter((index) => !indexes.includes(index));
      back.bytes.fill(0);
      for (const index of indexes) back.bytes.set((shards[index] as EncodedShard).bytes, slotOf(index) * length);
      const rebuilt = await pool.rebuildShards(back, { policy: job.policy, shardLength: length, indexes: indexes.map(slotOf), wanted });
      expect(rebuilt.map(({ index }) => index)).toEqual(wanted);
      for (const shard of rebuilt) {
        const first = shards[shard.index] as EncodedShard;
        expect(shard).toMatchObject({ id: first.id, length, leafHashes: first.leafHashes });
        expect(Buffer.from(shard.bytes).equals(first.bytes)).toBe(true);
      }
      pool.release(buffer);
      pool.release(back);
    }
    expect(ends[1]).toEqual(ends[0]);
    await inline.close();
  });

  it('say when shards are not those of the key, and work on afterwards', async () => {
    const plainBytes = 100_000;
    const policy = { k: 2, n: 3 };
    const buffer = await threads.acquire(segmentBufferBytes(plainBytes, policy.k, policy.n));
    buffer.bytes.set(random.bytes(plainBytes));
    await threads.sealAndEncode(buffer, { fileKey, salt, plainBytes, policy });
    const wrong = { fileKey, salt: random.bytes(32), plainBytes, policy, indexes: [0, 2] };
    expect(await threads.decodeAndOpen(buffer, wrong)).toMatchObject({ ok: false, reason: 'bad-seal' });
    await expect(threads.decodeAndOpen(buffer, { ...wrong, indexes: [0] })).rejects.toThrow('2 shards are there');
    expect(await threads.decodeAndOpen(buffer, { ...wrong, salt, indexes: [1, 2] })).toMatchObject({ ok: true });
    threads.release(buffer);
  });

  it('leave the event loop free while 64 MiB are sealed and coded', async () => {
    const policy = { k: 4, n: 6 };
    const plainBytes = 16 * MiB;
    const lag = monitorEventLoopDelay({ resolution: 5 });
    lag.enable();
    const segments = [0, 1, 2, 3].map(async (i) => {
      const buffer = await threads.acquire(segmentBufferBytes(plainBytes, policy.k, policy.n));
      await threads.sealAndEncode(buffer, { fileKey, salt: new Uint8Array(32).fill(i), plainBytes, policy });
      threads.release(buffer);
    });
    await Promise.all(segments);
    lag.disable();
    // One segment takes longer than this by itself; a busy machine adds to the worst turn, not to most of them.
    expect(lag.percentile(90) / 1e6).toBeLessThan(50);
  }, 30_000);

  it('reject what is under way when they are closed', async () => {
    const pool = new ThreadStagePool();
    const plainBytes = 16 * MiB;
    const policy = { k: 10, n: 24 };
    const buffer = await pool.acquire(segmentBufferBytes(plainBytes, policy.k, policy.n));
    const job = pool.sealAndEncode(buffer, { fileKey, salt, plainBytes, policy });
    const ended = expect(job).rejects.toThrow();
    await pool.close();
    await ended;
  });
});
