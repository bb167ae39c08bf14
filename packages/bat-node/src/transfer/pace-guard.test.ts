import { KiB, MiB, present, second } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { BatStream } from '../connection/bat-session.ts';
import { withPace } from './pace-guard.ts';

/** Moves `bytesPerSecond` until `totalBytes` are through or it is reset; how long that took and how it ended. */
async function transfer(bytesPerSecond: number, totalBytes: number) {
  const { clock } = createSimRuntime('pace');
  let resetBy: string | undefined;
  const stream = { movedBytes: 0, reset: (reason: string) => (resetBy = reason) };
  const story = withPace(clock, stream as unknown as BatStream, async () => {
    while (stream.movedBytes < totalBytes && resetBy === undefined) {
      await clock.sleep(second);
      stream.movedBytes += bytesPerSecond;
    }
  });
  await clock.runUntilSettled(story, { deadlineMs: 10_000 * second });
  const tookMs = clock.elapsedMs;
  // Nothing of the guard runs on after the transfer.
  await clock.runFor(100 * second);
  return { resetBy, tookMs };
}

describe('the pace of a transfer', () => {
  it('T14 below 4 KiB/s it ends within two windows of 30 s, however long the shard is', async () => {
    for (const bytesPerSecond of [0, 1, 3 * KiB]) {
      const { resetBy, tookMs } = await transfer(bytesPerSecond, 64 * MiB);
      expect(resetBy).toBe('too-slow');
      expect(tookMs).toBeLessThanOrEqual(60 * second);
    }
  });

  it('a slow but steady one may take as long as it needs', async () => {
    expect(await transfer(5 * KiB, 2 * MiB)).toMatchObject({ resetBy: undefined });
    expect(present((await transfer(5 * KiB, 2 * MiB)).tookMs, 'a time')).toBeGreaterThan(400 * second);
  });
});
