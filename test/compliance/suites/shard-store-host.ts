// driven: the worlds that suites of the ShardStore run in, and a host with such a store.
import type { ShardStore, ShardWriter, StoreStart } from '@batchain/bat-node';
import { MiB } from '@batchain/shared';
import type { SimNode, Simulation } from '@batchain/shared/testing';
import { expect } from 'vitest';
import { FULL_LEASE_MS, PROVISIONAL_MS, storeShard, type TestShard } from '../../support/stored-shards.ts';

export interface ShardStoreConfigInTest {
  readonly offerBytes: number;
  readonly ownerShare?: number;
  readonly shardsMax?: number;
}

export interface ShardStoreWorld {
  readonly simulation: Simulation;
  /** Whose clock the store goes by. */
  readonly node: SimNode;
  /** How far that clock is ahead of simulated time when it is right: files on a real disk carry real times. */
  readonly skewMs: number;
  /** A store on the world's one disk; the one before must be closed. */
  makeStore(config: ShardStoreConfigInTest): ShardStore;
  close(): Promise<void>;
}

const ROOMY: ShardStoreConfigInTest = { offerBytes: 64 * MiB, ownerShare: 1 };

export class Host {
  readonly world: ShardStoreWorld;
  store: ShardStore;

  constructor(world: ShardStoreWorld, config: ShardStoreConfigInTest) {
    this.world = world;
    this.store = world.makeStore(config);
  }

  get nowMs(): number {
    return this.world.node.runtime.clock.nowMs();
  }

  async restart(config: ShardStoreConfigInTest = ROOMY): Promise<void> {
    await this.store.close();
    this.store = this.world.makeStore(config);
    await this.store.open();
  }

  put(shard: TestShard, leaseMs: number = PROVISIONAL_MS) {
    return storeShard(this.store, shard, this.nowMs + leaseMs);
  }

  async putCommitted(shard: TestShard): Promise<void> {
    await this.put(shard);
    const lease = await this.store.extendLease(shard.order.fileId, { leaseUntilMs: this.nowMs + FULL_LEASE_MS, isCommitted: true });
    expect(lease.ok).toBe(true);
  }

  begin(shard: TestShard) {
    return this.store.begin(shard.order, shard.leafHashes, this.nowMs + PROVISIONAL_MS);
  }

  /** Sets the wall clock wrong. */
  setClock(wrongByMs: number): void {
    this.world.node.clock.setSkewMs(this.world.skewMs + wrongByMs);
  }

  pass(durationMs: number): Promise<void> {
    return this.world.simulation.clock.runFor(durationMs);
  }
}

/** The writer of a store that was let in. */
export function writerOf(start: { readonly ok: boolean; readonly value?: StoreStart }): ShardWriter {
  expect(start).toMatchObject({ ok: true, value: { kind: 'writing' } });
  return (start.value as Extract<StoreStart, { kind: 'writing' }>).writer;
}

/** A story about a host; the store is open and is closed afterwards. */
export function storyOf(makeWorld: () => ShardStoreWorld | Promise<ShardStoreWorld>) {
  return (tell: (host: Host) => Promise<void>, config: ShardStoreConfigInTest = ROOMY) =>
    async (): Promise<void> => {
      const world = await makeWorld();
      const host = new Host(world, config);
      try {
        await host.store.open();
        await tell(host);
      } finally {
        await host.store.close();
        await world.close();
      }
    };
}
