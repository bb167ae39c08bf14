import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { validateFileName } from '../manifest/entry-path.ts';
import { PartFile, partPath } from './part-file.ts';

const ID = 'ab'.repeat(32);
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-part-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('a part file', () => {
  it.each([
    [`${'\u6587'.repeat(83)}.txt`, 253],
    ['\u6587'.repeat(85), 255],
    ['\u{1f600}'.repeat(63), 252],
    ['a'.repeat(255), 255],
    ['letters.tar', 11],
  ])('of every name that a manifest allows can be made, and becomes the file: %s (%d bytes)', async (name, bytes) => {
    expect([Buffer.byteLength(name), validateFileName(name).ok]).toEqual([bytes, true]);
    const part = await PartFile.open(join(folder, name), ID, false);
    const [made = ''] = await readdir(folder);
    expect(Buffer.byteLength(made)).toBeLessThanOrEqual(255);
    expect(join(folder, made)).toBe(partPath(join(folder, name), ID));
    expect(made).not.toContain('\ufffd');
    await part.write(new Uint8Array(3), 0);
    await part.finish(0o600);
    expect(await readdir(folder)).toEqual([name]);
  });

  it('of an ordinary name is named after it, so that an earlier attempt is found again', () => {
    expect(partPath('/a/letters.tar', ID)).toBe('/a/.letters.tar.abababababababab.part');
  });

  it.each([
    ['another file', false, (path: string) => writeFile(path, 'EVIL')],
    ['another file', true, (path: string) => writeFile(path, 'EVIL')],
    ['a link', false, (path: string) => symlink('/etc/hostname', path)],
    ['a link', true, (path: string) => symlink('/etc/hostname', path)],
  ] as const)('T12 I2 that somebody exchanges for %s never becomes the file (forced: %s)', async (_what, isForced, put) => {
    const target = join(folder, 'letters.tar');
    const part = await PartFile.open(target, ID, isForced);
    await part.write(new Uint8Array(3), 0);
    await rm(part.path);
    await put(part.path);
    await expect(part.finish(0o600)).rejects.toMatchObject({
      code: 'BAT_E_TARGET_UNWRITABLE',
      why: 'somebody else can write to this folder',
    });
    await part.close();
    expect(await readdir(folder)).toEqual(['.letters.tar.abababababababab.part']);
  });
});
