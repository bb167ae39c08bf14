import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8Bytes, utf8Text } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import type { KeyRange, KeyValueStore } from './key-value-store.ts';
import { LevelKeyValueStore } from './level-key-value-store.ts';
import { MemoryKeyValueStore } from './memory-key-value-store.ts';

const put = (key: string, value: string) => ({ type: 'put', key: utf8Bytes(key), value: utf8Bytes(value) }) as const;
const del = (key: string) => ({ type: 'del', key: utf8Bytes(key) }) as const;
const range = (from: string, to: string): KeyRange => ({ from: utf8Bytes(from), to: utf8Bytes(to) });

async function listed(store: KeyValueStore, { from, to }: KeyRange): Promise<string[]> {
  const found: string[] = [];
  for await (const [key, value] of store.entries({ from, to })) found.push(`${utf8Text(key)}=${utf8Text(value)}`);
  return found;
}

async function withFolder(story: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'batchain-table-'));
  try {
    await story(join(folder, 'db', 'store'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const [name, withStore] of [
  ['in memory', (story: (store: KeyValueStore) => Promise<void>) => story(new MemoryKeyValueStore())],
  ['LevelDB', (story: (store: KeyValueStore) => Promise<void>) => withFolder((path) => story(new LevelKeyValueStore(path)))],
] as const) {
  describe(`KeyValueStore: ${name}`, () => {
    it('gives back what was written, in order of the keys, also after it was closed', async () => {
      await withStore(async (store) => {
        expect(await store.open()).toMatchObject({ ok: true });
        await store.write([put('b', '2'), put('a', '1'), put('c', '3'), put('ab', '1.5')]);
        await store.write([put('b', 'two'), del('c'), del('never')]);
        await store.close();
        await store.open();
        expect(store.get(utf8Bytes('b'))).toEqual(utf8Bytes('two'));
        expect(store.get(utf8Bytes('c'))).toBeUndefined();
        expect(await listed(store, range('a', 'z'))).toEqual(['a=1', 'ab=1.5', 'b=two']);
        expect(await listed(store, range('ab', 'b'))).toEqual(['ab=1.5']);
        await store.close();
        await store.destroy();
        await store.open();
        expect(await listed(store, range('a', 'z'))).toEqual([]);
        await store.close();
      });
    });

    it('takes the last of several changes of one key', async () => {
      await withStore(async (store) => {
        await store.open();
        await store.write([put('a', '1'), del('a'), put('b', '1'), del('b'), put('b', '2')]);
        expect(await listed(store, range('a', 'z'))).toEqual(['b=2']);
        await store.close();
      });
    });
  });
}

describe('LevelKeyValueStore', () => {
  it('is locked by whoever has it open', async () => {
    await withFolder(async (path) => {
      const [first, second] = [new LevelKeyValueStore(path), new LevelKeyValueStore(path)];
      await first.open();
      expect(await second.open()).toMatchObject({ ok: false, reason: 'locked' });
      await first.close();
      expect(await second.open()).toMatchObject({ ok: true });
      await second.close();
    });
  });

  it('says that it is corrupt, and is empty and whole after it was destroyed', async () => {
    for (const victim of ['CURRENT', 'MANIFEST']) {
      await withFolder(async (path) => {
        const store = new LevelKeyValueStore(path);
        await store.open();
        await store.write([put('a', '1')]);
        await store.close();
        const name = (await readdir(path)).find((file) => file.startsWith(victim)) ?? '';
        await writeFile(join(path, name), 'junk');
        expect(await store.open()).toMatchObject({ ok: false, reason: 'corrupt' });
        await store.destroy();
        expect(await store.open()).toMatchObject({ ok: true });
        expect(store.get(utf8Bytes('a'))).toBeUndefined();
        await store.close();
      });
    }
  });

  it('can not be read while it is closed', () => {
    expect(() => new LevelKeyValueStore('nowhere').get(utf8Bytes('a'))).toThrow('not open');
  });
});
