// Work that is cancelled, repeated, or done twice at once: nothing is left behind, nothing is stored twice, nothing is mixed up.
import { appendFile, copyFile, mkdir, open, readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { FlowProgress, UploadResult } from '@batchain/bat-node';
import { toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CountedTimers, countTimers } from '../support/counting-clock.ts';
import { keepsNothing } from '../support/misbehaviour.ts';
import { type BatMember, BatWorld } from './bat-world.ts';
import { writeSeededFile } from './harness.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const SEGMENT_BYTES = 256 * KiB;
const SEGMENTS = 24;
const FILE_BYTES = SEGMENTS * SEGMENT_BYTES - 1000;
const POLICY = { k: 2, n: 4 };
/** All of the pool of buffers, which is free only when nobody has any. */
const POOL_BYTES = 64 * MiB;
const PUT = { policy: POLICY, segmentSizeBytes: SEGMENT_BYTES };
let world: BatWorld;
let hosts: BatMember[];
let owner: BatMember;
let timers: CountedTimers;
let idleTimers: number;
let journals: string;
let source: string;

beforeEach(async () => {
  world = await BatWorld.create();
  hosts = [];
  for (let i = 0; i < 5; i++) hosts.push(await world.addHost());
  const counted = countTimers(createSystemRuntime());
  timers = counted.timers;
  journals = join(world.folder, 'journals');
  owner = await world.add(0, { flowRuntime: counted.runtime, journalFolder: journals });
  idleTimers = timers.pending;
  source = await writeSeededFile(join(world.folder, 'letters.tar'), FILE_BYTES, 21);
});
afterEach(async () => {
  await world.close();
});

/** Does the work at the first call; every call gives its promise. */
function once(work: () => Promise<unknown>): () => Promise<unknown> {
  let doing: Promise<unknown> | undefined;
  return () => {
    doing ??= work();
    return doing;
  };
}

const received = (): number => hosts.reduce((sum, host) => sum + host.received.bytes, 0);
/** Bytes of all shards at the hosts. */
const used = (): number => {
  const held = hosts.flatMap(({ store }) => [...store.files()].flatMap(({ fileId }) => store.shards(fileId, { max: 1000 })));
  return held.reduce((sum, { length }) => sum + length, 0);
};
/** Bytes of the file that hosts have made durable; progress counts what is on its way as well. */
const stored = (): number => (used() * POLICY.k) / POLICY.n;
/** Bytes of all shards of the file. */
const shardBytes = ({ hosts: placed }: UploadResult): number => placed.reduce((sum, host) => sum + host.bytes, 0);
const back = (): string => join(world.folder, 'back');

async function expectNothingLeft(): Promise<void> {
  const abort = new AbortController();
  const buffer = owner.stagePool.acquire(POOL_BYTES, { signal: abort.signal });
  const isFree = await Promise.race([buffer.then(() => true), new Promise((resolve) => setTimeout(resolve, 100, false))]);
  abort.abort();
  expect(isFree, 'all buffers were given back').toBe(true);
  owner.stagePool.release(await buffer);
  expect(timers.pending, 'no timer is left').toBe(idleTimers);
}

async function expectSame(up: UploadResult, bytes: Buffer | string = source): Promise<void> {
  await owner.node.download(toHex(up.fileId), back(), { isForced: true });
  expect((await readFile(back())).equals(typeof bytes === 'string' ? await readFile(bytes) : bytes)).toBe(true);
}

/** Runs `work` with a signal that aborts when `when` says so of its progress. */
async function cancelled<T>(
  when: (progress: FlowProgress) => boolean,
  work: (options: { readonly signal: AbortSignal; readonly onProgress: (progress: FlowProgress) => void }) => Promise<T>,
): Promise<unknown> {
  const abort = new AbortController();
  const onProgress = (progress: FlowProgress): void => {
    if (when(progress)) abort.abort();
  };
  return work({ signal: abort.signal, onProgress }).catch((error: unknown) => error);
}

describe('an upload that is cancelled', () => {
  const phases: readonly (readonly [string, (progress: FlowProgress) => boolean])[] = [
    ['when its hosts are known', ({ phase }) => phase === 'transferring'],
    ['with the first shard', ({ doneBytes }) => doneBytes > 0],
    ['in the middle', () => stored() > FILE_BYTES / 2],
    ['when all is stored and the roster goes out', ({ phase }) => phase === 'finishing'],
  ];
  it.each(phases)('%s leaves no buffer and no timer; the repeated one stores nothing twice', async (_, when) => {
    expect(await cancelled(when, (options) => owner.node.upload(source, { ...PUT, ...options }))).toMatchObject({
      code: 'BAT_E_INTERRUPTED',
    });
    await expectNothingLeft();
    expect(await owner.node.list()).toEqual([]);
    expect(await readdir(journals)).toHaveLength(1);
    const before = received();

    const up = await owner.node.upload(source, PUT);
    expect(up).toMatchObject({ placed: 4, bytes: FILE_BYTES });
    expect(used()).toBe(shardBytes(up));
    // What was cut off within a leaf is sent again: less than a leaf for each shard that was under way.
    expect(received()).toBeLessThanOrEqual(shardBytes(up) + SEGMENTS * POLICY.n * 16 * KiB);
    if (before > shardBytes(up) / 2) expect(up.resumedBytes).toBeGreaterThan(0);
    expect(await readdir(journals)).toEqual([]);
    await expectSame(up);
    await expectNothingLeft();
  });

  it('before it has begun stores nothing and leaves no journal', async () => {
    const gone = await owner.node.upload(source, { ...PUT, signal: AbortSignal.abort() }).catch((error: unknown) => error);
    expect(gone).toMatchObject({ code: 'BAT_E_INTERRUPTED' });
    expect(await readdir(journals).catch(() => [])).toEqual([]);
    expect(received()).toBe(0);
    await expectNothingLeft();
  });

  it('again and again gets there all the same', async () => {
    let total = 0;
    for (let attempt = 1; attempt <= 4; attempt++) {
      await cancelled(
        () => stored() > (FILE_BYTES * attempt) / 5,
        (options) => owner.node.upload(source, { ...PUT, ...options }),
      );
      await expectNothingLeft();
      total = received();
    }
    const up = await owner.node.upload(source, PUT);
    expect(up.resumedBytes).toBeGreaterThan(FILE_BYTES / 2);
    expect(total).toBeGreaterThan(0);
    expect(used()).toBe(shardBytes(up));
    await expectSame(up);
  });

  it('goes on under another name', async () => {
    await cancelled(
      () => stored() > FILE_BYTES / 2,
      (options) => owner.node.upload(source, { ...PUT, ...options }),
    );
    const up = await owner.node.upload(source, { ...PUT, name: 'post.tar' });
    expect(up.name).toBe('post.tar');
    expect(up.resumedBytes).toBeGreaterThan(0);
    expect((await owner.node.info('post.tar')).name).toBe('post.tar');
  });
});

describe('an attempt that is not continued', () => {
  const cancelHalfWay = () =>
    cancelled(
      ({ doneBytes }) => doneBytes > FILE_BYTES / 2,
      (options) => owner.node.upload(source, { ...PUT, ...options }),
    );
  const changes: readonly (readonly [string, () => Promise<unknown>, object])[] = [
    ['the file got other bytes', () => writeSeededFile(source, FILE_BYTES, 22), {}],
    [
      'one byte in its middle changed',
      async () => {
        const file = await open(source, 'r+');
        await file.write(Uint8Array.of(7), 0, 1, FILE_BYTES >> 2);
        await file.close();
      },
      {},
    ],
    ['the file became longer', () => appendFile(source, 'more'), {}],
    ['the file became shorter', () => truncate(source, FILE_BYTES - 300_000), {}],
    ['another policy was asked for', async () => undefined, { policy: { k: 3, n: 5 } }],
    ['it was asked for anew', async () => undefined, { isFresh: true }],
  ];
  it.each(changes)('because %s becomes a new file; the old shards are given back', async (_, change, options) => {
    await cancelHalfWay();
    const old = new Set(hosts.flatMap((host) => [...host.store.files()].map(({ fileId }) => toHex(fileId))));
    expect(old.size).toBe(1);
    await change();
    const up = await owner.node.upload(source, { ...PUT, ...options });
    expect(old.has(toHex(up.fileId))).toBe(false);
    const kept = new Set(hosts.flatMap((host) => [...host.store.files()].map(({ fileId }) => toHex(fileId))));
    expect([...kept]).toEqual([toHex(up.fileId)]);
    expect(used()).toBe(shardBytes(up));
    await expectSame(up);
    await expectNothingLeft();
  });

  it('but had come to a manifest before a crash keeps its shards', async () => {
    const kept = join(world.folder, 'kept');
    await mkdir(kept);
    const keepJournal = once(async () => {
      for (const name of await readdir(journals)) await copyFile(join(journals, name), join(kept, name));
    });
    const onProgress = ({ phase }: FlowProgress): void => {
      if (phase === 'finishing') void keepJournal();
    };
    const first = await owner.node.upload(source, { ...PUT, onProgress });
    await keepJournal();
    const before = await readFile(source);
    // The crash came after the manifest was written and before the journal was removed.
    for (const name of await readdir(kept)) await copyFile(join(kept, name), join(journals, name));
    expect(await readdir(journals)).toHaveLength(1);
    await writeSeededFile(source, FILE_BYTES, 23);
    const second = await owner.node.upload(source, PUT);
    expect(toHex(second.fileId)).not.toBe(toHex(first.fileId));
    await expectSame(first, before);
    await expectSame(second);
  });
});

describe('a source that changes under the upload', () => {
  const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['grows', () => appendFile(source, 'more')],
    ['shrinks', () => truncate(source, 1000)],
    ['gets other bytes', () => writeSeededFile(source, FILE_BYTES, 24)],
  ];
  it.each(changes)('and %s fails it, and no manifest is written', async (_, change) => {
    const changeOnce = once(change);
    const onProgress = ({ doneBytes }: FlowProgress): void => {
      if (doneBytes > 0) void changeOnce();
    };
    const failed = await owner.node.upload(source, { ...PUT, onProgress }).catch((error: unknown) => error);
    await changeOnce();
    expect(failed).toMatchObject({ code: 'BAT_E_SOURCE_CHANGED' });
    expect(await owner.node.list()).toEqual([]);
    await expectNothingLeft();
  });

  it('after it was read, when shards must be placed once more, sends nothing of what it has become', async () => {
    const change = once(() => writeSeededFile(source, FILE_BYTES, 25));
    let isFinishing = false;
    const liar = keepsNothing({ commit: 'omits' });
    world.list.prefer(hosts.map((host) => host.keyPair.nodeId));
    hosts[0]?.behave(async (session, stream, member) => {
      if (isFinishing) await change();
      await liar(session, stream, member);
    });
    const onProgress = ({ phase }: FlowProgress): void => {
      isFinishing ||= phase === 'finishing';
    };
    const failed = await owner.node.upload(source, { ...PUT, onProgress }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'BAT_E_SOURCE_CHANGED' });
    // One key and nonce never seal two plaintexts: each place has seen one shard id only.
    const seen = new Map<string, Set<string>>();
    for (const host of hosts) {
      for (const file of host.store.files()) {
        for (const { segment, index, shardId } of host.store.shards(file.fileId, { max: 1000 })) {
          const key = `${segment}/${index}`;
          seen.set(key, (seen.get(key) ?? new Set()).add(toHex(shardId)));
        }
      }
    }
    expect([...seen.values()].every((ids) => ids.size === 1)).toBe(true);
    await expectNothingLeft();
  });
});

describe('at the same time', () => {
  it('two uploads of one file are two files, and both come back', async () => {
    const [first, second] = await Promise.all([owner.node.upload(source, PUT), owner.node.upload(source, PUT)]);
    expect(toHex(first.fileId)).not.toBe(toHex(second.fileId));
    expect(first.manifestPath).not.toBe(second.manifestPath);
    expect(used()).toBe(shardBytes(first) + shardBytes(second));
    expect(await readdir(journals)).toEqual([]);
    await expectSame(first);
    await expectSame(second);
    await expectNothingLeft();
  });

  it('the second of them, cancelled, gives back what it stored: nobody would continue it', async () => {
    const first = owner.node.upload(source, PUT);
    await cancelled(
      ({ doneBytes }) => doneBytes > FILE_BYTES / 2,
      (options) => owner.node.upload(source, { ...PUT, ...options }),
    );
    const up = await first;
    expect(used()).toBe(shardBytes(up));
    expect(await readdir(journals)).toEqual([]);
  });

  it('an upload and downloads do not disturb one another', async () => {
    const up = await owner.node.upload(source, PUT);
    const other = await writeSeededFile(join(world.folder, 'other.tar'), FILE_BYTES, 26);
    const [next] = await Promise.all([
      owner.node.upload(other, PUT),
      owner.node.download(toHex(up.fileId), join(world.folder, 'one')),
      owner.node.download(toHex(up.fileId), join(world.folder, 'two')),
    ]);
    for (const name of ['one', 'two']) expect((await readFile(join(world.folder, name))).equals(await readFile(source))).toBe(true);
    await expectSame(next, other);
    await expectNothingLeft();
  });
});
