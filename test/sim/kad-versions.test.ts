// A deleted or older version never comes back: whoever was away, whatever life the versions had, and however the publishing went.
import { MemoryKadStateStore, mutableKey } from '@batchain/kad-node';
import { hour, minute, sha256, utf8Bytes, utf8Text } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { signMutableValue } from '../../packages/kad-node/src/records/mutable-value.ts';
import { KadCluster, type Member } from './kad-cluster.ts';
import { copiesOf } from './kad-copies.ts';
import { beginSimulation, seedsOf } from './simulator.ts';

const NAME = 'colour';
/** Long pauses between what idle nodes do. */
const SLOW = { livenessIntervalMs: 20 * minute, silentAfterMs: 1 * hour, refreshIntervalMs: 1 * hour };

async function network(scenario: string, seed: string, nodes: number, config: object = SLOW): Promise<[KadCluster, Member[]]> {
  const cluster = new KadCluster(beginSimulation(scenario, seed), { config });
  await cluster.grow(nodes);
  return [cluster, cluster.members];
}

async function read(cluster: KadCluster, asker: Member, owner: Member): Promise<string | undefined> {
  const found = await cluster.settle(asker.node.getMutable(owner.signer.publicKey, NAME));
  return found === undefined ? undefined : utf8Text(found.value);
}

describe('versions of a value', () => {
  it.each(seedsOf('kad-stale-node', ['stale-1']))(
    'one that ended early still keeps away an older one with a longer life, seed %s',
    async (seed) => {
      const [cluster, [owner, asker]] = (await network('kad-stale-node', seed, 8)) as [KadCluster, [Member, Member]];
      const state = new MemoryKadStateStore();
      const stale = await cluster.add('stale', state);
      await cluster.settle(stale.node.bootstrap([asker.address]));
      const first = await cluster.settle(owner.node.putMutable(NAME, utf8Bytes('red')));
      await cluster.stop(stale);
      const second = await cluster.settle(owner.node.putMutable(NAME, utf8Bytes('blue'), { lifetimeMs: 1 * hour }));
      expect(second.sequence).toBeGreaterThan(first.sequence);
      expect(await read(cluster, asker, owner)).toBe('blue');
      cluster.crash(owner);
      await cluster.simulation.clock.runFor(1 * hour + 1 * minute);
      await cluster.restart(stale, state);
      await cluster.simulation.clock.runFor(2 * hour);
      const reader = await cluster.add('reader');
      await cluster.settle(reader.node.bootstrap([asker.address]));
      expect(await read(cluster, reader, owner), 'neither: the newest has ended').toBeUndefined();
    },
  );

  it.each(seedsOf('kad-only-stale', ['stale-2']))(
    'whoever has read the newest takes no older one from those who are left, seed %s',
    async (seed) => {
      const [cluster, [owner, asker]] = (await network('kad-only-stale', seed, 6)) as [KadCluster, [Member, Member]];
      const state = new MemoryKadStateStore();
      const stale = await cluster.add('stale', state);
      await cluster.settle(stale.node.bootstrap([asker.address]));
      await cluster.settle(owner.node.putMutable(NAME, utf8Bytes('red')));
      await cluster.stop(stale);
      await cluster.settle(owner.node.putMutable(NAME, utf8Bytes('blue')));
      expect(await read(cluster, asker, owner)).toBe('blue');
      // What the asker keeps itself does not help it either.
      await cluster.settle(asker.node.leave());
      for (const member of cluster.living) if (member !== asker) cluster.crash(member);
      await cluster.restart(stale, state);
      await cluster.settle(asker.node.bootstrap([stale.address]));
      const reader = await cluster.add('reader');
      await cluster.settle(reader.node.bootstrap([stale.address]));
      expect(await read(cluster, reader, owner), 'for who knows no better').toBe('red');
      expect(await read(cluster, asker, owner)).toBeUndefined();
    },
  );

  it.each(seedsOf('kad-put-while-publishing', ['put-1']))(
    'one that is put or deleted while the one before is being published again is the newest, seed %s',
    async (seed) => {
      const [cluster, [owner, asker]] = (await network('kad-put-while-publishing', seed, 8, {
        ...SLOW,
        republishIntervalMs: 1 * hour,
      })) as [KadCluster, [Member, Member]];
      const file = sha256(utf8Bytes('file'));
      await cluster.settle(owner.node.announce(file));
      await cluster.settle(owner.node.putMutable(NAME, utf8Bytes('red')));
      await cluster.settle(owner.node.putMutable('other', utf8Bytes('red')));
      let deleted: Promise<unknown> | undefined;
      // Announcements are published first, and the values of the same round are not signed yet.
      owner.node.events.on('lookup-done', ({ kind, target }) => {
        if (kind !== 'publish' || Buffer.compare(target, file) !== 0 || deleted !== undefined) return;
        deleted = Promise.all([owner.node.deleteMutable('other'), owner.node.putMutable(NAME, utf8Bytes('blue'))]);
      });
      await cluster.simulation.clock.runFor(90 * minute);
      expect(deleted).toBeDefined();
      await cluster.settle(deleted as Promise<unknown>);
      await cluster.simulation.clock.runFor(3 * hour);
      cluster.crash(owner);
      expect(await read(cluster, asker, owner)).toBe('blue');
      expect(await cluster.settle(asker.node.getMutable(owner.signer.publicKey, 'other'))).toBeUndefined();
    },
  );

  it.each(seedsOf('kad-tombstones', ['gone-1']))(
    'a deletion is published again while copies may live, and ends 96 hours after it was made, seed %s',
    async (seed) => {
      const [cluster, [owner]] = (await network('kad-tombstones', seed, 6, {
        // Its owner alone sees to it.
        ...SLOW,
        handoverDelayMs: 24 * hour,
        replicationIntervalMs: 48 * hour,
        livenessIntervalMs: 3 * hour,
        silentAfterMs: 4 * hour,
        refreshIntervalMs: 3 * hour,
        contactIntervalMs: 8 * hour,
      })) as [KadCluster, [Member]];
      await cluster.settle(owner.node.putMutable(NAME, utf8Bytes('red')));
      await cluster.settle(owner.node.deleteMutable(NAME));
      const key = mutableKey(owner.signer.publicKey, utf8Bytes(NAME));
      for (const member of cluster.members.slice(1)) cluster.crash(member);
      await cluster.simulation.clock.runFor(1 * minute);
      const newcomer = await cluster.add('newcomer');
      await cluster.settle(newcomer.node.bootstrap([owner.address]));
      expect(await copiesOf(cluster, 'mutable', key)).toEqual([owner]);
      await cluster.simulation.clock.runFor(23 * hour);
      expect(await copiesOf(cluster, 'mutable', key)).toEqual([owner, newcomer]);
      await cluster.simulation.clock.runFor(70 * hour);
      expect(await copiesOf(cluster, 'mutable', key)).toEqual([owner, newcomer]);
      await cluster.simulation.clock.runFor(4 * hour);
      expect(await copiesOf(cluster, 'mutable', key), 'not from the last publishing').toEqual([]);
    },
  );

  it.each(seedsOf('kad-replayed', ['replayed-1']))(
    'T19 a deleted one is not believed either when a liar alone still shows it, seed %s',
    async (seed) => {
      const [cluster, [owner, asker]] = (await network('kad-replayed', seed, 2)) as [KadCluster, [Member, Member]];
      const liar = await cluster.addApart('liar', cluster.signerOf('liar'));
      const nowMs = cluster.simulation.runtime.clock.nowMs();
      const at = (hoursAgo: number, colour: string): Uint8Array => {
        const facts = { name: utf8Bytes(NAME), sequence: nowMs - hoursAgo * hour, lifetimeMs: 48 * hour, value: utf8Bytes(colour) };
        return signMutableValue(owner.signer, facts).bytes;
      };
      let shown = at(97, 'red');
      liar.rpc.onRequest(({ request }) => {
        const more = { holders: [], contacts: [], pages: 1 };
        if (request.type === 'find-node') return { type: 'nodes', contacts: [], records: [], pages: 1 };
        return request.type === 'find-value' && request.kind === 'mutable'
          ? { type: 'values', records: [{ bytes: shown, ageMs: 0 }], ...more }
          : { type: 'pong' };
      });
      await cluster.settle(liar.node.bootstrap([asker.address]));
      expect(await read(cluster, asker, owner)).toBeUndefined();
      shown = at(95, 'blue');
      expect(await read(cluster, asker, owner), 'it is asked').toBe('blue');
    },
  );

  it.each(seedsOf('kad-digests', ['digest-1']))('BD-45 are compared by digest where they lie, seed %s', async (seed) => {
    const [cluster, [owner, asker]] = (await network('kad-digests', seed, 30)) as [KadCluster, [Member, Member]];
    const { key, sequence } = await cluster.settle(owner.node.putMutable(NAME, utf8Bytes('red and blue')));
    const copies = await copiesOf(cluster, 'mutable', key);
    const { holders, without } = await cluster.settle(asker.node.digest(key, 'mutable', { offset: 8, length: 4 }));
    expect(holders.length + without).toBeGreaterThanOrEqual(20);
    expect(holders.length).toBeGreaterThanOrEqual(copies.length - 1);
    for (const holder of holders) expect(holder).toMatchObject({ digest: sha256(utf8Bytes('blue')), bytes: 12, sequence });
    const { holders: short } = await cluster.settle(asker.node.digest(key, 'mutable', { offset: 8, length: 5 }));
    expect(short.map(({ digest, bytes }) => [digest, bytes])).toEqual(holders.map(() => [undefined, 12]));
    expect((await cluster.settle(asker.node.digest(sha256(key), 'immutable'))).holders).toEqual([]);
    await expect(asker.node.digest(key, 'mutable', { offset: -1, length: 4 })).rejects.toMatchObject({ code: 'BAT_E_USAGE' });
  });

  it.each(seedsOf('kad-lifetimes', ['life-1']))('may live for 1 to 48 hours, and a short life is kept up, seed %s', async (seed) => {
    const [cluster, [owner, asker]] = (await network('kad-lifetimes', seed, 5)) as [KadCluster, [Member, Member]];
    for (const lifetimeMs of [hour - 1, 48 * hour + 1, 1.5 * hour + 0.5, Number.NaN]) {
      await expect(owner.node.putMutable(NAME, utf8Bytes('red'), { lifetimeMs })).rejects.toMatchObject({ code: 'BAT_E_USAGE' });
    }
    await cluster.settle(owner.node.putMutable(NAME, utf8Bytes('red'), { lifetimeMs: 1 * hour }));
    await cluster.simulation.clock.runFor(3 * hour);
    expect(await read(cluster, asker, owner)).toBe('red');
    cluster.crash(owner);
    await cluster.simulation.clock.runFor(1 * hour + 1 * minute);
    expect(await read(cluster, asker, owner)).toBeUndefined();
  });
});
