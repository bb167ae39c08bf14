import { lstat, mkdtemp, readdir, readFile, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8Bytes } from '@batchain/shared';
import { SystemRandom } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MANIFEST_BYTES_MAX } from '../limits.ts';
import { FsManifestStore } from './fs-manifest-store.ts';
import { manifestFileName } from './manifest-store.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { nodeFileSystem } from './node-file-system.ts';

const names = new SystemRandom();
const [FIRST, SECOND] = [utf8Bytes('first'), utf8Bytes('second')];

describe('manifestFileName', () => {
  it('keeps ordinary names and numbers their copies', () => {
    expect(manifestFileName('holiday.mp4', 1)).toBe('holiday.mp4.batchain');
    expect(manifestFileName('holiday.mp4', 2)).toBe('holiday.mp4-2.batchain');
    expect(manifestFileName('Grüße 旅行', 1)).toBe('Grüße 旅行.batchain');
  });

  it('is one harmless component, whatever the name is', () => {
    for (const name of [
      '../../x',
      '/etc/passwd',
      '..\\..\\x',
      'a\0b',
      'x\u202egpj.exe',
      'CON',
      'nul.txt',
      '.',
      '..',
      '',
      '.hidden',
      'é'.repeat(400),
    ]) {
      for (const copy of [1, 9999]) {
        const fileName = manifestFileName(name, copy);
        expect(fileName).toMatch(/^[^./\\\0\u202e][^/\\\0\u202e]*\.batchain$/u);
        expect(fileName).not.toMatch(/^(?:con|nul)\b/i);
        expect(Buffer.byteLength(fileName)).toBeLessThanOrEqual(255);
      }
    }
    expect(manifestFileName('e\u0301', 1)).toBe('\u00e9.batchain');
    expect(manifestFileName('😀'.repeat(100), 1)).toBe(`${'😀'.repeat(61)}.batchain`);
  });
});

describe('FsManifestStore', () => {
  let home = '';
  let store: FsManifestStore;
  const folder = (...rest: string[]): string => join(home, 'manifest', ...rest);
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'batchain-manifest-'));
    store = new FsManifestStore(nodeFileSystem, names, folder());
  });
  afterEach(() => rm(home, { recursive: true }));

  it('saves under the name and never overwrites: the second gets a number', async () => {
    expect(await store.list()).toEqual([]);
    expect(await store.save('holiday', FIRST)).toBe(folder('holiday.batchain'));
    expect(await store.save('holiday', SECOND)).toBe(folder('holiday-2.batchain'));
    expect(await store.save('holiday', SECOND)).toBe(folder('holiday-3.batchain'));
    expect(await store.read(folder('holiday.batchain'))).toEqual(FIRST);
    expect(await store.read(folder('holiday-2.batchain'))).toEqual(SECOND);
    expect((await store.list()).map(({ name, bytes }) => [name, bytes])).toEqual([
      ['holiday', 5],
      ['holiday-2', 6],
      ['holiday-3', 6],
    ]);
  });

  it('gives each of many savers at once a name of its own', async () => {
    const paths = await Promise.all(Array.from({ length: 20 }, () => store.save('holiday', FIRST)));
    expect(new Set(paths).size).toBe(20);
    expect(await readdir(folder())).toHaveLength(20);
  });

  it('lets nobody else read', async () => {
    const path = await store.save('holiday', FIRST);
    if (process.platform === 'win32') return;
    expect((await lstat(path)).mode & 0o777).toBe(0o600);
    expect((await lstat(folder())).mode & 0o777).toBe(0o700);
  });

  it('follows no link when it saves, and takes its name for taken', async () => {
    await store.save('other', FIRST);
    await writeFile(join(home, 'precious'), 'precious');
    await symlink(join(home, 'precious'), folder('holiday.batchain'));
    expect(await store.save('holiday', SECOND)).toBe(folder('holiday-2.batchain'));
    expect(await readFile(join(home, 'precious'), 'utf8')).toBe('precious');
  });

  it('clears away what a crash left half-written, but not what is being written', async () => {
    await store.save('holiday', FIRST);
    const [old, young] = [folder('.batchain-00000000000000aa.tmp'), folder('.batchain-00000000000000bb.tmp')];
    for (const path of [old, young]) await writeFile(path, 'half a manifest with its key');
    await utimes(old, 1, 1);
    expect((await store.list()).map(({ name }) => name)).toEqual(['holiday']);
    await store.save('boat', FIRST);
    expect((await readdir(folder())).toSorted()).toEqual(['.batchain-00000000000000bb.tmp', 'boat.batchain', 'holiday.batchain']);
  });

  it('replaces as a whole, and removes', async () => {
    const path = await store.save('holiday', FIRST);
    await store.replace(path, SECOND);
    expect(await store.read(path)).toEqual(SECOND);
    expect(await readdir(folder())).toEqual(['holiday.batchain']);
    await store.remove(path);
    await store.remove(path);
    expect(await store.list()).toEqual([]);
    await expect(store.read(path)).rejects.toMatchObject({ code: 'BAT_E_REF_NOT_FOUND' });
  });

  it('reads nothing that is too long to be a manifest', async () => {
    const path = await store.save('holiday', FIRST);
    await truncate(path, MANIFEST_BYTES_MAX + 1);
    await expect(store.read(path)).rejects.toMatchObject({ code: 'BAT_E_MANIFEST_MALFORMED', exit: 7 });
  });

  it('leaves nothing behind on a full disk and says why', async () => {
    const fs = new MemoryFileSystem({ totalBytes: 8 });
    const full = new FsManifestStore(fs, names, '/manifest');
    const path = await full.save('holiday', FIRST);
    await expect(full.save('holiday', FIRST)).rejects.toMatchObject({ code: 'BAT_E_TARGET_UNWRITABLE', why: 'the disk is full' });
    expect((await full.list()).map((manifest) => manifest.path)).toEqual([path]);
    await expect(full.replace(path, utf8Bytes('far too long for it'))).rejects.toMatchObject({ code: 'BAT_E_TARGET_UNWRITABLE' });
    expect(await full.read(path)).toEqual(FIRST);
    expect(await fs.list('/manifest')).toEqual(['holiday.batchain']);
  });
});
