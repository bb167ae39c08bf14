import { GiB, KiB, second, TiB } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { DiskGauge } from './disk-gauge.ts';
import type { DiskSpace, FileSystem } from './file-system.ts';
import { MemoryFileSystem } from './memory-file-system.ts';

function gaugeOn(space: DiskSpace, keepFreeBytes?: number) {
  const { runtime, clock } = createSimRuntime('gauge');
  const asked = { count: 0, space };
  const fs: FileSystem = Object.assign(new MemoryFileSystem(), {
    space: async () => {
      asked.count++;
      return asked.space;
    },
  });
  return { gauge: new DiskGauge(runtime, fs, '/hosted', keepFreeBytes), clock, asked };
}

const uncounted = { freeFiles: 0, totalFiles: 0 };

describe('DiskGauge', () => {
  it('leaves 1 GiB of a small disk and 5 % of a large one, unless told otherwise', async () => {
    const small = gaugeOn({ freeBytes: 3 * GiB, totalBytes: 10 * GiB, ...uncounted });
    await small.gauge.refresh();
    expect(small.gauge.room()).toBe(2 * GiB);
    const large = gaugeOn({ freeBytes: 100 * GiB, totalBytes: TiB, ...uncounted });
    await large.gauge.refresh();
    expect(large.gauge.room()).toBe(100 * GiB - TiB * 0.05);
    const told = gaugeOn({ freeBytes: 3 * GiB, totalBytes: 10 * GiB, ...uncounted }, 0);
    await told.gauge.refresh();
    expect(told.gauge.room()).toBe(3 * GiB);
  });

  it('counts promises, and writes since it last asked, and asks once a second', async () => {
    const { gauge, clock, asked } = gaugeOn({ freeBytes: 100 * KiB, totalBytes: GiB, ...uncounted }, 20 * KiB);
    await Promise.all([gauge.refresh(), gauge.refresh()]);
    expect(asked.count).toBe(1);
    gauge.promise(50 * KiB);
    expect(gauge.room()).toBe(30 * KiB);
    expect(gauge.canWrite(80 * KiB)).toBe(true);
    gauge.written(40 * KiB);
    expect(gauge.room()).toBe(30 * KiB);
    expect(gauge.canWrite(40 * KiB)).toBe(true);
    expect(gauge.canWrite(40 * KiB + 1)).toBe(false);
    gauge.release(10 * KiB);
    expect(gauge.room()).toBe(40 * KiB);
    await gauge.refresh();
    expect(asked.count).toBe(1);
    asked.space = { ...asked.space, freeBytes: 10 * KiB };
    await clock.runFor(second);
    await gauge.refresh();
    expect(gauge.room()).toBe(0);
    expect(gauge.canWrite(1)).toBe(false);
  });

  it('has no room where no more files can be made', async () => {
    const { gauge } = gaugeOn({ freeBytes: GiB, totalBytes: GiB, freeFiles: 10, totalFiles: 100_000 }, 0);
    await gauge.refresh();
    expect(gauge.room()).toBe(0);
  });
});
