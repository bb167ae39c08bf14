import { KiB, second } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { DurationMeter } from './duration-meter.ts';
import { SlowWatch } from './slow-watch.ts';

const FLOOR_MS = 2 * second;

function watch(samplesMs: readonly number[]) {
  const { clock } = createSimRuntime('slow');
  const meter = new DurationMeter();
  for (const sample of samplesMs) meter.add(sample, 128 * KiB);
  let slowAtMs: number | undefined;
  const timer = new SlowWatch(clock, meter, FLOOR_MS).start(128 * KiB, () => {
    slowAtMs = clock.elapsedMs;
  });
  return { clock, meter, timer, slowAtMs: () => slowAtMs };
}

describe('DF-19 a transfer', () => {
  it('is slow after three times the median of the others', async () => {
    const { clock, slowAtMs } = watch([1_000, 1_500, 60_000]);
    await clock.runFor(10 * second);
    expect(slowAtMs()).toBe(4_500);
  });

  it('is never slow before the floor', async () => {
    const { clock, slowAtMs } = watch([1, 1, 1]);
    await clock.runFor(10 * second);
    expect(slowAtMs()).toBe(FLOOR_MS);
  });

  it('is measured by those that finish while it runs', async () => {
    const { clock, meter, slowAtMs } = watch([]);
    await clock.runFor(3 * second);
    meter.add(900, 128 * KiB);
    await clock.runFor(3 * second);
    expect(slowAtMs()).toBe(2 * FLOOR_MS);
  });

  it('without any other is expected at 128 KiB/s after five seconds', async () => {
    const { clock, slowAtMs } = watch([]);
    await clock.runFor(20 * second);
    expect(slowAtMs()).toBe(6 * second);
  });

  it('that has ended is no longer watched', async () => {
    const { clock, timer, slowAtMs } = watch([]);
    timer.cancel();
    await clock.runFor(20 * second);
    expect(slowAtMs()).toBeUndefined();
    expect(clock.pendingCount).toBe(0);
  });
});
