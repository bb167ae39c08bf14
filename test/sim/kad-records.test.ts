// Announcements over days: they last while their host does, follow the nodes that should keep them, and end after it.
import { MemoryKadStateStore } from '@batchain/kad-node';
import { hour, minute, sha256, uintBytes, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { KadCluster, type Member } from './kad-cluster.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

const fileOf = (n: number): Uint8Array => sha256(utf8Bytes('file'), uintBytes(n, 4));
const idOf = (member: Member): string => Buffer.from(member.signer.nodeId).toString('hex');

/** Long pauses between what an idle node does, so that days fit into a test; record times are the real ones. */
const SLOW = {
  livenessIntervalMs: 6 * hour,
  silentAfterMs: 12 * hour,
  refreshIntervalMs: 6 * hour,
  saveIntervalMs: 12 * hour,
  contactIntervalMs: 7 * hour,
  replicationIntervalMs: 6 * hour,
  replicationRoundMs: 1 * hour,
};

async function holdersOf(cluster: KadCluster, asker: Member, fileId: Uint8Array): Promise<string[]> {
  const { hostIds } = await cluster.settle(asker.node.findProviders(fileId, { resolvesContacts: false }));
  return hostIds.map((id) => Buffer.from(id).toString('hex')).sort();
}

describe('announcements over days', () => {
  it.each(seedsOf('kad-expiry', ['days-1']))(
    'BN-01 DF-01 outlive four days while their host lives, and end 48 hours after it, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-expiry', seed), { config: SLOW });
      await cluster.grow(30);
      const [asker, stays, goes] = cluster.members as [Member, Member, Member];
      await cluster.settle(Promise.all([stays.node.announce(fileOf(1)), goes.node.announce(fileOf(1))]));
      expect(await holdersOf(cluster, asker, fileOf(1))).toEqual([idOf(stays), idOf(goes)].sort());
      cluster.crash(goes);
      await cluster.simulation.clock.runFor(24 * hour);
      expect(await holdersOf(cluster, asker, fileOf(1)), 'a day later nobody can know yet').toHaveLength(2);
      await cluster.simulation.clock.runFor(25 * hour);
      expect(await holdersOf(cluster, asker, fileOf(1))).toEqual([idOf(stays)]);
      await cluster.simulation.clock.runFor(48 * hour);
      expect(await holdersOf(cluster, asker, fileOf(1))).toEqual([idOf(stays)]);
    },
  );

  it.each(seedsOf('kad-republish', ['days-2']))('BN-01 move on to new nodes when all that kept them are gone, seed %s', async (seed) => {
    const cluster = new KadCluster(beginSimulation('kad-republish', seed), { config: SLOW });
    await cluster.grow(25);
    const host = cluster.members[0] as Member;
    const files = Array.from({ length: 30 }, (_, n) => fileOf(n));
    await cluster.settle(host.node.announceMany(files.map((fileId) => ({ fileId }))));
    const before = host.node.stats().requests;
    await cluster.grow(50);
    for (const member of cluster.members.slice(1, 25)) cluster.crash(member);
    await cluster.simulation.clock.runFor(23 * hour);
    const asker = cluster.members.at(-1) as Member;
    for (const fileId of files) expect(await holdersOf(cluster, asker, fileId)).toEqual([idOf(host)]);
    say(`  ${host.node.stats().requests - before} requests of the host in 23 hours, for 30 files`);
  });

  it.each(seedsOf('kad-restart', ['days-3']))(
    'BN-49 a file is still found after every node was stopped and started, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-restart', seed), { config: SLOW });
      const stores = new Map<Member, MemoryKadStateStore>();
      for (let n = 0; n < 12; n++) {
        const store = new MemoryKadStateStore();
        const member = await cluster.add(`node ${n}`, store);
        stores.set(member, store);
        const first = cluster.members[0] as Member;
        if (n > 0) await cluster.settle(member.node.bootstrap([first.address]));
      }
      const [host, asker] = cluster.members as [Member, Member];
      await cluster.settle(host.node.announce(fileOf(1)));
      await cluster.stopAll();
      await cluster.simulation.clock.runFor(3 * hour);
      for (const member of cluster.members.slice(1)) await cluster.restart(member, stores.get(member));
      await cluster.simulation.clock.runFor(2 * minute);
      expect(cluster.living.every((member) => member.node.isJoined)).toBe(true);
      expect(await holdersOf(cluster, asker, fileOf(1)), 'the host itself is still away').toEqual([idOf(host)]);
      await cluster.simulation.clock.runFor(46 * hour);
      expect(await holdersOf(cluster, asker, fileOf(1)), 'its lifetime went on meanwhile').toEqual([]);
    },
  );

  it.each(seedsOf('kad-hosts', ['hosts-1']))('BN-11 BN-12 the 64 hosts nearest to a file are found, seed %s', async (seed) => {
    const cluster = new KadCluster(beginSimulation('kad-hosts', seed));
    const flags = { isPublic: true, relays: false, stores: true, isLeaving: false, hasNoUdp: false };
    await cluster.grow(90, 25, (member) => void member.node.setContact({ flags }));
    const asker = cluster.randomMember();
    for (let n = 0; n < 4; n++) {
      const found = await cluster.settle(asker.node.findHosts(fileOf(n), { count: 64 }));
      const expected = cluster.nearest(fileOf(n), 65).filter((member) => member !== asker);
      expect(found.map((record) => Buffer.from(record.nodeId).toString('hex'))).toEqual(expected.slice(0, 64).map(idOf));
    }
  });
});
