// What a download leaves on the disk (hostile input 2): the file under its name, or nothing; never over something else.
import { execFileSync } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, readlink, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FlowProgress, UploadResult } from '@batchain/bat-node';
import { toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CountedTimers, countTimers } from '../support/counting-clock.ts';
import { flipsABit } from '../support/misbehaviour.ts';
import { type BatMember, BatWorld } from './bat-world.ts';
import { writeSeededFile } from './harness.ts';

const KiB = 1024;
const SEGMENT_BYTES = 256 * KiB;
const FILE_BYTES = 16 * SEGMENT_BYTES - 77;
const POOL_BYTES = 64 * 1024 * KiB;
let world: BatWorld;
let hosts: BatMember[];
let owner: BatMember;
let up: UploadResult;
let source: Buffer;
let target: string;
let ref: string;
let timers: CountedTimers;
let idleTimers: number;

beforeEach(async () => {
  world = await BatWorld.create();
  hosts = [await world.addHost(), await world.addHost(), await world.addHost(), await world.addHost()];
  const counted = countTimers(createSystemRuntime());
  timers = counted.timers;
  owner = await world.add(0, { flowRuntime: counted.runtime });
  idleTimers = timers.pending;
  const path = await writeSeededFile(join(world.folder, 'letters.tar'), FILE_BYTES, 31);
  source = await readFile(path);
  up = await owner.node.upload(path, { policy: { k: 2, n: 4 }, segmentSizeBytes: SEGMENT_BYTES });
  ref = toHex(up.fileId);
  target = join(world.folder, 'back');
});
afterEach(async () => {
  await world.close();
});

const partFiles = async (): Promise<string[]> => (await readdir(world.folder)).filter((name) => name.endsWith('.part'));
/** Requests that hosts answer from now on. */
function countRequests(): () => number {
  let count = 0;
  for (const host of hosts) {
    host.behave((_, stream, { honest }) => {
      count++;
      return honest(stream);
    });
  }
  return () => count;
}

describe('a target that', () => {
  it('is there is not touched, and nobody is asked for anything', async () => {
    await writeFile(target, 'mine');
    const requests = countRequests();
    await expect(owner.node.download(ref, target)).rejects.toMatchObject({ code: 'BAT_E_TARGET_EXISTS' });
    expect(await readFile(target, 'utf8')).toBe('mine');
    expect(requests()).toBe(0);
    expect(await partFiles()).toEqual([]);
  });

  it.each(['a file', 'nothing'])('is a symbolic link to %s is not followed', async (what) => {
    const elsewhere = join(world.folder, 'elsewhere');
    if (what === 'a file') await writeFile(elsewhere, 'precious');
    await symlink(elsewhere, target);
    await expect(owner.node.download(ref, target)).rejects.toMatchObject({ code: 'BAT_E_TARGET_EXISTS' });
    expect(await readlink(target)).toBe(elsewhere);
    // With force the link is replaced, not what it points to.
    await owner.node.download(ref, target, { isForced: true });
    expect((await lstat(target)).isSymbolicLink()).toBe(false);
    expect((await readFile(target)).equals(source)).toBe(true);
    if (what === 'a file') expect(await readFile(elsewhere, 'utf8')).toBe('precious');
    else await expect(lstat(elsewhere)).rejects.toThrow('ENOENT');
  });

  it.each(['a folder', 'a pipe'])('is %s is not replaced, not even with force', async (what) => {
    if (what === 'a folder') await mkdir(target);
    else execFileSync('mkfifo', [target]);
    const requests = countRequests();
    await expect(owner.node.download(ref, target, { isForced: true })).rejects.toMatchObject({ code: 'BAT_E_TARGET_EXISTS' });
    expect((await lstat(target)).isFile()).toBe(false);
    expect(requests()).toBe(0);
    expect(await partFiles()).toEqual([]);
  });

  it.each(['a file', 'a link'])('appears during the download as %s is not touched', async (what) => {
    const elsewhere = join(world.folder, 'elsewhere');
    await writeFile(elsewhere, 'precious');
    let appearing: Promise<void> | undefined;
    const onProgress = ({ doneBytes }: FlowProgress): void => {
      if (doneBytes > FILE_BYTES / 2) appearing ??= what === 'a file' ? writeFile(target, 'mine') : symlink(elsewhere, target);
    };
    await expect(owner.node.download(ref, target, { onProgress })).rejects.toMatchObject({ code: 'BAT_E_TARGET_EXISTS' });
    await appearing;
    expect(await readFile(target, 'utf8')).toBe(what === 'a file' ? 'mine' : 'precious');
    expect(await readFile(elsewhere, 'utf8')).toBe('precious');
    // All bytes are here: a forced repetition needs no host.
    const requests = countRequests();
    const again = await owner.node.download(ref, target, { isForced: true });
    expect(again.resumedBytes).toBe(FILE_BYTES);
    expect(requests()).toBe(0);
    expect((await readFile(target)).equals(source)).toBe(true);
    expect(await readFile(elsewhere, 'utf8')).toBe('precious');
  });

  it('a part file that is a link points to is not written through', async () => {
    const elsewhere = join(world.folder, 'elsewhere');
    await writeFile(elsewhere, 'precious');
    await symlink(elsewhere, join(world.folder, `.back.${ref.slice(0, 16)}.part`));
    await expect(owner.node.download(ref, target)).rejects.toMatchObject({ code: 'BAT_E_TARGET_UNWRITABLE' });
    expect(await readFile(elsewhere, 'utf8')).toBe('precious');
  });

  it('two downloads want at once is written by one of them', async () => {
    const ends = await Promise.allSettled([owner.node.download(ref, target), owner.node.download(ref, target)]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(ends.find((end) => end.status === 'rejected')).toMatchObject({ reason: { code: 'BAT_E_TARGET_EXISTS' } });
    expect((await readFile(target)).equals(source)).toBe(true);
    expect(await partFiles()).toEqual([]);
  });
});

describe('a download that is cancelled', () => {
  const cancelAt = async (bytes: number): Promise<unknown> => {
    const abort = new AbortController();
    const onProgress = ({ doneBytes }: FlowProgress): void => {
      if (doneBytes >= bytes) abort.abort();
    };
    return owner.node.download(ref, target, { signal: abort.signal, onProgress }).catch((error: unknown) => error);
  };

  it.each([0, 1, FILE_BYTES / 2, FILE_BYTES - 1])(
    'at byte %d leaves no buffer, no timer and no file under the name, and goes on',
    async (bytes) => {
      expect(await cancelAt(bytes)).toMatchObject({ code: 'BAT_E_INTERRUPTED' });
      const buffer = await Promise.race([
        owner.stagePool.acquire(POOL_BYTES),
        new Promise<undefined>((resolve) => setTimeout(resolve, 100, undefined)),
      ]);
      expect(buffer, 'all buffers were given back').toBeDefined();
      if (buffer !== undefined) owner.stagePool.release(buffer);
      expect(timers.pending).toBe(idleTimers);
      await expect(lstat(target)).rejects.toThrow('ENOENT');
      const down = await owner.node.download(ref, target);
      if (bytes > SEGMENT_BYTES) expect(down.resumedBytes).toBeGreaterThan(0);
      expect((await readFile(target)).equals(source)).toBe(true);
      expect(await partFiles()).toEqual([]);
    },
  );

  it('says what it keeps to resume from, and keeps nothing that is empty', async () => {
    const interrupted = await cancelAt(FILE_BYTES / 2);
    const [part = ''] = await partFiles();
    const { size } = await lstat(join(world.folder, part));
    expect(interrupted).toMatchObject({
      code: 'BAT_E_INTERRUPTED',
      why: expect.stringContaining(`${join(world.folder, part)} (${(size / (KiB * KiB)).toFixed(1)} MiB) is kept to resume from`),
      details: { part: join(world.folder, part), partBytes: size },
    });
    await owner.node.download(ref, target);
    target = join(world.folder, 'second');
    expect(await cancelAt(0)).toMatchObject({ code: 'BAT_E_INTERRUPTED', details: {} });
    expect(await partFiles()).toEqual([]);
  });

  it('and whose part file was damaged in the meantime starts over by itself', async () => {
    await cancelAt(FILE_BYTES / 2);
    const [part = ''] = await partFiles();
    const bytes = await readFile(join(world.folder, part));
    bytes[100] = (bytes[100] as number) ^ 1;
    await writeFile(join(world.folder, part), bytes);
    const down = await owner.node.download(ref, target);
    expect(down.resumedBytes).toBe(0);
    expect((await readFile(target)).equals(source)).toBe(true);
  });

  it('and whose part file was cut short goes on from the last whole segment', async () => {
    await cancelAt(FILE_BYTES / 2);
    const [part = ''] = await partFiles();
    await truncate(join(world.folder, part), 3 * SEGMENT_BYTES + 5);
    expect((await owner.node.download(ref, target)).resumedBytes).toBe(3 * SEGMENT_BYTES);
    expect((await readFile(target)).equals(source)).toBe(true);
  });

  it('as a stream gives everything back when its reader goes away', async () => {
    for await (const piece of owner.node.downloadStream(ref)) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    const buffer = await owner.stagePool.acquire(POOL_BYTES);
    owner.stagePool.release(buffer);
    expect(timers.pending).toBe(idleTimers);
  });
});

describe('a download that fails', () => {
  it('for good keeps nothing, and shows nothing under the name', async () => {
    for (const host of hosts.slice(0, 3)) host.behave(flipsABit);
    await expect(owner.node.download(ref, target)).rejects.toMatchObject({ code: 'BAT_E_UNRECOVERABLE' });
    expect(await partFiles()).toEqual([]);
    await expect(lstat(target)).rejects.toThrow('ENOENT');
    for (const host of hosts) host.behave(undefined);
    await owner.node.download(ref, target);
    expect((await readFile(target)).equals(source)).toBe(true);
  });

  it('because hosts are away keeps what was right for the next attempt, and says so', async () => {
    let gone: Promise<unknown> | undefined;
    const onProgress = ({ doneBytes }: FlowProgress): void => {
      if (doneBytes >= FILE_BYTES / 2) gone ??= Promise.all(hosts.slice(1).map((host) => host.stop()));
    };
    const failed = await owner.node.download(ref, target, { onProgress }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'BAT_E_TOO_FEW_SHARDS', why: expect.stringContaining('is kept to resume from') });
    expect(await partFiles()).toHaveLength(1);
    await gone;
  });
});
