// A host's housekeeping over restarts and stops, on a simulated clock.
import { day, GiB, hour, keyPairFromSeed, minute, second, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { FileId } from '../ids.ts';
import { accessKeyOf } from '../manifest/access-proof.ts';
import { makeFileId } from '../manifest/manifest.ts';
import { digestShard } from '../pipeline/shard.ts';
import type { Locator } from '../ports.ts';
import { MemoryShardStore } from '../storage/memory-shard-store.ts';
import { HostKeeper } from './host-keeper.ts';

const named = (label: string): Uint8Array => sha256(utf8Bytes(label));
const owner = keyPairFromSeed(named('owner'));

/** Stores one small shard of a file of its own. */
async function hold(store: MemoryShardStore, name: string, untilMs: number): Promise<FileId> {
  const bytes = new Uint8Array([...named(name), ...named(name)]);
  const { id, leafHashes } = digestShard(bytes);
  const fileNonce = named(`nonce of ${name}`);
  const order = {
    fileId: makeFileId(owner.publicKey, fileNonce),
    segment: 0,
    index: 0,
    ownerKey: owner.publicKey,
    fileNonce,
    accessKey: accessKeyOf(named(`access of ${name}`)),
    leaseId: named(name).subarray(0, 16),
    shardId: id,
    length: bytes.length,
  };
  const begun = await store.begin(order, leafHashes, untilMs);
  if (!begun.ok || begun.value.kind !== 'writing') throw new Error('the store refused');
  await begun.value.writer.write(bytes);
  await begun.value.writer.commit();
  return order.fileId;
}

/** The network's memory of what this host announced, which outlives the host's process. */
class Announcements {
  readonly files = new Set<string>();
  readonly calls: string[][] = [];
  /** A call that never ends by itself, as in a network that does not answer. */
  hangs = false;

  readonly locator: Locator = {
    findHosts: async () => [],
    findProviders: async () => [],
    resolve: async () => undefined,
    announce: (fileIds, signal) => this.#call(fileIds, signal, (id) => this.files.add(id)),
    withdraw: (fileIds, signal) => this.#call(fileIds, signal, (id) => this.files.delete(id)),
    announced: () => [...this.files].map((id) => Uint8Array.from(Buffer.from(id, 'hex')) as FileId),
  };

  async #call(fileIds: readonly FileId[], signal: AbortSignal, each: (id: string) => void): Promise<void> {
    this.calls.push(fileIds.map(toHex));
    if (this.hangs) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    for (const id of fileIds) each(toHex(id));
  }
}

function makeWorld(seed: string) {
  const { clock, node } = createSimRuntime(seed);
  const { runtime } = node('host');
  const store = new MemoryShardStore(runtime, { offerBytes: GiB });
  const told = new Announcements();
  const live = (tell: () => Promise<void>): Promise<void> =>
    clock.runUntilSettled(tell(), { deadlineMs: 100 * day, eventsMax: 10_000_000 });
  return { clock, runtime, store, told, live };
}

describe('HostKeeper', () => {
  it('announces many files in one call, and after a restart none of them again', async () => {
    const { clock, runtime, store, told, live } = makeWorld('restart');
    await live(async () => {
      await store.open();
      for (const name of ['a', 'b', 'c']) await hold(store, name, runtime.clock.nowMs() + 60 * day);
      const first = new HostKeeper(runtime, store, told.locator);
      first.start();
      await clock.sleep(2 * second);
      expect(told.calls.map((files) => files.length)).toEqual([3]);
      await first.stop();
      const again = new HostKeeper(runtime, store, told.locator);
      again.start();
      await clock.sleep(2 * hour);
      await again.stop();
      expect(told.calls).toHaveLength(1);
      await store.close();
    });
  });

  it('withdraws after a restart what was released just before it', async () => {
    const { clock, runtime, store, told, live } = makeWorld('released');
    await live(async () => {
      await store.open();
      const fileId = await hold(store, 'a', runtime.clock.nowMs() + 60 * day);
      const first = new HostKeeper(runtime, store, told.locator);
      first.start();
      await clock.sleep(2 * second);
      expect(told.files.size).toBe(1);
      await store.release(fileId);
      await first.stop();
      const again = new HostKeeper(runtime, store, told.locator);
      again.start();
      await clock.sleep(1 * minute);
      expect(told.files.size).toBe(0);
      await again.stop();
      await store.close();
    });
  });

  it('ends its rounds before stop answers, also while the network does not', async () => {
    const { clock, runtime, store, told, live } = makeWorld('stop');
    await live(async () => {
      await store.open();
      const fileIds = [await hold(store, 'a', runtime.clock.nowMs() + 60 * day), await hold(store, 'b', runtime.clock.nowMs() + 60 * day)];
      const keeper = new HostKeeper(runtime, store, told.locator);
      keeper.start();
      await clock.sleep(2 * second);
      for (const fileId of fileIds) await store.release(fileId);
      told.hangs = true;
      // In the middle of the hourly round; a call after it would find a closed store.
      await clock.sleep(hour + 1 * second);
      expect(told.calls).toHaveLength(2);
      await keeper.stop();
      await store.close();
    });
  });
});
