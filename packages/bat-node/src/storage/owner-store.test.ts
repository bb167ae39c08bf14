import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { FsOwnerStore } from './fs-owner-store.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { MemoryOwnerStore } from './memory-owner-store.ts';
import type { OwnedFile, OwnerStore } from './owner-store.ts';

const { random } = createSimRuntime('owner store').runtime;
const ID = 'ab'.repeat(32);
const FILE: OwnedFile = {
  id: ID,
  name: 'letters.tar',
  bytes: 0,
  policy: { k: 2, n: 5 },
  manifestPath: '/manifest/letters.tar.batchain',
  addedAtMs: 1,
  checkedAtMs: null,
  health: 'degraded',
  shardsHealthy: 4,
  leases: [],
  placing: { sinceMs: 1, nextMs: 2, tries: 3, reason: 'too few hosts', isOver: false },
};
const makers: readonly (readonly [string, () => OwnerStore])[] = [
  ['on disk', () => new FsOwnerStore(new MemoryFileSystem(), random, { manifests: '/manifest', records: '/owned' })],
  ['in memory', () => new MemoryOwnerStore()],
];

describe.each(makers)('an owner store %s', (_, make) => {
  const opened = async (): Promise<OwnerStore> => {
    const store = make();
    await store.open();
    await store.put(FILE);
    return store;
  };

  it('gives back what was put', async () => {
    const store = await opened();
    expect(await store.get(ID)).toEqual(FILE);
    expect(await store.list()).toEqual([FILE]);
  });

  it('loses no change of two that are made at once', async () => {
    const store = await opened();
    await Promise.all([
      store.update(ID, (file) => ({ ...file, shardsHealthy: file.shardsHealthy + 1 })),
      store.update(ID, (file) => ({ ...file, health: 'good' })),
      store.update(ID, ({ placing: _placing, ...rest }) => rest),
    ]);
    const { placing: _placing, ...rest } = FILE;
    expect(await store.get(ID)).toEqual({ ...rest, shardsHealthy: 5, health: 'good' });
  });

  it('does not bring back what is removed at the same time', async () => {
    const store = await opened();
    const ends = await Promise.all([
      store.update(ID, (file) => ({ ...file, health: 'good' })),
      store.remove(ID),
      store.update(ID, (file) => ({ ...file, health: 'lost' })),
    ]);
    expect(ends[0]).toMatchObject({ health: 'good' });
    expect(ends[2]).toBeUndefined();
    expect(await store.list()).toEqual([]);
  });
});
