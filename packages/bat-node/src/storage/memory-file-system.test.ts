import { KiB, utf8Bytes, utf8Text } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { readWhole } from './atomic-write.ts';
import { errnoOf } from './file-system.ts';
import { MemoryFileSystem } from './memory-file-system.ts';

const TEXT = utf8Bytes('bytes of a shard');

async function disk(totalBytes?: number): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem(totalBytes === undefined ? {} : { totalBytes });
  await fs.makeFolder('/a');
  await fs.makeFolder('/b');
  return fs;
}

async function put(fs: MemoryFileSystem, path: string, isSynced: boolean): Promise<void> {
  const file = await fs.open(path, 'create');
  await file.write(TEXT, 0);
  if (isSynced) await file.datasync();
  await file.close();
}

async function textOf(fs: MemoryFileSystem, path: string): Promise<string> {
  try {
    const bytes = await readWhole(fs, path, KiB);
    return bytes.ok ? (utf8Text(bytes.value) ?? '') : bytes.reason;
  } catch (error) {
    return errnoOf(error);
  }
}

describe('MemoryFileSystem', () => {
  it('loses in a crash the bytes that were not synced, and the names of an unsynced folder', async () => {
    const fs = await disk();
    await put(fs, '/a/synced', true);
    await put(fs, '/a/unsynced', false);
    await fs.syncFolder('/a');
    await put(fs, '/a/unnamed', true);
    fs.crash(() => 'lose');
    expect(await textOf(fs, '/a/synced')).toBe('bytes of a shard');
    expect(await textOf(fs, '/a/unsynced')).toBe('');
    expect(await textOf(fs, '/a/unnamed')).toBe('ENOENT');
  });

  it('may keep or tear what was not synced', async () => {
    const fs = await disk();
    await put(fs, '/a/kept', false);
    fs.crash(() => 'keep');
    expect(await textOf(fs, '/a/kept')).toBe('bytes of a shard');
    const torn = await disk();
    await put(torn, '/a/torn', false);
    torn.crash((change) => (change.kind === 'name' ? 'keep' : 'tear'));
    expect(await textOf(torn, '/a/torn')).toBe('bytes of');
  });

  it('undoes overwriting and cutting, back to what was synced', async () => {
    const fs = await disk();
    await put(fs, '/a/file', true);
    await fs.syncFolder('/a');
    const file = await fs.open('/a/file', 'update');
    await file.write(utf8Bytes('BYTES'), 0);
    await file.truncate(8);
    await file.write(utf8Bytes('!'), 20);
    expect(await textOf(fs, '/a/file')).toHaveLength(21);
    fs.crash(() => 'lose');
    expect(await textOf(fs, '/a/file')).toBe('bytes of a shard');
  });

  it('never loses both names of a rename between folders', async () => {
    for (const synced of ['/a', '/b', 'none']) {
      const fs = await disk();
      await put(fs, '/a/old', true);
      await fs.syncFolder('/a');
      await fs.rename('/a/old', '/b/new');
      if (synced !== 'none') await fs.syncFolder(synced);
      fs.crash(() => 'lose');
      const names = [...(await fs.list('/a')), ...(await fs.list('/b'))];
      expect(names).toEqual(synced === '/a' ? [] : synced === '/b' ? ['old', 'new'] : ['old']);
    }
  });

  it('closes the files that a crash found open', async () => {
    const fs = await disk();
    const file = await fs.open('/a/file', 'create');
    fs.crash(() => 'keep');
    await expect(file.write(TEXT, 0)).rejects.toThrow('EBADF');
  });

  it('is full after its last byte, and has room again for what is removed', async () => {
    const fs = await disk(20);
    await put(fs, '/a/first', true);
    const file = await fs.open('/a/second', 'create');
    expect(await file.write(TEXT, 0)).toBe(4);
    await expect(file.write(TEXT, 4)).rejects.toThrow('ENOSPC');
    await fs.link('/a/first', '/b/other');
    await fs.remove('/a/first');
    expect((await fs.space('/a')).freeBytes).toBe(0);
    await fs.remove('/b/other');
    expect((await fs.space('/a')).freeBytes).toBe(16);
    await fs.rename('/a/second', '/b/second');
    expect((await fs.space('/a')).freeBytes).toBe(16);
  });

  it('refuses names that are taken or missing', async () => {
    const fs = await disk();
    await put(fs, '/a/file', true);
    await expect(fs.open('/a/file', 'create')).rejects.toThrow('EEXIST');
    await expect(fs.open('/a/none', 'read')).rejects.toThrow('ENOENT');
    await expect(fs.open('/none/file', 'create')).rejects.toThrow('ENOENT');
    await expect(fs.link('/a/file', '/a/file')).rejects.toThrow('EEXIST');
    await expect(fs.remove('/a/none')).rejects.toThrow('ENOENT');
    await expect(fs.list('/none')).rejects.toThrow('ENOENT');
  });
});
