import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { InlineStagePool } from './inline-stage-pool.ts';
import { SegmentBuffers } from './segment-buffers.ts';
import { fetchBufferBytes, segmentBufferBytes } from './segment-stages.ts';
import type { SegmentBuffer } from './stage-pool.ts';

const { random } = createSimRuntime(7).runtime;
const policy = { k: 4, n: 6 };
const fileKey = random.bytes(32);
const salt = random.bytes(32);

describe('a segment on its way there and back', () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 300_001])('BN-25 BD-58 of %i bytes comes back from any 4 of its 6 shards', async (plainBytes) => {
    const pool = new InlineStagePool();
    const plain = random.bytes(plainBytes);
    const size = segmentBufferBytes(plainBytes, policy.k, policy.n);
    const there = await pool.acquire(size);
    there.bytes.set(plain);
    const shards = await pool.sealAndEncode(there, { fileKey, salt, plainBytes, policy });
    expect(shards.map((shard) => shard.index)).toEqual([0, 1, 2, 3, 4, 5]);

    const kept = random.shuffle(shards).slice(0, policy.k);
    const back = await pool.acquire(size);
    for (const shard of kept) back.bytes.set(shard.bytes, shard.index * shard.length);
    const indexes = kept.map((shard) => shard.index);
    const opened = await pool.decodeAndOpen(back, { fileKey, salt, plainBytes, policy, indexes });
    expect(opened).toMatchObject({ ok: true });
    expect(opened.ok && Buffer.from(opened.value).equals(plain)).toBe(true);
    pool.release(there);
    pool.release(back);
    await pool.close();
  });
});

describe('a buffer', () => {
  it('holds a segment once when its shards are copies, however many, and two of them when it is fetched', () => {
    const one = segmentBufferBytes(1_000_000, 1, 1);
    expect([segmentBufferBytes(1_000_000, 1, 50), fetchBufferBytes(1_000_000, 1, 50), fetchBufferBytes(1_000_000, 1, 1)]).toEqual([
      one,
      2 * one,
      one,
    ]);
    expect(fetchBufferBytes(1_000_000, 4, 6)).toBe(segmentBufferBytes(1_000_000, 4, 6));
  });
});

describe('segment buffers', () => {
  it('stay within the budget, are given out in order, and a big one goes alone', async () => {
    const buffers = new SegmentBuffers(100);
    const first = await buffers.acquire(60);
    const order: string[] = [];
    const second = buffers.acquire(60).then((buffer) => {
      order.push('second');
      return buffer;
    });
    const third = buffers.acquire(10).then((buffer) => {
      order.push('third');
      return buffer;
    });
    await Promise.resolve();
    expect(order).toEqual([]);
    buffers.release(first);
    buffers.release(await second);
    buffers.release(await third);
    expect(order).toEqual(['second', 'third']);
    const big = await buffers.acquire(500);
    expect(big.bytes.length).toBe(500);
    buffers.release(big);
  });

  it('are shared: a job that has none comes first, and one that may stop leaves room for the next', async () => {
    const buffers = new SegmentBuffers(100);
    const [greedy, late, later] = [{}, {}, {}];
    const order: string[] = [];
    const wish = (name: string, job: object) =>
      buffers.acquire(20, { job, leavesRoom: job === greedy }).then((buffer) => {
        order.push(name);
        return buffer;
      });
    const settled = async (): Promise<string[]> => {
      await new Promise((resolve) => setImmediate(resolve));
      return order.splice(0);
    };
    const held = Array.from({ length: 6 }, (_, i) => wish(`greedy ${i}`, greedy));
    expect(await settled()).toEqual(['greedy 0', 'greedy 1', 'greedy 2', 'greedy 3']);
    const lateOne = wish('late', late);
    expect(await settled()).toEqual(['late']);
    const laterOne = wish('later', later);
    expect(await settled()).toEqual([]);
    buffers.release(await (held[0] as Promise<SegmentBuffer>));
    expect(await settled()).toEqual(['later']);
    for (const one of [held[1], lateOne, laterOne]) buffers.release(await (one as Promise<SegmentBuffer>));
    expect(await settled()).toEqual(['greedy 4', 'greedy 5']);
  });

  it('forget a waiter that was aborted', async () => {
    const buffers = new SegmentBuffers(100);
    const first = await buffers.acquire(90);
    const abort = new AbortController();
    const waiting = buffers.acquire(90, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    buffers.release(first);
    expect((await buffers.acquire(90)).bytes.length).toBe(90);
  });
});
