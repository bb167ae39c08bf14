import { FsShardStore } from '@batchain/bat-node';
import { KiB, MiB } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { type CallFault, FaultDisk } from '../support/fault-disk.ts';
import { type Step, StoreModel } from '../support/store-model.ts';
import { readShard, storeShard, testShard } from '../support/stored-shards.ts';

const { runtime } = createSimRuntime('store faults');
const nowMs = (): number => runtime.clock.nowMs();
const soonMs = (): number => nowMs() + 1000;
const shard = (options: Parameters<typeof testShard>[0] = {}) => testShard({ length: 20 * KiB, ...options });
const [first, second, third] = [shard(), shard({ index: 1 }), shard({ segment: 1 })];
const fresh = shard({ file: 'afterwards' });

const SCRIPT: readonly Step[] = [
  { do: 'put', shards: [first, second] },
  { do: 'roster', of: first, content: 'roster' },
  { do: 'interrupt', shard: third },
  { do: 'commit-lease', of: first },
  { do: 'put', shards: [third] },
  { do: 'release', of: second, isWhole: false },
  { do: 'put', shards: [second] },
];

function storeOn(disk: FaultDisk): FsShardStore {
  const config = { hostedPath: '/hosted', offerBytes: MiB, keepFreeBytes: 0, ownerShare: 1 };
  return new FsShardStore(runtime, disk.files, disk.table, config);
}

/** Follows the script with one fault in it; answers what is wrong, and how many calls there were. */
async function tryFault(fault: CallFault): Promise<{ faults: string[]; callCount: number; isReadOnly: boolean }> {
  const disk = new FaultDisk();
  const model = new StoreModel(() => true, nowMs);
  const store = storeOn(disk);
  await store.open();
  disk.arm({ fault });
  await model.follow(store, SCRIPT);
  const callCount = disk.calls.length;
  const lastCall = disk.calls[fault.at] ?? 'never';
  disk.arm();
  const { isReadOnly } = store.usage();
  const faults = await model.findFaults(store);
  const kept = await storeShard(store, fresh, soonMs());
  if (isReadOnly ? kept.ok || kept.reason !== 'read-only' : !kept.ok) faults.push(`afterwards: ${JSON.stringify(kept)}`);
  await store.close();
  const again = storeOn(disk);
  await again.open();
  if (isReadOnly) await storeShard(again, fresh, soonMs());
  if ((await readShard(again, fresh.order)) === 'not-held') faults.push('does not store after the restart');
  await again.release(fresh.order.fileId);
  faults.push(...(await model.findFaults(again)));
  await again.close();
  return { faults: faults.map((text) => `${fault.code} at ${fault.at} (${lastCall}): ${text}`), callCount, isReadOnly };
}

describe('a failing call of the disk', () => {
  for (const code of ['EIO', 'ENOSPC', 'EROFS', 'EMFILE', 'short'] as const) {
    for (const isLasting of [false, true]) {
      it(`is no lie and no end: ${code}${isLasting ? ', lasting' : ', once'}, at every call (T16)`, async () => {
        const faults: string[] = [];
        const { callCount } = await tryFault({ at: Number.POSITIVE_INFINITY, code });
        for (let at = 0; at < callCount; at++) faults.push(...(await tryFault({ at, code, isLasting })).faults);
        expect(callCount).toBeGreaterThan(60);
        expect(faults).toEqual([]);
      });
    }
  }

  it('acknowledges nothing whose sync failed, and writes no more until it is opened again', async () => {
    const disk = new FaultDisk();
    const store = storeOn(disk);
    await store.open();
    expect(await storeShard(store, first, soonMs())).toMatchObject({ ok: true });
    disk.arm();
    await storeShard(store, second, soonMs());
    const syncs = disk.calls.flatMap((call, i) => (/^(?:datasync|sync-folder)/.test(call) ? [i] : []));
    expect(syncs.length).toBe(3);
    for (const at of syncs) {
      await store.release(second.order.fileId, [second.order]);
      disk.arm({ fault: { at, code: 'EIO' } });
      expect(await storeShard(store, second, soonMs())).toMatchObject({ ok: false, reason: 'io-error' });
      disk.arm();
      expect(store.usage().isReadOnly).toBe(true);
      expect(await storeShard(store, third, soonMs())).toMatchObject({ ok: false, reason: 'read-only' });
      expect(await store.roomBytes()).toBe(0);
      expect(await readShard(store, first.order)).toEqual(first.bytes);
      await store.close();
      await store.open();
      expect(store.usage().isReadOnly).toBe(false);
      expect(await storeShard(store, second, soonMs())).toMatchObject({ ok: true });
    }
    await store.close();
  });

  it('is told as io-error to a reader, and nothing is forgotten for it', async () => {
    const disk = new FaultDisk();
    const store = storeOn(disk);
    await store.open();
    await storeShard(store, first, soonMs());
    disk.arm({ fault: { at: 1, code: 'EIO' } });
    expect(await readShard(store, first.order)).toBe('io-error');
    expect(await readShard(store, first.order)).toEqual(first.bytes);
    await store.close();
  });
});
