// Nodes leave to one another, with two of them left, and with somebody who shows again what a node signed when it left.
import { minute, second, sha256, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { KadCluster, type Member } from './kad-cluster.ts';
import { beginSimulation, seedsOf } from './simulator.ts';

const VALUES = 20;
const valueAt = (n: number): Uint8Array => utf8Bytes(`value ${n}`);
const keyAt = (n: number): Uint8Array => sha256(valueAt(n));
const HOST_FLAGS = { isPublic: true, relays: false, stores: true, isLeaving: false, hasNoUdp: false };

const idOf = (member: Member): string => Buffer.from(member.signer.nodeId).toString('hex');
const knows = (member: Member, other: Member): boolean =>
  member.node.routes().buckets.some(({ contacts }) => contacts.some(({ nodeId }) => Buffer.compare(nodeId, other.signer.nodeId) === 0));

describe('leaving', () => {
  it.each(seedsOf('kad-leave-two', ['two-1']))(
    'SH-04 with one other left, what is his goes back to him and nothing is said to be lost, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-leave-two', seed));
      await cluster.grow(2);
      const [owner, leaver] = cluster.members as [Member, Member];
      await cluster.settle(
        Promise.all([
          owner.node.putImmutable(valueAt(1)),
          owner.node.putMutable('colour', utf8Bytes('red')),
          owner.node.announce(keyAt(2)),
        ]),
      );
      await cluster.simulation.clock.runFor(2 * minute);
      expect(leaver.node.stats().storedRecords).toBeGreaterThanOrEqual(3);
      expect(await cluster.settle(leaver.node.leave())).toMatchObject({ isComplete: true, isAlone: false, left: [], leftRecords: 0 });
    },
  );

  it.each(seedsOf('kad-leave-together', ['together-1']))(
    'SH-04 several that leave at the same moment do not hand over to one another: every value stays readable, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-leave-together', seed));
      await cluster.grow(16);
      const [owner, ...others] = cluster.members as [Member, ...Member[]];
      await cluster.settle(Promise.all(Array.from({ length: VALUES }, (_, n) => owner.node.putImmutable(valueAt(n)))));
      cluster.crash(owner);
      await cluster.simulation.clock.runFor(2 * minute);
      const leavers = others.slice(0, 12);
      const results = await cluster.settle(Promise.all(leavers.map(({ node }) => node.leave())));
      expect(results.map(({ leftRecords }) => leftRecords)).toEqual(leavers.map(() => 0));
      for (const leaver of leavers) await cluster.stop(leaver);
      const asker = await cluster.add('asker');
      await cluster.settle(asker.node.bootstrap(others.slice(12).map(({ address }) => address)));
      const found = await cluster.settle(Promise.all(Array.from({ length: VALUES }, (_, n) => asker.node.getImmutable(keyAt(n)))));
      expect(found.filter((value) => value === undefined)).toEqual([]);
    },
  );

  it.each(seedsOf('kad-leave-replayed', ['replayed-1']))(
    'T19 who came back stays, though others store again what it signed when it left, before it came back or after, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-leave-replayed', seed));
      await cluster.grow(12);
      const [member, liar, ...others] = cluster.members as [Member, Member, ...Member[]];
      for (const { node } of cluster.members) node.setContact({ flags: HOST_FLAGS });
      await cluster.simulation.clock.runFor(30 * second);
      await cluster.settle(member.node.leave());
      const { bytes } = member.node.contact;
      expect(member.node.contact.contact.flags.isLeaving).toBe(true);
      await cluster.settle(member.node.rejoin());
      const replay = (): Promise<unknown> =>
        cluster.settle(
          Promise.all(
            others.map(({ address, signer }) =>
              liar.rpc.request(address, signer.nodeId, { type: 'store', kind: 'contact', records: [{ bytes, ageMs: 0 }] }),
            ),
          ),
        );
      await replay();
      await cluster.simulation.clock.runFor(1 * minute);
      await replay();
      expect(others.filter((other) => !knows(other, member)).map(({ name }) => name)).toEqual([]);
      const asker = others[0] as Member;
      const hosts = await cluster.settle(asker.node.findHosts(member.signer.nodeId));
      expect(hosts.map(({ nodeId }) => Buffer.from(nodeId).toString('hex'))).toContain(idOf(member));
    },
  );
});
