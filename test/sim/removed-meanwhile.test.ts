// A file that is removed while its leases are renewed, or while it is audited, stays removed: its record does not come back.
import { FsOwnerStore, MemoryFileSystem, type OpenFile } from '@batchain/bat-node';
import { day, toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';

const SEGMENT_BYTES = 64 * 1024;
let world: SimBatWorld;
let owner: SimMember;
let id: string;
let store: FsOwnerStore;
/** Called when a record was read, before whoever asked for it has it. */
let onRead: () => Promise<unknown>;

beforeEach(async () => {
  world = new SimBatWorld('removed meanwhile');
  onRead = async () => undefined;
  const disk = new MemoryFileSystem();
  const open = disk.open.bind(disk);
  disk.open = async (path, how): Promise<OpenFile> => {
    const file = await open(path, how);
    return {
      ...file,
      close: async () => {
        await file.close();
        if (how === 'read' && path.endsWith('.json')) await onRead();
      },
    };
  };
  store = new FsOwnerStore(disk, world.simulation.runtime.random, { manifests: '/manifest', records: '/owned' });
  const hosts = [await world.add(100 * 1024 * 1024), await world.add(100 * 1024 * 1024)];
  owner = await world.add(0, { ownerStore: store });
  const bytes = world.simulation.runtime.random.bytes(3 * SEGMENT_BYTES);
  const put = { k: 1, segmentBytes: SEGMENT_BYTES, isCommitted: true, name: 'letters.tar' };
  const { manifest } = await world.settle(world.put(owner, hosts, bytes, put));
  id = toHex(manifest.roster.fileId);
});
afterEach(async () => {
  await world.close();
});

describe('a file that is removed', () => {
  it.each([
    ['audited', () => owner.node.audit(id)],
    ['renewed', () => owner.node.renewLeases()],
  ] as const)('in the moment in which what was found is written, while it is %s, does not come back', async (_, work) => {
    // Due, but not renewed by itself yet.
    await store.update(id, (file) => ({
      ...file,
      leases: file.leases.map((lease) => ({ ...lease, renewedAtMs: lease.renewedAtMs - 8 * day })),
    }));
    let reads = 0;
    const removals: Promise<void>[] = [];
    onRead = async () => {
      reads++;
      const count = reads;
      // Each time, for nobody knows which of the reads is the one before the write.
      if (count > 1) removals.push(store.remove(id));
      await world.simulation.clock.sleep(5);
    };
    await world.settle<unknown>(work());
    expect(removals.length).toBeGreaterThan(0);
    await world.settle(Promise.all(removals));
    onRead = async () => undefined;
    expect(await store.list()).toEqual([]);
  });
});
