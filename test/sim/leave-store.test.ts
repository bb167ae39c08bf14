// The store of a host that leaves goes down at every call of its disk: each shard is here, or it is known where it went.
import { FsShardStore } from '@batchain/bat-node';
import { day, KiB, MiB, type NodeId, toHex } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { FaultDisk } from '../support/fault-disk.ts';
import { bytesNamed, storeShard, testShard } from '../support/stored-shards.ts';

const { runtime } = createSimRuntime('a leaver that crashes');
const receiver = bytesNamed('receiver', 32) as NodeId;
const shards = [testShard({ length: 8 * KiB }), testShard({ length: 8 * KiB, segment: 1 })];

function storeOn(disk: FaultDisk): FsShardStore {
  return new FsShardStore(runtime, disk.files, disk.table, { hostedPath: '/hosted', offerBytes: MiB, keepFreeBytes: 0 });
}

/** What became of both shards of a host that went down at this call of its disk, while it moved one after the other. */
async function crashedAt(crashAt: number, fate: 'keep' | 'lose') {
  const disk = new FaultDisk();
  const store = storeOn(disk);
  await store.open();
  for (const shard of shards) await storeShard(store, shard, runtime.clock.nowMs() + 20 * day);
  disk.arm({ crashAt });
  const acknowledged: boolean[] = [];
  await store.setLeaving(5).catch(() => undefined);
  await store.planMove(shards[0]?.order.fileId as never, receiver);
  for (const { order } of shards) acknowledged.push((await store.move(order, receiver)).ok && !disk.isCrashed);
  const calls = disk.calls.length;
  disk.isCrashed = true;
  await store.close();
  disk.memory.crash(() => fate);
  disk.revive();
  const again = storeOn(disk);
  await again.open();
  const states = shards.map(({ order }, i) => {
    const isHeld = again.shard(order) !== undefined;
    const place = again.moved(order.fileId)?.places.find(({ segment }) => segment === order.segment);
    return { isHeld, to: place === undefined ? undefined : toHex(place.host), isAcknowledged: acknowledged[i] };
  });
  const result = { states, calls, isLeaving: again.leavingSinceMs() !== undefined };
  await again.close();
  return result;
}

describe('a host that crashes while it hands its shards over', () => {
  it.each(['keep', 'lose'] as const)(
    'SH-04 SH-12 has each shard, or knows who has it, whatever the disk did not sync (%s)',
    async (fate) => {
      const { calls: callCount } = await crashedAt(Number.POSITIVE_INFINITY, fate);
      expect(callCount).toBeGreaterThan(8);
      let movedAtEnd = 0;
      for (let crashAt = 0; crashAt <= callCount; crashAt++) {
        const { states } = await crashedAt(crashAt, fate);
        for (const { isHeld, to, isAcknowledged } of states) {
          expect({ crashAt, isKnown: isHeld || to === toHex(receiver) }).toEqual({ crashAt, isKnown: true });
          if (isAcknowledged === true) expect({ crashAt, isHeld }).toEqual({ crashAt, isHeld: false });
        }
        movedAtEnd = states.filter(({ isHeld }) => !isHeld).length;
      }
      expect(movedAtEnd).toBe(2);
    },
  );

  it('SH-11 still knows that it leaves', async () => {
    expect((await crashedAt(Number.POSITIVE_INFINITY, 'lose')).isLeaving).toBe(true);
    expect((await crashedAt(0, 'keep')).isLeaving).toBe(false);
  });
});
