// Nodes leave in order, in a hurry, alone, and come back: what they kept stays readable, and nobody counts on them any more.
import { type LeaveProgress, MemoryKadStateStore } from '@batchain/kad-node';
import { minute, second, sha256, uintBytes, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { KadCluster, type Member } from './kad-cluster.ts';
import { gapsOf } from './kad-copies.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

const VALUES = 30;
const valueAt = (n: number): Uint8Array => utf8Bytes(`value ${n}`);
const keyAt = (n: number): Uint8Array => sha256(valueAt(n));
const FILE = sha256(utf8Bytes('file'), uintBytes(1, 4));
const HOST_FLAGS = { isPublic: true, relays: false, stores: true, isLeaving: false, hasNoUdp: false };

const idOf = (member: Member): string => Buffer.from(member.signer.nodeId).toString('hex');
const isKnownTo = (member: Member, other: Member): boolean =>
  member.node.routes().buckets.some(({ contacts }) => contacts.some(({ nodeId }) => Buffer.compare(nodeId, other.signer.nodeId) === 0));
const knowers = (cluster: KadCluster, of: Member): Member[] => cluster.living.filter((member) => member !== of && isKnownTo(member, of));

/** A network in which one owner has stored values, and is gone. */
async function networkOf(scenario: string, seed: string, nodes: number): Promise<KadCluster> {
  const cluster = new KadCluster(beginSimulation(scenario, seed), { link: { lossRate: 0.01 } });
  await cluster.grow(nodes);
  const owner = cluster.members[0] as Member;
  await cluster.settle(Promise.all(Array.from({ length: VALUES }, (_, n) => owner.node.putImmutable(valueAt(n)))));
  cluster.crash(owner);
  await cluster.simulation.clock.runFor(2 * minute);
  return cluster;
}

/** Values that one random node cannot read now. */
async function unreadable(cluster: KadCluster): Promise<number> {
  const askers = cluster.living.filter((member) => !member.node.isAway);
  const asker = askers[cluster.simulation.runtime.random.below(askers.length)] as Member;
  const found = await cluster.settle(Promise.all(Array.from({ length: VALUES }, (_, n) => asker.node.getImmutable(keyAt(n)))));
  return found.filter((value) => value === undefined).length;
}

describe('leaving', () => {
  it.each(seedsOf('kad-leave', ['leave-1', 'leave-2']))(
    'SH-04 BD-17 BD-44 three leave one after the other while another joins: every value stays readable, nobody knows them, seed %s',
    async (seed) => {
      const cluster = await networkOf('kad-leave', seed, 26);
      const [, ...others] = cluster.members as [Member, ...Member[]];
      const gone = others.slice(0, 3);
      for (const leaver of gone) {
        const kept = leaver.node.stats().storedRecords;
        const progress: LeaveProgress[] = [];
        const leaving = leaver.node.leave({ onProgress: (step) => void progress.push(step) });
        const newcomer = await cluster.add();
        void newcomer.node.bootstrap([(cluster.living.at(-2) as Member).address]);
        await cluster.simulation.clock.runFor(200);
        expect(await unreadable(cluster), 'in the middle of it').toBe(0);
        const result = await cluster.settle(leaving);
        say(
          `  ${leaver.name}: ${result.movedRecords} of ${kept} records moved, ${result.movedBytes} bytes, ${result.toldNodes} nodes told`,
        );
        expect(result).toMatchObject({ isComplete: true, isAlone: false, left: [], leftRecords: 0 });
        expect(result.movedRecords).toBeGreaterThanOrEqual(0.5 * kept);
        expect(progress.at(-1)).toMatchObject({ phase: 'handing-over', movedRecords: result.movedRecords, movedBytes: result.movedBytes });
        expect(knowers(cluster, leaver).map(({ name }) => name)).toEqual([]);
        await cluster.stop(leaver);
        expect(await unreadable(cluster), 'after it').toBe(0);
      }
      await cluster.simulation.clock.runFor(1 * minute);
      for (let n = 0; n < VALUES; n++) expect(await gapsOf(cluster, 'immutable', keyAt(n)), `copies of value ${n}`).toEqual([]);
    },
  );

  it.each(seedsOf('kad-leave-answers', ['leave-3']))(
    'SH-12 who leaves is in no answer, refuses records with the word leaving, and names others to ask, seed %s',
    async (seed) => {
      const cluster = await networkOf('kad-leave-answers', seed, 12);
      const [, leaver, asker, host] = cluster.members as [Member, Member, Member, Member];
      for (const member of cluster.living) member.node.setContact({ flags: HOST_FLAGS });
      await cluster.simulation.clock.runFor(30 * second);
      await cluster.settle(leaver.node.announce(FILE));
      await cluster.settle(host.node.announce(FILE));
      expect((await cluster.settle(leaver.node.leave())).withdrawnFiles).toBe(1);
      // Told to say that it offers space, it still does not.
      leaver.node.setContact({ flags: HOST_FLAGS });
      expect(leaver.node.contact.contact.flags.isLeaving).toBe(true);

      const id = idOf(leaver);
      const { contacts } = await cluster.settle(asker.node.findContacts(leaver.signer.nodeId));
      expect(contacts.map(({ nodeId }) => Buffer.from(nodeId).toString('hex'))).not.toContain(id);
      const hosts = await cluster.settle(asker.node.findHosts(leaver.signer.nodeId));
      expect(hosts.length).toBeGreaterThan(5);
      expect(hosts.map(({ nodeId }) => Buffer.from(nodeId).toString('hex'))).not.toContain(id);
      expect((await cluster.settle(asker.node.findProviders(FILE))).hostIds.map((nodeId) => Buffer.from(nodeId).toString('hex'))).toEqual([
        idOf(host),
      ]);

      const { rpc } = asker;
      const ask = (request: Parameters<typeof rpc.request>[2]) =>
        cluster.settle(rpc.request(leaver.address, leaver.signer.nodeId, request));
      const stored = await ask({ type: 'store', kind: 'immutable', records: [{ bytes: valueAt(99), ageMs: 0 }] });
      expect(stored).toMatchObject({ ok: true, value: { response: { outcomes: ['leaving'] } } });
      const found = await ask({ type: 'find-value', kind: 'immutable', key: keyAt(0), page: 0 });
      const response = found.ok ? found.value.response : undefined;
      expect(response).toMatchObject({ type: 'values', records: [] });
      expect(response?.type === 'values' ? response.contacts.length : 0, 'ask them').toBeGreaterThan(5);
      // However much was said since.
      expect(isKnownTo(asker, leaver)).toBe(false);
    },
  );

  it.each(seedsOf('kad-rejoin-after-leave', ['leave-4']))(
    'BD-16 who comes back is known again and gets what is its, seed %s',
    async (seed) => {
      const cluster = await networkOf('kad-rejoin-after-leave', seed, 30);
      const member = cluster.members[5] as Member;
      const kept = member.node.stats().storedRecords;
      await cluster.settle(member.node.leave());
      await cluster.simulation.clock.runFor(5 * minute);
      expect([member.node.stats().storedRecords, member.node.isAway, knowers(cluster, member).length]).toEqual([0, true, 0]);
      expect((await cluster.settle(member.node.rejoin())).isJoined).toBe(true);
      await cluster.simulation.clock.runFor(1 * minute);
      expect(member.node.isAway).toBe(false);
      expect(member.node.contact.contact.flags.isLeaving).toBe(false);
      expect(knowers(cluster, member).length).toBeGreaterThanOrEqual(20);
      expect(member.node.stats().storedRecords).toBeGreaterThanOrEqual(0.8 * kept);
    },
  );

  it.each(seedsOf('kad-leave-emergency', ['leave-5']))(
    'BD-17 in an emergency the neighbours know within seconds, seed %s',
    async (seed) => {
      const cluster = await networkOf('kad-leave-emergency', seed, 60);
      const leaver = cluster.members[3] as Member;
      const before = cluster.simulation.clock.elapsedMs;
      const result = await cluster.settle(leaver.node.leave({ isEmergency: true }));
      const tookMs = cluster.simulation.clock.elapsedMs - before;
      say(`  ${result.toldNodes} nodes told within ${(tookMs / 1000).toFixed(2)} s; ${knowers(cluster, leaver).length} still know it`);
      expect(tookMs).toBeLessThanOrEqual(4 * second);
      expect(result).toMatchObject({ isComplete: false, isAlone: false, movedRecords: 0 });
      expect(result.left[0]?.reason).toBe('emergency');
      expect(knowers(cluster, leaver).length).toBeLessThanOrEqual(2);
      expect((await cluster.settle(leaver.node.leave())).isComplete, 'there was time after all').toBe(true);
    },
  );

  it.each(seedsOf('kad-leave-again', ['leave-6']))('BD-17 what was cut short goes on when it is called again, seed %s', async (seed) => {
    const cluster = await networkOf('kad-leave-again', seed, 30);
    const leaver = cluster.members[7] as Member;
    const kept = leaver.node.stats().storedRecords;
    const first = await cluster.settle(leaver.node.leave({ deadlineMs: 300 }));
    expect(first.isComplete).toBe(false);
    expect(first.leftRecords).toBeGreaterThan(0);
    expect(first.left.every(({ reason }) => reason === 'deadline')).toBe(true);
    const abort = new AbortController();
    const second = leaver.node.leave({ signal: abort.signal });
    abort.abort(new Error('not now'));
    await expect(cluster.settle(second)).rejects.toThrow('not now');
    const third = await cluster.settle(leaver.node.leave());
    expect(third).toMatchObject({ isComplete: true, leftRecords: 0 });
    expect(first.movedRecords + third.movedRecords).toBeGreaterThanOrEqual(0.5 * kept);
    expect(await unreadable(cluster)).toBe(0);
  });

  it.each(seedsOf('kad-leave-alone', ['leave-7']))(
    'SH-11 the last node says that what it keeps ends with it, and keeps it until it is stopped, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-leave-alone', seed));
      const [one, two] = [await cluster.add('one', new MemoryKadStateStore()), await cluster.add('two')];
      await cluster.settle(two.node.bootstrap([one.address]));
      await cluster.settle(two.node.putImmutable(valueAt(1)));
      await cluster.settle(two.node.leave());
      expect(await cluster.settle(one.node.getImmutable(keyAt(1)))).toEqual(valueAt(1));
      const result = await cluster.settle(one.node.leave());
      expect(result).toMatchObject({ isComplete: false, isAlone: true, movedRecords: 0 });
      expect(result.left).toContainEqual({ kind: 'immutable', key: keyAt(1), bytes: valueAt(1).length, reason: 'nobody-left' });
      expect(await cluster.settle(one.node.getImmutable(keyAt(1)))).toEqual(valueAt(1));
    },
  );
});
