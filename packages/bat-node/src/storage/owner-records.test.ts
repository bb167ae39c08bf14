import { utf8Bytes } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { FileSystem, OpenFile } from './file-system.ts';
import { FsOwnerStore } from './fs-owner-store.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import type { OwnedFile } from './owner-store.ts';

const { random } = createSimRuntime('owner records').runtime;
const PATHS = { manifests: '/manifest', records: '/owned' };
const failure = (code: string): Error => Object.assign(new Error(`${code}: call`), { code });
const idOf = (number: number): string => number.toString(16).padStart(64, '0');
const fileOf = (number: number): OwnedFile => ({
  id: idOf(number),
  name: `file ${number}`,
  bytes: 1,
  policy: { k: 1, n: 2 },
  manifestPath: `/manifest/${number}.batchain`,
  addedAtMs: number,
  checkedAtMs: null,
  health: 'good',
  shardsHealthy: 2,
  leases: [],
});

/** The same disk where only so many files may be open, and some can not be opened at all. */
function limited(disk: MemoryFileSystem, openMax: number, codeOf: (path: string) => string | undefined = () => undefined): FileSystem {
  let open = 0;
  return {
    open: async (path, how): Promise<OpenFile> => {
      const code = codeOf(path);
      if (code !== undefined) throw failure(code);
      if (open >= openMax) throw failure('EMFILE');
      open++;
      const file = await disk.open(path, how).catch((error: unknown) => {
        open--;
        throw error;
      });
      return {
        ...file,
        close: async () => {
          open--;
          await file.close();
        },
      };
    },
    makeFolder: (path) => disk.makeFolder(path),
    list: (path) => {
      const code = codeOf(path);
      return code === undefined ? disk.list(path) : Promise.reject(failure(code));
    },
    stat: (path) => disk.stat(path),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    syncFolder: (path) => disk.syncFolder(path),
    space: (path) => disk.space(path),
  };
}

describe('the records of the owner', () => {
  let disk: MemoryFileSystem;
  beforeEach(async () => {
    disk = new MemoryFileSystem();
    const store = new FsOwnerStore(disk, random, PATHS);
    await store.open();
    for (let number = 0; number < 300; number++) await store.put(fileOf(number));
  });

  it('are all on the list, oldest first, however few files a process may open', async () => {
    const files = await new FsOwnerStore(limited(disk, 20), random, PATHS).list();
    expect(files.map(({ name }) => name)).toEqual(Array.from({ length: 300 }, (_, number) => `file ${number}`));
  });

  it.each([
    ['EMFILE', 'the process has too many files open (EMFILE)'],
    ['EIO', 'the disk reports an error (EIO)'],
    ['EACCES', 'permission is missing (EACCES)'],
  ])('are never taken for absent because the disk said %s', async (code, why) => {
    const path = `/owned/${idOf(7)}.json`;
    const store = new FsOwnerStore(
      limited(disk, 20, (at) => (at === path ? code : undefined)),
      random,
      PATHS,
    );
    const refusal = { code: 'BAT_E_HOME_UNUSABLE', what: `can not read ${path}`, why };
    await expect(store.list()).rejects.toMatchObject(refusal);
    await expect(store.get(idOf(7))).rejects.toMatchObject(refusal);
    expect(await store.get(idOf(8))).toEqual(fileOf(8));
    expect(await store.ids()).toHaveLength(300);
    const folder = new FsOwnerStore(
      limited(disk, 20, (at) => (at === '/owned' ? code : undefined)),
      random,
      PATHS,
    );
    await expect(folder.list()).rejects.toMatchObject({ code: 'BAT_E_HOME_UNUSABLE', what: 'can not read /owned', why });
  });

  it('are absent when they are gone, also between two looks', async () => {
    const path = `/owned/${idOf(7)}.json`;
    const store = new FsOwnerStore(
      limited(disk, 20, (at) => (at === path ? 'ENOENT' : undefined)),
      random,
      PATHS,
    );
    expect(await store.list()).toHaveLength(299);
    expect(await store.get(idOf(7))).toBeUndefined();
    expect(await new FsOwnerStore(new MemoryFileSystem(), random, PATHS).list()).toEqual([]);
  });

  it.each(['{"id":', '"text"', 'null', `{"id":"${idOf(8)}","leases":[]}`, `{"id":"${idOf(7)}"}`])(
    'that are damaged are named, with what helps: %s',
    async (text) => {
      const path = `/owned/${idOf(7)}.json`;
      await disk.remove(path);
      const file = await disk.open(path, 'create');
      await file.write(utf8Bytes(text), 0);
      await file.close();
      await expect(new FsOwnerStore(disk, random, PATHS).list()).rejects.toMatchObject({
        code: 'BAT_E_HOME_UNUSABLE',
        what: expect.stringContaining(`${path} is damaged`),
        fix: expect.stringContaining(`rm '${path}'`),
      });
    },
  );
});

describe('where a manifest is to go', () => {
  const name = 'letters.tar';
  let disk: MemoryFileSystem;
  let store: FsOwnerStore;
  beforeEach(async () => {
    disk = new MemoryFileSystem();
    await disk.makeFolder('/there');
    store = new FsOwnerStore(disk, random, PATHS);
  });

  it('is found out without leaving anything behind', async () => {
    expect(await store.planManifest(name)).toBeUndefined();
    expect(await store.planManifest(name, { path: '/there/key' })).toBe('/there/key');
    expect(await disk.list('/there')).toEqual([]);
    expect(await disk.list('/manifest')).toEqual([]);
  });

  it('may be a folder, which takes it under its own name', async () => {
    expect(await store.planManifest(name, { path: '/there' })).toBe('/there/letters.tar.batchain');
    expect(await store.planManifest(name, { path: '/there/' })).toBe('/there/letters.tar.batchain');
    expect(await store.planManifest('a/b', { path: '/there' })).toBe('/there/a_b.batchain');
  });

  it('is refused when it is taken, unless forced', async () => {
    const path = await store.saveManifest(name, new Uint8Array(1), { path: '/there/key' });
    const refusal = { code: 'BAT_E_TARGET_EXISTS', exit: 8, fix: expect.stringMatching(/--manifest.*--force/) };
    await expect(store.planManifest(name, { path })).rejects.toMatchObject(refusal);
    await expect(store.saveManifest(name, new Uint8Array(1), { path })).rejects.toMatchObject(refusal);
    expect(await store.planManifest(name, { path, isForced: true })).toBe(path);
  });

  it('is refused when there is no such folder, or it takes no file', async () => {
    for (const path of ['/nowhere/key', '/there/nowhere/'])
      await expect(store.planManifest(name, { path })).rejects.toMatchObject({
        code: 'BAT_E_TARGET_UNWRITABLE',
        why: expect.stringMatching(/^there is no folder \/(there\/)?nowhere/),
        fix: expect.stringContaining('--manifest'),
      });
    const denied = new FsOwnerStore(
      limited(disk, 20, (path) => (path.endsWith('.tmp') ? 'EACCES' : undefined)),
      random,
      PATHS,
    );
    const refusal = { code: 'BAT_E_TARGET_UNWRITABLE', why: 'permission is missing (EACCES)' };
    await expect(denied.planManifest(name, { path: '/there/key' })).rejects.toMatchObject(refusal);
    await expect(denied.planManifest(name)).rejects.toMatchObject(refusal);
  });
});
