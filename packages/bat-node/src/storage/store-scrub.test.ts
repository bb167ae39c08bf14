// What a scrub makes of reads that fail: only bytes that are wrong, or gone for good, damage a shard.
import { day, GiB, keyPairFromSeed, present, sha256, utf8Bytes } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { expect, it } from 'vitest';
import { makeFileId } from '../manifest/manifest.ts';
import { digestShard } from '../pipeline/shard.ts';
import type { StoreOrder } from '../ports.ts';
import type { OpenFile } from './file-system.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { MemoryKeyValueStore } from './memory-key-value-store.ts';
import { MemoryShardStore } from './memory-shard-store.ts';

const named = (label: string): Uint8Array => sha256(utf8Bytes(label));
const owner = keyPairFromSeed(named('owner'));

/** A disk whose reads can be made to fail. */
class FailingDisk extends MemoryFileSystem {
  code: string | undefined;

  override async open(path: string, how: Parameters<MemoryFileSystem['open']>[1]): Promise<OpenFile> {
    if (how === 'read' && this.code !== undefined) throw Object.assign(new Error(this.code), { code: this.code });
    return super.open(path, how);
  }
}

/** A store with one shard, told of in simulated time. */
function story(
  tell: (world: { store: MemoryShardStore; files: FailingDisk; order: StoreOrder; scrub: () => Promise<unknown> }) => Promise<void>,
) {
  return async (): Promise<void> => {
    const simulation = createSimRuntime('scrub');
    const { runtime } = simulation.node('host');
    const files = new FailingDisk();
    const store = new MemoryShardStore(runtime, { offerBytes: GiB, disk: { files, table: new MemoryKeyValueStore() } });
    const bytes = new Uint8Array(64).fill(7);
    const { id, leafHashes } = digestShard(bytes);
    const fileNonce = named('nonce');
    const ids = { fileId: makeFileId(owner.publicKey, fileNonce), ownerKey: owner.publicKey, fileNonce, accessKey: named('access') };
    const order: StoreOrder = { ...ids, leaseId: named('lease').slice(0, 16), segment: 0, index: 0, shardId: id, length: bytes.length };
    const work = async (): Promise<void> => {
      await store.open();
      const started = await store.begin(order, leafHashes, runtime.clock.nowMs() + day);
      if (!started.ok || started.value.kind !== 'writing') throw new Error('not begun');
      await started.value.writer.write(bytes);
      await started.value.writer.commit();
      const scrub = () => store.scrub({ signal: new AbortController().signal, bytesPerSecond: 1e9 });
      await tell({ store, files, order, scrub });
      await store.close();
    };
    await simulation.clock.runUntilSettled(work(), { deadlineMs: day });
  };
}

const isDamaged = (store: MemoryShardStore, order: StoreOrder): boolean => present(store.shard(order), 'the shard').isDamaged;

it(
  'T16 a scrub that runs out of file descriptors, or of rights, leaves shards as they are',
  story(async ({ store, files, order, scrub }) => {
    for (const code of ['EMFILE', 'ENFILE', 'EACCES', 'ENOMEM']) {
      files.code = code;
      for (let pass = 0; pass < 3; pass++) expect(await scrub()).toEqual({ checked: 0, damaged: 0 });
      expect(isDamaged(store, order)).toBe(false);
    }
    files.code = undefined;
    expect(await scrub()).toEqual({ checked: 1, damaged: 0 });
  }),
);

it(
  'T16 an error of the disk damages a shard when it is there in the next pass as well, and no longer than it is there',
  story(async ({ store, files, order, scrub }) => {
    files.code = 'EIO';
    expect(await scrub()).toEqual({ checked: 0, damaged: 0 });
    files.code = undefined;
    expect(await scrub()).toEqual({ checked: 1, damaged: 0 });
    files.code = 'EIO';
    expect(await scrub()).toEqual({ checked: 0, damaged: 0 });
    expect(isDamaged(store, order)).toBe(false);
    expect(await scrub()).toEqual({ checked: 1, damaged: 1 });
    expect(isDamaged(store, order)).toBe(true);
    files.code = undefined;
    expect(await scrub()).toEqual({ checked: 1, damaged: 0 });
    expect(isDamaged(store, order)).toBe(false);
    expect(await store.read(order, 0, 64)).toMatchObject({ ok: true });
  }),
);

it(
  'T16 a damaged shard is looked at in every pass: the mark stays while its bytes are wrong and goes when they are right',
  story(async ({ store, order, scrub }) => {
    await store.markDamaged(order);
    expect(isDamaged(store, order)).toBe(true);
    expect(await scrub()).toEqual({ checked: 1, damaged: 0 });
    expect(isDamaged(store, order)).toBe(false);
  }),
);
