import { cp, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FsShardStore, LevelKeyValueStore, MemoryShardStore, nodeFileSystem, type ShardRef } from '@batchain/bat-node';
import { day, GiB, KiB, MiB, sha256, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { createSimRuntime } from '@batchain/shared/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  bytesNamed,
  DISK_BLOCK_BYTES,
  FULL_LEASE_MS,
  PROVISIONAL_MS,
  readShard,
  storeShard,
  type TestShard,
  testShard,
} from '../support/stored-shards.ts';

const runtime = createSystemRuntime();
const nowMs = (): number => runtime.clock.nowMs();
const SHARDS = [testShard(), testShard({ index: 1 }), testShard({ segment: 3 }), testShard({ file: 'boat', owner: 'bo' })] as const;
const TWIN = testShard({ file: 'twin', owner: 'bo', content: 'holiday 0 0' });
const ROSTER = bytesNamed('roster', 3000);
/** Of three journals and a roster. */
const FILES_BYTES = 4 * DISK_BLOCK_BYTES;
const SIGNATURE = bytesNamed('signature', 64);

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'batchain-recovery-'));
});
afterEach(() => rm(home, { recursive: true }));

const hosted = (...names: string[]): string => join(home, 'hosted', ...names);
const shardPath = ({ order }: TestShard): string => hosted(toHex(order.shardId).slice(0, 2), toHex(order.shardId));

function makeStore(config: { readonly keepFreeBytes?: number; readonly home?: string } = {}): FsShardStore {
  const at = config.home ?? home;
  const table = new LevelKeyValueStore(join(at, 'db', 'store'));
  const hostedPath = join(at, 'hosted');
  return new FsShardStore(runtime, nodeFileSystem, table, { offerBytes: GiB, ownerShare: 1, keepFreeBytes: 0, ...config, hostedPath });
}

async function withStore<T>(story: (store: FsShardStore) => Promise<T>, config = {}): Promise<T> {
  const store = makeStore(config);
  await store.open();
  try {
    return await story(store);
  } finally {
    await store.close();
  }
}

const put = (store: FsShardStore, shard: TestShard) => storeShard(store, shard, nowMs() + PROVISIONAL_MS);

/** Four shards, one of them shared with a third file; one file with a full lease and a roster. */
function furnish(): Promise<number> {
  return withStore(async (store) => {
    for (const shard of [...SHARDS, TWIN]) expect(await put(store, shard)).toMatchObject({ ok: true });
    const { fileId } = SHARDS[0].order;
    const leaseUntilMs = nowMs() + FULL_LEASE_MS;
    expect(await store.extendLease(fileId, { leaseUntilMs, isCommitted: true, keepUntilMs: leaseUntilMs + day })).toMatchObject({
      ok: true,
    });
    expect(await store.putRoster(fileId, sha256(ROSTER), ROSTER, SIGNATURE)).toMatchObject({ ok: true });
    return leaseUntilMs;
  });
}

async function checkFurnished(leaseUntilMs: number): Promise<void> {
  await withStore(async (store) => {
    for (const shard of [...SHARDS, TWIN]) {
      expect(await readShard(store, shard.order)).toEqual(shard.bytes);
      expect(store.leafHashes(shard.order)).toEqual({ ok: true, value: shard.leafHashes });
    }
    const { fileId, leaseId, accessKey, ownerKey, fileNonce } = SHARDS[0].order;
    const expected = { fileId, leaseId, accessKey, ownerKey, fileNonce, isCommitted: true, leaseUntilMs, keepUntilMs: leaseUntilMs + day };
    expect(store.file(fileId)).toEqual({ ...expected, rosterId: sha256(ROSTER) });
    expect(await store.roster(fileId)).toEqual({ ok: true, value: { roster: ROSTER, signature: SIGNATURE } });
    expect([...store.files()]).toHaveLength(3);
    expect(store.usage()).toMatchObject({ shardCount: 5, usedBytes: SHARDS.length * SHARDS[0].bytes.length + FILES_BYTES });
  });
}

describe('a store on a real disk', () => {
  it('is locked: a second daemon is refused', async () => {
    await withStore(async () => {
      await expect(makeStore().open()).rejects.toMatchObject({ code: 'BAT_E_HOME_IN_USE', exit: 11 });
    });
    await withStore(async (store) => expect(store.usage().isReadOnly).toBe(false));
  });

  it('of a later layout is refused and not touched, one that can not be understood too', async () => {
    const leaseUntilMs = await furnish();
    const format = await readFile(hosted('format'), 'utf8');
    for (const [text, code] of [
      [format.replace('store 1', 'store 2'), 'BAT_E_STORE_TOO_NEW'],
      ['batchain-store 99\nand more\n', 'BAT_E_STORE_TOO_NEW'],
      ['', 'BAT_E_STORE_DAMAGED'],
      [format.slice(0, 30), 'BAT_E_STORE_DAMAGED'],
    ] as const) {
      await writeFile(hosted('format'), text);
      await rename(join(home, 'db'), join(home, 'db-away'));
      await expect(makeStore().open()).rejects.toMatchObject({ code });
      expect(await readdir(home)).toEqual(['db-away', 'hosted']);
      await rename(join(home, 'db-away'), join(home, 'db'));
    }
    await writeFile(hosted('format'), format);
    await checkFurnished(leaseUntilMs);
  });

  it('BN-49 keeps shards, leases, rosters and shared bytes when the index is deleted', async () => {
    const leaseUntilMs = await furnish();
    await rm(join(home, 'db'), { recursive: true });
    await checkFurnished(leaseUntilMs);
    await checkFurnished(leaseUntilMs);
  });

  it('keeps all when the index is corrupt, whichever of its files it is', async () => {
    const leaseUntilMs = await furnish();
    const names = (await readdir(join(home, 'db', 'store'))).filter((name) => /^(?:CURRENT|MANIFEST|.*\.log|.*\.ldb)/.test(name));
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of names) {
      const present = (await readdir(join(home, 'db', 'store'))).find((other) => other.replace(/\d+/, '') === name.replace(/\d+/, ''));
      await writeFile(join(home, 'db', 'store', present ?? name), bytesNamed('junk', 5000));
      await checkFurnished(leaseUntilMs);
    }
  });

  it('keeps all when the index is of another store', async () => {
    const leaseUntilMs = await furnish();
    const other = join(home, 'other');
    await withStore((store) => put(store, testShard({ file: 'stranger' })), { home: other });
    await rm(join(home, 'db'), { recursive: true });
    await cp(join(other, 'db'), join(home, 'db'), { recursive: true });
    await checkFurnished(leaseUntilMs);
  });

  it('keeps all when the journals are deleted, as long as the index is there', async () => {
    const leaseUntilMs = await furnish();
    await rm(hosted('files'), { recursive: true });
    await checkFurnished(leaseUntilMs);
    await rm(join(home, 'db'), { recursive: true });
    await checkFurnished(leaseUntilMs);
  });

  it('keeps all when a journal lost its end or its middle', async () => {
    const leaseUntilMs = await furnish();
    const path = hosted('files', toHex(SHARDS[0].order.fileId));
    const whole = await readFile(path);
    await writeFile(path, Buffer.concat([whole.subarray(0, 400), bytesNamed('rot', 20), whole.subarray(420)]));
    await checkFurnished(leaseUntilMs);
    await writeFile(path, Buffer.concat([await readFile(path), bytesNamed('half a record', 30)]));
    await checkFurnished(leaseUntilMs);
  });

  it('does not begin anew where the disk of its shards is not mounted', async () => {
    const leaseUntilMs = await furnish();
    await rename(hosted(), join(home, 'unmounted'));
    await expect(makeStore().open()).rejects.toMatchObject({ code: 'BAT_E_STORE_DAMAGED', exit: 7 });
    await rename(join(home, 'unmounted'), hosted());
    await checkFurnished(leaseUntilMs);
  });

  it('forgets nothing because the disk of its shards went away while it ran', async () => {
    const leaseUntilMs = await furnish();
    await withStore(async (store) => {
      await rename(hosted(), join(home, 'unmounted'));
      expect(await readShard(store, SHARDS[0].order)).toBe('io-error');
      expect(await put(store, testShard({ index: 9 }))).toMatchObject({ ok: false });
      await rename(join(home, 'unmounted'), hosted());
      expect(await readShard(store, SHARDS[0].order)).toEqual(SHARDS[0].bytes);
    });
    await checkFurnished(leaseUntilMs);
  });

  it('answers not-held for a shard whose file is gone, running or restarted, and takes it again', async () => {
    await furnish();
    await withStore(async (store) => {
      await rm(shardPath(SHARDS[1]));
      expect(await readShard(store, SHARDS[1].order)).toBe('not-held');
      expect(store.shard(SHARDS[1].order)).toBeUndefined();
      expect(await put(store, SHARDS[1])).toMatchObject({ ok: true });
      await rm(shardPath(SHARDS[1]));
      expect(await put(store, SHARDS[1])).toMatchObject({ ok: true });
    });
    await rm(shardPath(SHARDS[2]));
    await withStore(async (store) => {
      expect(await readShard(store, SHARDS[2].order)).toBe('not-held');
      expect(await readShard(store, SHARDS[1].order)).toEqual(SHARDS[1].bytes);
      expect(store.usage().shardCount).toBe(4);
    });
  });

  it('answers damaged for a file that was cut short, and takes the shard again', async () => {
    await furnish();
    await truncate(shardPath(SHARDS[1]), 20 * KiB);
    await withStore(async (store) => {
      expect(await readShard(store, SHARDS[1].order)).toBe('damaged');
      expect(store.shard(SHARDS[1].order)?.isDamaged).toBe(true);
      expect(await put(store, SHARDS[1])).toMatchObject({ ok: true });
      expect(await readShard(store, SHARDS[1].order)).toEqual(SHARDS[1].bytes);
    });
  });

  it('sees rot while it rebuilds the index, and keeps the place as damaged', async () => {
    await furnish();
    await flipBit(shardPath(SHARDS[2]), 77);
    await rm(join(home, 'db'), { recursive: true });
    await withStore(async (store) => {
      expect(store.shard(SHARDS[2].order)?.isDamaged).toBe(true);
      expect(await readShard(store, SHARDS[2].order)).toBe('damaged');
      expect(await readShard(store, SHARDS[1].order)).toEqual(SHARDS[1].bytes);
    });
  });

  it('sweeps strays at the start: junk goes, a whole shard that nobody answers for can be resumed', async () => {
    const stray = testShard({ index: 7 });
    await withStore(async (store) => put(store, SHARDS[0]));
    await writeFile(shardPath(stray), stray.bytes);
    await writeFile(hosted('tmp', 'junk'), 'junk');
    await writeFile(hosted('.batchain-0123456789abcdef.tmp'), 'half a clock');
    await writeFile(hosted('files', '.batchain-0123456789abcdef.tmp'), 'half a journal');
    await writeFile(hosted('rosters', 'nobody.knows'), 'a roster');
    await withStore(async (store) => {
      expect(await readdir(hosted('tmp'))).toEqual([`${toHex(stray.order.shardId)}.part`]);
      expect(await readdir(hosted('rosters'))).toEqual([]);
      expect((await readdir(hosted())).filter((name) => name.startsWith('.'))).toEqual([]);
      expect(await readdir(hosted('files'))).toEqual([toHex(SHARDS[0].order.fileId)]);
      expect(store.shard(stray.order)).toBeUndefined();
      const start = await store.begin(stray.order, stray.leafHashes, nowMs() + PROVISIONAL_MS);
      expect(start).toMatchObject({ ok: true, value: { kind: 'writing', writer: { offset: stray.bytes.length } } });
    });
  });

  it('keeps leases through a clock file that lost a bit or all of them', async () => {
    const leaseUntilMs = await furnish();
    const size = (await stat(hosted('clock'))).size;
    for (let bit = 0; bit < size * 8; bit += 37) {
      await flipBit(hosted('clock'), bit);
      await withStore(async (store) => expect(await store.expire(nowMs())).toEqual([]));
    }
    await rm(hosted('clock'));
    await checkFurnished(leaseUntilMs);
  });

  it('writes a journal anew before it grows without end', async () => {
    const leaseUntilMs = await furnish();
    const { fileId } = SHARDS[0].order;
    const lastUntilMs = await withStore(async (store) => {
      let untilMs = leaseUntilMs;
      for (let renewal = 0; renewal < 600; renewal++) {
        await store.extendLease(fileId, { leaseUntilMs: ++untilMs, isCommitted: true, keepUntilMs: untilMs + day });
      }
      return untilMs;
    });
    expect((await stat(hosted('files', toHex(fileId)))).size).toBeLessThan(2 * DISK_BLOCK_BYTES);
    await checkFurnished(lastUntilMs);
    await rm(join(home, 'db'), { recursive: true });
    await checkFurnished(lastUntilMs);
  });

  it('BN-22 leaves free what must stay free', async () => {
    await withStore(
      async (store) => {
        expect(await store.roomBytes()).toBe(0);
        expect(await put(store, SHARDS[0])).toMatchObject({ ok: false, reason: 'disk-full' });
      },
      { keepFreeBytes: 2 ** 50 },
    );
  });
});

async function flipBit(path: string, bit: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  await writeFile(path, bytes);
}

describe('a scrub', () => {
  const scrub = (store: FsShardStore, bytesPerSecond = 1e12) => store.scrub({ signal: new AbortController().signal, bytesPerSecond });

  it('finds one flipped bit in each of 1,000 shards, and none of them is served', async () => {
    const shards = Array.from({ length: 1000 }, (_, i) => testShard({ segment: i >> 8, index: i & 255, length: KiB }));
    await withStore(async (store) => {
      for (let at = 0; at < shards.length; at += 100) {
        const kept = await Promise.all(shards.slice(at, at + 100).map((shard) => put(store, shard)));
        expect(kept.every(({ ok }) => ok)).toBe(true);
      }
      expect(await scrub(store)).toEqual({ checked: 1000, damaged: 0 });
      for (const [i, shard] of shards.entries()) await flipBit(shardPath(shard), (i * 7919) % (8 * KiB));
      expect(await scrub(store)).toEqual({ checked: 1000, damaged: 1000 });
      const served = await Promise.all(shards.map((shard) => readShard(store, shard.order)));
      expect(new Set(served)).toEqual(new Set(['damaged']));
      expect(await scrub(store)).toEqual({ checked: 1000, damaged: 1000 });
      expect(await readShard(store, shards[0]?.order as ShardRef)).toBe('damaged');
    });
  });

  it('finds a missing file and a short one, and forgets or marks them', async () => {
    await furnish();
    await withStore(async (store) => {
      await rm(shardPath(SHARDS[1]));
      await truncate(shardPath(SHARDS[2]), 100);
      expect(await scrub(store)).toEqual({ checked: 4, damaged: 2 });
      expect(store.shard(SHARDS[1].order)).toBeUndefined();
      expect(store.shard(SHARDS[2].order)?.isDamaged).toBe(true);
    });
  });

  it('gives the index the leaf hashes back that it lost', async () => {
    await furnish();
    const table = new LevelKeyValueStore(join(home, 'db', 'store'));
    await table.open();
    const LEAVES = 5;
    await table.write([{ type: 'del', key: Uint8Array.of(LEAVES, ...SHARDS[1].order.shardId) }]);
    const garbled = { key: Uint8Array.of(LEAVES, ...SHARDS[2].order.shardId), value: bytesNamed('garbled', 96) };
    await table.write([{ type: 'put', ...garbled }]);
    await table.close();
    await withStore(async (store) => {
      expect(store.leafHashes(SHARDS[1].order)).toMatchObject({ ok: false, reason: 'io-error' });
      expect(await scrub(store)).toEqual({ checked: 4, damaged: 0 });
      for (const shard of [SHARDS[1], SHARDS[2]]) expect(store.leafHashes(shard.order)).toEqual({ ok: true, value: shard.leafHashes });
    });
  });

  it('keeps to its rate, and goes on where it was interrupted', async () => {
    const { runtime: simulated, clock } = createSimRuntime('scrub');
    const store = new MemoryShardStore(simulated, { offerBytes: GiB, ownerShare: 1 });
    await store.open();
    const refs: ShardRef[] = [];
    for (let index = 0; index < 128; index++) {
      const shard = testShard({ index, length: 64 * KiB });
      refs.push(shard.order);
      await storeShard(store, shard, clock.nowMs() + PROVISIONAL_MS);
    }
    const signal = new AbortController().signal;
    const whole = store.scrub({ signal, bytesPerSecond: MiB });
    expect(await clock.runUntilSettled(whole, { deadlineMs: 60_000 })).toEqual({ checked: 128, damaged: 0 });
    expect(clock.elapsedMs).toBeGreaterThan(7_500);
    expect(clock.elapsedMs).toBeLessThan(8_500);

    const stop = new AbortController();
    simulated.clock.setTimer(6_000, () => stop.abort());
    const cut = await clock.runUntilSettled(store.scrub({ signal: stop.signal, bytesPerSecond: MiB }), { deadlineMs: 60_000 });
    expect(cut.checked).toBeGreaterThan(90);
    const rest = await clock.runUntilSettled(store.scrub({ signal, bytesPerSecond: MiB }), { deadlineMs: 60_000 });
    expect(cut.checked + rest.checked).toBe(128);
    await store.close();
  });
});
