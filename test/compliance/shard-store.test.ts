import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FsShardStore, LevelKeyValueStore, type MemoryDisk, MemoryShardStore, nodeFileSystem } from '@batchain/bat-node';
import { createSimRuntime } from '@batchain/shared/testing';
import { shardStoreSuite } from './suites/shard-store.ts';
import type { ShardStoreWorld } from './suites/shard-store-host.ts';
import { shardStoreLeasesSuite } from './suites/shard-store-leases.ts';
import { shardStoreRoomSuite } from './suites/shard-store-room.ts';

function memoryWorld(): ShardStoreWorld {
  const simulation = createSimRuntime('shard store');
  const node = simulation.node('host');
  let disk: MemoryDisk | undefined;
  return {
    simulation,
    node,
    skewMs: 0,
    makeStore: (config) => {
      const store = new MemoryShardStore(node.runtime, disk === undefined ? config : { ...config, disk });
      disk = store.disk;
      return store;
    },
    close: async () => undefined,
  };
}

async function diskWorld(): Promise<ShardStoreWorld> {
  const simulation = createSimRuntime('shard store');
  const skewMs = Date.now() - simulation.clock.nowMs();
  const node = simulation.node('host', { skewMs });
  const home = await mkdtemp(join(tmpdir(), 'batchain-store-'));
  return {
    simulation,
    node,
    skewMs,
    makeStore: (config) =>
      new FsShardStore(node.runtime, nodeFileSystem, new LevelKeyValueStore(join(home, 'db', 'store')), {
        keepFreeBytes: 0,
        ...config,
        hostedPath: join(home, 'hosted'),
      }),
    close: () => rm(home, { recursive: true }),
  };
}

for (const suite of [shardStoreSuite, shardStoreRoomSuite, shardStoreLeasesSuite]) {
  suite('in memory', memoryWorld);
  suite('on disk', diskWorld);
}
