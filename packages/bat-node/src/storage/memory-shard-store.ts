// driven: the ShardStore in memory, for simulations: the same rules over a disk that is a value and can crash.
import type { Runtime } from '@batchain/shared';
import { FsShardStore } from './fs-shard-store.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { MemoryKeyValueStore } from './memory-key-value-store.ts';
import type { ShardStoreConfig } from './store-core.ts';

/** What outlives a MemoryShardStore, as a disk outlives a process. */
export interface MemoryDisk {
  readonly files: MemoryFileSystem;
  readonly table: MemoryKeyValueStore;
}

export interface MemoryShardStoreOptions extends Omit<ShardStoreConfig, 'hostedPath'> {
  /** An earlier store's disk, to go on from. */
  readonly disk?: MemoryDisk;
}

export class MemoryShardStore extends FsShardStore {
  readonly disk: MemoryDisk;

  constructor(runtime: Runtime, options: MemoryShardStoreOptions) {
    const { disk: given, ...config } = options;
    const disk = given ?? {
      files: new MemoryFileSystem({ nowMs: () => runtime.clock.nowMs() }),
      table: new MemoryKeyValueStore(),
    };
    super(runtime, disk.files, disk.table, { keepFreeBytes: 0, ...config, hostedPath: '/hosted' });
    this.disk = disk;
  }
}
