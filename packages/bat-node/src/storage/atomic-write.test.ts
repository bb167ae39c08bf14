import { lstat, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8Bytes } from '@batchain/shared';
import { SystemRandom } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { atomicWriteFile, isTemporaryName, readWhole, writeAll } from './atomic-write.ts';
import type { FileSystem } from './file-system.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { nodeFileSystem } from './node-file-system.ts';

const names = new SystemRandom();
const NEW = utf8Bytes('new bytes');

describe('atomicWriteFile', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'batchain-atomic-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const inFolder = (name: string): string => join(folder, name);
  const write = (existing: 'replace' | 'refuse', fs = nodeFileSystem) => atomicWriteFile(fs, names, inFolder('file'), NEW, { existing });

  it('writes a file that only its owner can read, and leaves nothing else', async () => {
    expect(await write('refuse')).toEqual({ ok: true, value: undefined });
    expect(await readFile(inFolder('file'), 'utf8')).toBe('new bytes');
    if (process.platform !== 'win32') expect((await lstat(inFolder('file'))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('replaces, or refuses and leaves the older file alone', async () => {
    await writeFile(inFolder('file'), 'old');
    expect(await write('refuse')).toMatchObject({ ok: false, reason: 'taken' });
    expect(await readFile(inFolder('file'), 'utf8')).toBe('old');
    expect(await write('replace')).toMatchObject({ ok: true });
    expect(await readFile(inFolder('file'), 'utf8')).toBe('new bytes');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('never writes through a symbolic link', async () => {
    await writeFile(inFolder('precious'), 'precious');
    await symlink(inFolder('precious'), inFolder('file'));
    expect(await write('refuse')).toMatchObject({ ok: false, reason: 'taken' });
    expect(await write('replace')).toMatchObject({ ok: true });
    expect(await readFile(inFolder('precious'), 'utf8')).toBe('precious');
    expect((await lstat(inFolder('file'))).isSymbolicLink()).toBe(false);
    await symlink(inFolder('precious'), inFolder('link'));
    await expect(readWhole(nodeFileSystem, inFolder('link'), 100)).rejects.toThrow('ELOOP');
  });

  it('does without hard links, and still never overwrites', async () => {
    const exFat: FileSystem = {
      ...nodeFileSystem,
      link: () => Promise.reject(Object.assign(new Error('no hard links here'), { code: 'EPERM' })),
    };
    expect(await write('refuse', exFat)).toMatchObject({ ok: true });
    expect(await readFile(inFolder('file'), 'utf8')).toBe('new bytes');
    await writeFile(inFolder('file'), 'old');
    expect(await write('refuse', exFat)).toMatchObject({ ok: false, reason: 'taken' });
    expect(await readFile(inFolder('file'), 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('lets exactly one of many writers have the name', async () => {
    const written = await Promise.all(Array.from({ length: 10 }, () => write('refuse')));
    expect(written.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('leaves no temporary file when the disk is full', async () => {
    const fs = new MemoryFileSystem({ totalBytes: 5 });
    await fs.makeFolder('/a');
    await expect(atomicWriteFile(fs, names, '/a/file', NEW, { existing: 'replace' })).rejects.toThrow('ENOSPC');
    expect(await fs.list('/a')).toEqual([]);
    expect((await fs.space('/a')).freeBytes).toBe(5);
  });

  it('leaves a name that was free free when it fails at the very end', async () => {
    const fs = new MemoryFileSystem();
    await fs.makeFolder('/a');
    const unsynced: FileSystem = { ...bound(fs), syncFolder: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) };
    await expect(atomicWriteFile(unsynced, names, '/a/file', NEW, { existing: 'refuse' })).rejects.toThrow('EIO');
    expect(await fs.list('/a')).toEqual([]);
  });

  it('shows the old file or the new one after a crash, whatever was lost', async () => {
    for (const fate of ['keep', 'lose', 'tear'] as const) {
      const fs = new MemoryFileSystem();
      await fs.makeFolder('/a');
      await atomicWriteFile(fs, names, '/a/file', utf8Bytes('old'), { existing: 'refuse' });
      await atomicWriteFile(fs, names, '/a/file', NEW, { existing: 'replace' });
      fs.crash(() => fate);
      expect(await readWhole(fs, '/a/file', 100)).toEqual({ ok: true, value: NEW });
    }
  });

  it('knows its half-written files by name', async () => {
    const half = new MemoryFileSystem({ totalBytes: 5 });
    await half.makeFolder('/a');
    const stuck: FileSystem = { ...bound(half), remove: () => Promise.reject(new Error('the machine is off')) };
    await expect(atomicWriteFile(stuck, names, '/a/file', NEW, { existing: 'replace' })).rejects.toThrow('ENOSPC');
    expect((await half.list('/a')).map(isTemporaryName)).toEqual([true]);
    expect(isTemporaryName('holiday.batchain')).toBe(false);
  });
});

/** The methods as own properties, to replace one of them. */
function bound(fs: MemoryFileSystem): FileSystem {
  return {
    open: (path, how) => fs.open(path, how),
    makeFolder: (path) => fs.makeFolder(path),
    list: (path) => fs.list(path),
    stat: (path) => fs.stat(path),
    rename: (from, to) => fs.rename(from, to),
    link: (from, to) => fs.link(from, to),
    remove: (path) => fs.remove(path),
    syncFolder: (path) => fs.syncFolder(path),
    space: (path) => fs.space(path),
  };
}

describe('reading and writing whole', () => {
  it('refuses to read more than asked for', async () => {
    const fs = new MemoryFileSystem();
    await fs.makeFolder('/a');
    await atomicWriteFile(fs, names, '/a/file', NEW, { existing: 'refuse' });
    expect(await readWhole(fs, '/a/file', NEW.length)).toEqual({ ok: true, value: NEW });
    expect(await readWhole(fs, '/a/file', NEW.length - 1)).toMatchObject({ ok: false, reason: 'too-long' });
  });

  it('goes on after short writes, and ends when the disk takes nothing', async () => {
    const taken: number[] = [];
    const file = { write: async (bytes: Uint8Array) => taken.push(Math.min(bytes.length, 4)) && Math.min(bytes.length, 4) };
    await writeAll(file as never, NEW, 0);
    expect(taken).toEqual([4, 4, 1]);
    await expect(writeAll({ write: async () => 0 } as never, NEW, 0)).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});
