// Values by key over a hash table in memory: every point at which a process may be killed, times to live, turns, and liars.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, hour, type JsonValue, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../packages/participant/src/values/value-envelope.ts';
import { rowsOf } from '../../packages/participant/src/values/value-table.ts';
import { copyOwn, type OwnRecords, type ValueOwner, ValuesWorld } from '../support/values-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'batchain-values-sim-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let worlds = 0;
const makeWorld = (options: { readonly capabilityBytes?: number } = {}): ValuesWorld => {
  worlds++;
  return new ValuesWorld(`values ${worlds}`, join(folder, String(worlds)), options);
};

const bytesOf = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31 + (i >> 8)) & 255);

async function rowCount(owner: ValueOwner, kind: 'piece' | 'network'): Promise<number> {
  let count = 0;
  for await (const _ of owner.store.entries(rowsOf(kind))) count++;
  return count;
}

/** What others read. */
async function readBy(world: ValuesWorld, reader: ValueOwner, owner: ValueOwner, key: string): Promise<Uint8Array | JsonValue | undefined> {
  const found = await world.settle(reader.values.get(`${owner.nodeId}/${key}`));
  return found === undefined ? undefined : found.type === 'bytes' ? found.bytes : found.value;
}

/** Comparing long arrays item by item takes seconds. */
const digestOf = (value: unknown): unknown => (value instanceof Uint8Array ? toHex(sha256(value)) : value);

/** Long enough for the keeper to have done what it could. */
const rest = (world: ValuesWorld): Promise<void> => world.passes(5 * 60_000);

describe('a process that is killed while it changes a value', () => {
  const FORMS = [
    ['inline', bytesOf(50, 1), bytesOf(60, 2), 100],
    ['pieces', bytesOf(3000, 1), bytesOf(4000, 2), 100],
    ['a file', bytesOf(70_000, 1), bytesOf(80_000, 2), 100],
    ['a file named in pieces', bytesOf(70_000, 1), bytesOf(80_000, 2), 2000],
  ] as const;

  /** Kills at the given step of the change; false when the change was done before. */
  async function killAt(
    step: number,
    [, first, second, capabilityBytes]: (typeof FORMS)[number],
    change: (owner: ValueOwner) => Promise<unknown>,
    isStale: boolean,
    isRemoval: boolean,
  ): Promise<boolean> {
    const world = makeWorld({ capabilityBytes });
    const reader = await world.begin('reader');
    const owner = await world.begin('owner');
    await world.settle(owner.values.put('k', first));
    const saved: OwnRecords = copyOwn(owner.network.own);
    owner.fuse.left = step;
    const isDone = await world.settle(change(owner)).then(
      () => true,
      () => false,
    );
    owner.fuse.left = 0;
    const seen = digestOf(await readBy(world, reader, owner, 'k'));
    await world.settle(owner.values.stop()).catch(() => undefined);

    const again = await world.restart('owner', owner, isStale ? saved : copyOwn(owner.network.own));
    await rest(world);
    const now = await readBy(world, reader, again, 'k');
    const isNew = isRemoval ? now === undefined : digestOf(now) === digestOf(second);
    const isOld = digestOf(now) === digestOf(first);
    const where = `killed at step ${step}`;
    expect(isNew || isOld, `${where}: whole, old or new`).toBe(true);
    if (isDone) expect(isNew, `${where}: what was acknowledged stays`).toBe(true);
    if (seen !== digestOf(first)) expect(isNew, `${where}: what was seen does not go back`).toBe(true);
    const own = await world.settle(again.values.get('k'));
    expect(own?.type === 'bytes' ? digestOf(own.bytes) : own, `${where}: its owner sees the same`).toBe(digestOf(now));
    // Nothing is left of what is no longer in force, and nothing missing of what is.
    const [entry] = await again.values.list();
    const needed = await rowCount(again, 'piece');
    expect(again.network.own.immutable.size, `${where}: pieces kept alive`).toBe(needed);
    if (entry === undefined || entry.form === 'inline') expect(needed, where).toBe(0);
    expect(again.hosts.files.size, `${where}: files`).toBe(entry?.form === 'file' ? 1 : 0);
    expect([...again.network.own.mutable.values()].filter((value) => value !== null).length, where).toBe(entry === undefined ? 0 : 1);
    await world.settle(again.values.stop());
    await world.settle(reader.values.stop());
    return !isDone;
  }

  for (const form of FORMS)
    for (const isStale of [false, true])
      it(`comes up with the old value or the new one and nothing beside it: ${form[0]}, ${isStale ? 'its KadNode had saved nothing' : 'its KadNode saved all'}`, async () => {
        for (let step = 0; await killAt(step, form, (owner) => owner.values.put('k', form[2]), isStale, false); )
          step += form[0] === 'pieces' ? 2 : 1;
        for (let step = 0; await killAt(step, form, (owner) => owner.values.remove('k'), isStale, true); ) step++;
      });
});

describe('BD-55 values that live and end', () => {
  it('a value with a time to live is gone when it is over, a tombstone takes its place, and its pieces are let go', async () => {
    const world = makeWorld();
    const owner = await world.begin('owner');
    const reader = await world.begin('reader');
    await world.settle(owner.values.put('k', bytesOf(3000, 1), { ttlMs: 2 * hour }));
    await world.settle(owner.values.put('here', 1, { ttlMs: 2 * hour, isLocal: true }));
    await world.passes(2 * hour - 1000);
    expect(await readBy(world, reader, owner, 'k')).toBeDefined();
    expect(owner.values.stats()).toMatchObject({ network: { values: 1, pieces: 5 }, local: { values: 1 } });
    await world.passes(2000);
    expect(await readBy(world, reader, owner, 'k')).toBeUndefined();
    expect(await owner.values.list()).toEqual([]);
    expect(world.table.history.at(-1)).toEqual({ name: 'kv/k', value: null });
    expect(owner.values.stats()).toEqual({ network: { values: 0, bytes: 0, pieces: 0 }, local: { values: 0, bytes: 0 } });
    expect(owner.network.own.immutable.size).toBe(0);
    await world.settle(owner.values.stop());
  });

  it('others do not give it out after its time either, though its owner is away', async () => {
    const world = makeWorld();
    const owner = await world.begin('owner');
    const reader = await world.begin('reader');
    await world.settle(owner.values.put('k', 'x', { ttlMs: hour }));
    await world.settle(owner.values.stop());
    await world.passes(hour);
    expect(world.table.history.at(-1)?.value).not.toBeNull();
    expect(await readBy(world, reader, owner, 'k')).toBeUndefined();
  });

  it('what nobody took is brought to the network when somebody is there again, the newest state only', async () => {
    const world = makeWorld();
    const owner = await world.begin('owner');
    const reader = await world.begin('reader');
    await world.settle(owner.values.put('a', 1));
    owner.network.isDeaf = true;
    for (let n = 2; n < 5; n++) expect(await world.settle(owner.values.put('a', n))).toMatchObject({ storedOn: 0 });
    expect(await world.settle(owner.values.get('a'))).toMatchObject({ value: 4 });
    expect(await readBy(world, reader, owner, 'a')).toBe(1);
    owner.network.isDeaf = false;
    await rest(world);
    expect(await readBy(world, reader, owner, 'a')).toBe(4);
    owner.network.isDeaf = true;
    expect(await world.settle(owner.values.remove('a'))).toMatchObject({ storedOn: 0 });
    expect(await world.settle(owner.values.get('a'))).toBeUndefined();
    owner.network.isDeaf = false;
    await rest(world);
    expect(await readBy(world, reader, owner, 'a')).toBeUndefined();
    await world.settle(owner.values.stop());
  });

  it('puts of one key at the same time happen one after the other: the last one stays, each with a higher sequence', async () => {
    const world = makeWorld();
    const owner = await world.begin('owner');
    const stored = await world.settle(Promise.all(Array.from({ length: 20 }, (_, i) => owner.values.put('k', i))));
    expect(await world.settle(owner.values.get('k'))).toMatchObject({ value: 19 });
    const sequences = stored.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(new Set(sequences).size).toBe(20);
    await world.settle(owner.values.remove('k'));
    const again = await world.settle(owner.values.put('k', 'new'));
    expect(again.sequence).toBeGreaterThan(sequences[19] as number);
    await world.settle(owner.values.stop());
  });

  it('pieces that two values share stay until both are gone', async () => {
    const world = makeWorld();
    const owner = await world.begin('owner');
    const bytes = bytesOf(5000, 1);
    await world.settle(owner.values.put('a', bytes));
    await world.settle(owner.values.put('b', bytes));
    const byHash = await world.settle(owner.values.putByHash(bytes));
    const pieces = await rowCount(owner, 'piece');
    await world.settle(owner.values.remove('a'));
    expect(await rowCount(owner, 'piece')).toBe(pieces);
    expect(await world.settle(owner.values.get('b'))).toMatchObject({ bytes });
    await world.settle(owner.values.remove('b'));
    expect(await world.settle(owner.values.get(byHash.key))).toMatchObject({ bytes });
    await world.settle(owner.values.remove(byHash.key));
    expect([await rowCount(owner, 'piece'), owner.network.own.immutable.size]).toEqual([0, 0]);
    await world.settle(owner.values.stop());
  });

  it('an aborted put leaves nothing behind, and the value before it', async () => {
    const world = makeWorld();
    const owner = await world.begin('owner');
    await world.settle(owner.values.put('k', 'before'));
    const controller = new AbortController();
    const reason = new Error('the user left');
    const onProgress = (): void => controller.abort(reason);
    await expect(world.settle(owner.values.put('k', bytesOf(5000, 1), { signal: controller.signal, onProgress }))).rejects.toBe(reason);
    expect(await world.settle(owner.values.get('k'))).toMatchObject({ value: 'before' });
    expect([await rowCount(owner, 'piece'), owner.network.own.immutable.size]).toEqual([0, 0]);
    await world.settle(owner.values.stop());
  });
});

describe('BD-45 a digest of a value where it lies', () => {
  it('judges each holder of each part by what is right, whole pieces without reading them', async () => {
    const world = makeWorld();
    const owner = await world.begin('owner');
    const reader = await world.begin('reader');
    const bytes = bytesOf(5000, 1);
    for (const [key, value, options, parts] of [
      ['inline', bytes.slice(0, 300), { offset: 100, length: 50 }, [[100, 50]]],
      [
        'pieces',
        bytes,
        { offset: 800, length: 2000 },
        [
          [800, 96],
          [896, 896],
          [1792, 896],
          [2688, 112],
        ],
      ],
    ] as const) {
      await world.settle(owner.values.put(key, value));
      const said = await world.settle(reader.values.digest(`${owner.nodeId}/${key}`, options));
      expect(said?.parts.map(({ offset, length }) => [offset, length])).toEqual(parts);
      for (const { offset, length, sha256: right, holders, silent } of said?.parts ?? []) {
        expect(right).toBe(toHex(sha256(value.slice(offset, offset + length))));
        expect([holders.map(({ isRight }) => isRight), silent]).toEqual([[true, false, false], 1]);
      }
    }
    const { key } = await world.settle(owner.values.putByHash(bytes.slice(0, 500)));
    expect((await world.settle(reader.values.digest(key)))?.parts).toMatchObject([{ offset: 0, length: 500, sha256: key }]);
    expect(await world.settle(reader.values.digest(`${owner.nodeId}/nothing`))).toBeUndefined();
    await world.settle(owner.values.put('film', bytesOf(70_000, 1)));
    await expect(world.settle(owner.values.digest('film'))).rejects.toMatchObject({ code: 'BAT_E_USAGE' });
    await world.settle(owner.values.stop());
  });
});

describe('BD-06 the local store', () => {
  it('keeps values of any size over a restart, gives ranges of them, and leaves no file of those that are gone', async () => {
    const world = makeWorld();
    const owner = await world.begin('owner');
    const large = bytesOf(300_000, 3);
    await world.settle(owner.values.put('small', { a: 1 }, { isLocal: true }));
    await world.settle(owner.values.put('large', large, { isLocal: true }));
    const source = join(folder, 'source');
    writeFileSync(source, large);
    await world.settle(owner.values.putFile('file', source, { isLocal: true }));
    const parts = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < large.length; at += 10_000) yield large.slice(at, at + 10_000);
    };
    await world.settle(owner.values.putStream('stream', parts(), { isLocal: true }));
    await world.settle(owner.values.stop());
    const again = await world.restart('owner', owner, owner.network.own);
    expect((await again.values.list({ isLocal: true })).map(({ key }) => key)).toEqual(['file', 'large', 'small', 'stream']);
    for (const key of ['file', 'large', 'stream']) {
      const found = await world.settle(again.values.get(key, { isLocal: true }));
      expect(found?.type === 'bytes' && digestOf(found.bytes)).toBe(digestOf(large));
    }
    const opened = await world.settle(again.values.open('large', { isLocal: true, offset: 100_000, length: 70_000 }));
    const read = async (): Promise<Uint8Array> => {
      const all: Uint8Array[] = [];
      for await (const part of opened?.content ?? []) all.push(part);
      return concatBytes(...all);
    };
    expect(digestOf(await world.settle(read()))).toBe(digestOf(large.slice(100_000, 170_000)));
    expect(await world.settle(again.values.get('small'))).toBeUndefined();
    for (const key of ['file', 'large', 'stream', 'small']) await world.settle(again.values.remove(key, { isLocal: true }));
    expect(await again.values.list({ isLocal: true })).toEqual([]);
    const home = join(folder, String(worlds), 'owner');
    expect(readdirSync(join(home, 'local'))).toEqual([]);
    expect(readdirSync(join(home, 'spool'))).toEqual([]);
    await world.settle(again.values.stop());
  });
});

it('BD-06 who has opened a local value reads that one, or is told: never another under its head', async () => {
  const world = makeWorld();
  const owner = await world.begin('owner');
  for (const [first, second] of [
    [bytesOf(500, 1), bytesOf(900, 2)],
    [bytesOf(100_000, 1), bytesOf(100_000, 2)],
  ] as const) {
    await world.settle(owner.values.put('k', first, { isLocal: true }));
    const opened = await world.settle(owner.values.open('k', { isLocal: true }));
    await world.settle(owner.values.put('k', second, { isLocal: true }));
    const read = async (): Promise<string> => {
      const parts: Uint8Array[] = [];
      try {
        for await (const part of opened?.content ?? []) parts.push(part);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return toHex(sha256(concatBytes(...parts)));
    };
    expect([toHex(sha256(first)), 'BAT_E_FILE_NOT_FOUND']).toContain(await world.settle(read()));
  }
  await world.settle(owner.values.stop());
});

describe('a hostile owner', () => {
  const record = (body: Parameters<typeof encodeEnvelope>[0]['body'], type: 'json' | 'bytes' = 'bytes'): Uint8Array =>
    encodeEnvelope({ type, key: 'k', sequence: 1, expiresMs: 0, body });

  it('makes a reader neither wait, nor fetch without end, nor believe: each lie is one clear error', async () => {
    const world = makeWorld();
    const owner = await world.begin('owner');
    const reader = await world.begin('reader');
    const root = sha256(utf8Bytes('nothing'));
    const lies: readonly (readonly [Uint8Array, string])[] = [
      [utf8Bytes('no envelope'), 'BAT_E_VALUE_BROKEN'],
      [new Uint8Array(896), 'BAT_E_VALUE_BROKEN'],
      [
        encodeEnvelope({ type: 'bytes', key: 'another', sequence: 1, expiresMs: 0, body: { form: 'inline', data: root } }),
        'BAT_E_VALUE_BROKEN',
      ],
      [record({ form: 'inline', data: utf8Bytes('{"a":') }, 'json'), 'BAT_E_VALUE_BROKEN'],
      [record({ form: 'inline', data: utf8Bytes('{"__proto__":1}') }, 'json'), 'BAT_E_VALUE_BROKEN'],
      [record({ form: 'pieces', bytes: 65_536, pieceBytes: 64, root }), 'BAT_E_VALUE_INCOMPLETE'],
      [record({ form: 'file-in-pieces', bytes: 10, capabilityBytes: 524_288, root }), 'BAT_E_VALUE_INCOMPLETE'],
      [record({ form: 'file', bytes: 4_000_000_000, capability: root }), 'BAT_E_VALUE_TOO_LARGE'],
      [record({ form: 'file', bytes: 100, capability: root }), 'BAT_E_TOO_FEW_SHARDS'],
    ];
    for (const [lie, code] of lies) {
      await owner.network.putMutable('kv/k', lie);
      await expect(readBy(world, reader, owner, 'k'), code).rejects.toMatchObject({ code });
    }
    // A file that is shorter than the record says.
    await world.settle(owner.values.put('k', bytesOf(70_000, 1)));
    const [id = ''] = owner.hosts.files.keys();
    owner.hosts.files.set(id, { bytes: bytesOf(10, 1), manifestPath: '', name: '' });
    await expect(readBy(world, reader, owner, 'k')).rejects.toMatchObject({ code: 'BAT_E_VALUE_BROKEN' });
    await world.settle(owner.values.stop());
  });
});
