// Where the manifest of an upload goes: known before the first byte, and what becomes of the shards when it can not be written after all.
import { join } from 'node:path';
import { MemoryOwnerStore, type OwnedFile, type SaveManifestOptions } from '@batchain/bat-node';
import { BatChainError, toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BatMember, BatWorld } from './bat-world.ts';
import { writeSeededFile } from './harness.ts';

const POLICY = { k: 1, n: 2 };
const PATH = '/keys/letters.batchain';
const diskFull = (what: string) => new BatChainError('BAT_E_TARGET_UNWRITABLE', { what, why: 'the disk is full' });

/** Full when the manifest, or the record, is to be written; or its power ends between the two. */
class FullStore extends MemoryOwnerStore {
  full: 'manifest' | 'record' | 'power' | 'nothing' = 'nothing';

  override async saveManifest(name: string, bytes: Uint8Array, options?: SaveManifestOptions): Promise<string> {
    if (this.full === 'manifest') throw diskFull('can not write the manifest');
    return super.saveManifest(name, bytes, options);
  }

  override async put(file: OwnedFile): Promise<void> {
    if (this.full === 'record' || this.full === 'power') throw diskFull('can not write the record');
    return super.put(file);
  }

  override async removeManifest(path: string): Promise<void> {
    if (this.full !== 'power') await super.removeManifest(path);
  }
}

let world: BatWorld;
let hosts: BatMember[];
let owner: BatMember;
let store: FullStore;
let source: string;
const received = (): number => hosts.reduce((sum, host) => sum + host.received.bytes, 0);
const kept = (): number => hosts.reduce((sum, host) => sum + host.store.usage().shardCount, 0);

beforeEach(async () => {
  world = await BatWorld.create();
  hosts = [await world.addHost(), await world.addHost()];
  store = new FullStore();
  owner = await world.add(0, { ownerStore: store });
  source = await writeSeededFile(join(world.folder, 'letters.tar'), 100_000, 5);
});
afterEach(async () => {
  await world.close();
});

it('a manifest path that is taken is noticed before anything is stored or asked for', async () => {
  await store.saveManifest('x', new Uint8Array(1), { path: PATH });
  let requests = 0;
  for (const host of hosts)
    host.behave((_, stream, { honest }) => {
      requests++;
      return honest(stream);
    });
  const put = owner.node.upload(source, { policy: POLICY, manifestPath: PATH });
  await expect(put).rejects.toMatchObject({ code: 'BAT_E_TARGET_EXISTS', fix: expect.stringContaining('--manifest') });
  expect([requests, received()]).toEqual([0, 0]);
  const forced = await owner.node.upload(source, { policy: POLICY, manifestPath: PATH, isForced: true });
  expect(forced.manifestPath).toBe(PATH);
});

describe.each(['manifest', 'record'] as const)('a %s that can not be written at the very end', (full) => {
  it('loses nothing: the repeated command sends nothing again', async () => {
    store.full = full;
    const first = owner.node.upload(source, { policy: POLICY, manifestPath: PATH });
    await expect(first).rejects.toMatchObject({
      code: 'BAT_E_TARGET_UNWRITABLE',
      why: 'the disk is full; all shards are stored and kept',
      fix: expect.stringMatching(/repeat the command: nothing is sent again; --manifest/),
    });
    expect(await store.ids()).toEqual([]);
    await expect(store.readManifest(PATH)).rejects.toMatchObject({ code: 'BAT_E_REF_NOT_FOUND' });
    const before = received();
    store.full = 'nothing';
    const again = await owner.node.upload(source, { policy: POLICY, manifestPath: PATH });
    expect(received()).toBe(before);
    expect(again.resumedBytes).toBe(100_000);
    expect(await owner.node.audit(toHex(again.fileId))).toMatchObject({ verdict: 'good' });
  });

  it('leaves no orphans when it is given up: another policy releases what was stored', async () => {
    store.full = full;
    await owner.node.upload(source, { policy: POLICY }).catch(() => undefined);
    store.full = 'nothing';
    const other = await owner.node.upload(source, { policy: { k: 2, n: 2 } });
    for (const host of hosts) expect([...host.store.files()].map(({ fileId }) => toHex(fileId))).toEqual([toHex(other.fileId)]);
  });

  it('and of an upload that nobody will repeat, all is given back', async () => {
    store.full = full;
    const twice = await Promise.allSettled([owner.node.upload(source, { policy: POLICY }), owner.node.upload(source, { policy: POLICY })]);
    expect(twice.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    // The first can be repeated, the second was one of a kind.
    expect(kept()).toBe(2);
  });
});

it('a manifest that the interrupted attempt had written is no obstacle to going on, another one is', async () => {
  store.full = 'power';
  await owner.node.upload(source, { policy: POLICY, manifestPath: PATH }).catch(() => undefined);
  store.full = 'nothing';
  const written = await store.readManifest(PATH);
  await store.saveManifest('x', new Uint8Array(1), { path: PATH, isForced: true });
  await expect(owner.node.upload(source, { policy: POLICY, manifestPath: PATH })).rejects.toMatchObject({ code: 'BAT_E_TARGET_EXISTS' });
  await store.saveManifest('x', written, { path: PATH, isForced: true });
  const up = await owner.node.upload(source, { policy: POLICY, manifestPath: PATH });
  expect(up).toMatchObject({ resumedBytes: 100_000, manifestPath: PATH });
  expect(await owner.node.audit(PATH)).toMatchObject({ fileId: up.fileId, verdict: 'good' });
});
