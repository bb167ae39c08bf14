import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { DiskFault } from './disk-fault.ts';
import { diskWords } from './disk-words.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { FsManifestStore } from './fs-manifest-store.ts';
import { FsOwnerStore } from './fs-owner-store.ts';
import { MemoryFileSystem } from './memory-file-system.ts';

const failure = (code: string): Error => Object.assign(new Error(`${code}: call`), { code });
const { random } = createSimRuntime('disk words').runtime;
const FILE = {
  id: 'ab'.repeat(32),
  name: 'letters.tar',
  bytes: 1,
  policy: { k: 1, n: 2 },
  manifestPath: '/manifest/letters.tar.batchain',
  addedAtMs: 1,
  checkedAtMs: null,
  health: 'good',
  shardsHealthy: 2,
  leases: [],
} as const;

/** A disk whose syncs fail. */
function syncFails(code: string): FileSystem {
  const disk = new MemoryFileSystem();
  const open = disk.open.bind(disk);
  disk.open = async (path, how): Promise<OpenFile> => ({
    ...(await open(path, how)),
    datasync: async () => {
      throw failure(code);
    },
  });
  return disk;
}

describe('what the disk said', () => {
  it.each([
    [failure('ENOSPC'), 'the disk is full'],
    [failure('EDQUOT'), 'the disk is full'],
    [new DiskFault(failure('ENOSPC'), true), 'the disk is full'],
    [new DiskFault(failure('EIO'), true), 'the disk reports an error (EIO)'],
    [failure('EMFILE'), 'the process has too many files open (EMFILE)'],
    [failure('EWEIRD'), 'the system says EWEIRD'],
    [new Error('something else'), 'something else'],
    ['no error at all', 'no error at all'],
  ])('%s: %s', (error, words) => {
    expect(diskWords(error)).toBe(words);
  });

  it.each([
    ['EIO', 'the disk reports an error (EIO)'],
    ['ENOSPC', 'the disk is full'],
  ])('is told of a failed sync, too: %s', async (code, why) => {
    const owner = new FsOwnerStore(syncFails(code), random, { manifests: '/manifest', records: '/owned' });
    await owner.open();
    await expect(owner.put(FILE)).rejects.toMatchObject({ code: 'BAT_E_TARGET_UNWRITABLE', why });
    await expect(owner.saveManifest('x', new Uint8Array(1), { path: '/manifest/x' })).rejects.toMatchObject({ why });
    const manifests = new FsManifestStore(syncFails(code), random, '/manifest');
    await expect(manifests.save('x', new Uint8Array(1))).rejects.toMatchObject({ code: 'BAT_E_TARGET_UNWRITABLE', why });
  });
});
