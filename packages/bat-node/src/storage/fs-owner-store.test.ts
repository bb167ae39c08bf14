import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FsOwnerStore } from './fs-owner-store.ts';
import { nodeFileSystem } from './node-file-system.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-owned-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('removes what a killed process left half written when it opens, and nothing else', async () => {
  const paths = { manifests: join(folder, 'manifest'), records: join(folder, 'db', 'owned') };
  const store = new FsOwnerStore(nodeFileSystem, createSystemRuntime().random, paths);
  await store.open();
  const others = ['.batchain-0123.tmp', 'mine.tmp', 'file.batchain'];
  for (const place of Object.values(paths))
    for (const name of [...others, '.batchain-0123456789abcdef.tmp']) await writeFile(join(place, name), 'keys');
  await store.open();
  for (const place of Object.values(paths)) expect((await readdir(place)).sort()).toEqual([...others].sort());
});
