// Hosts leave one after the other while another joins, on the simulated network: every file is read at each step, and audits clean at the end.
import { day, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { afterEach, describe, expect, it } from 'vitest';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';
import { misbehaving } from '../support/tampered-stream.ts';

const KiB = 1024;
const OFFER = 20 * 1024 * KiB;
const SEGMENT_BYTES = 64 * KiB;
let world: SimBatWorld;

afterEach(async () => {
  await world?.close();
});

const idOf = (member: SimMember): string => toHex(member.keyPair.nodeId);
const bytesOf = (name: string, length: number): Uint8Array => {
  const seed = sha256(utf8Bytes(name));
  return Uint8Array.from({ length }, (_, i) => (seed[i % 32] as number) ^ (i >> 5));
};

interface File {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Hosts, and an owner with so many files, each on five of the hosts. */
async function open(hostCount: number, fileCount: number): Promise<{ owner: SimMember; hosts: SimMember[]; files: File[] }> {
  world = new SimBatWorld('leaving');
  const owner = await world.settleReal(world.add(0));
  const hosts: SimMember[] = [];
  for (let i = 0; i < hostCount; i++) hosts.push(await world.settleReal(world.add(OFFER)));
  const files: File[] = [];
  for (let i = 0; i < fileCount; i++) {
    const file = { name: `file ${i}`, bytes: bytesOf(`file ${i}`, (1 + (i % 3)) * SEGMENT_BYTES - i) };
    const holders = Array.from({ length: 5 }, (_, at) => hosts[(i + at) % hostCount] as SimMember);
    await world.settle(world.put(owner, holders, file.bytes, { k: 2, segmentBytes: SEGMENT_BYTES, isCommitted: true, name: file.name }));
    files.push(file);
  }
  await world.settle(world.simulation.clock.sleep(2000));
  return { owner, hosts, files };
}

async function readAll(owner: SimMember, files: readonly File[]): Promise<void> {
  for (const { name, bytes } of files) {
    const parts: Uint8Array[] = [];
    for await (const piece of owner.node.downloadStream(name)) parts.push(piece);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  }
}

const shardsAt = (members: readonly SimMember[]): number => members.reduce((sum, { store }) => sum + store.usage().shardCount, 0);

describe('a network that hosts leave', () => {
  it('SH-04 SH-11 BD-44 three of nine, one after the other, while another joins: all files are read at each step, none lacks a shard at the end', () =>
    open(9, 5).then(({ owner, hosts, files }) =>
      world.settle(
        (async () => {
          const before = shardsAt(hosts);
          const [first, second, third, ...others] = hosts as [SimMember, SimMember, SimMember, ...SimMember[]];
          expect(await first.node.leave()).toMatchObject({ leftCount: 0 });
          await readAll(owner, files);
          world.kill(first);
          world.list.remove(first.keyPair.nodeId);
          await readAll(owner, files);
          others.push(await world.add(OFFER));
          const result = await second.node.leave();
          expect(result).toMatchObject({ leftCount: 0 });
          expect(result.movedShards).toBeGreaterThan(0);
          world.kill(second);
          world.list.remove(second.keyPair.nodeId);
          await readAll(owner, files);
          expect(await third.node.leave()).toMatchObject({ leftCount: 0 });
          world.kill(third);
          world.list.remove(third.keyPair.nodeId);
          await readAll(owner, files);
          expect(shardsAt(others)).toBe(before);
          for (const { name } of files) {
            const audit = await owner.node.audit(name);
            expect(audit).toMatchObject({ verdict: 'good', shardsHealthy: 5 });
            expect(audit.rows.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
          }
          for (const file of await owner.ownerStore.list()) {
            const gone = [first, second, third].map(idOf);
            expect(file.leases.map(({ host }) => host).filter((host) => gone.includes(host))).toEqual([]);
          }
          // No host has two shards of a segment.
          for (const host of others) {
            for (const { fileId } of host.store.files()) {
              const segments = host.store.shards(fileId, { max: 100 }).map(({ segment }) => segment);
              expect(new Set(segments).size).toBe(segments.length);
            }
          }
          // The weekly renewals go to the new hosts.
          await world.simulation.clock.sleep(8 * day);
          const nowMs = world.simulation.runtime.clock.nowMs();
          for (const { leases } of await owner.ownerStore.list()) {
            expect(leases).toHaveLength(5);
            expect(leases.every(({ leaseUntilMs }) => leaseUntilMs - nowMs > 28 * day)).toBe(true);
          }
        })(),
        20 * day,
      ),
    ));

  it('SH-04 a receiver that dies in the middle of a hand-over costs its place only', () =>
    open(8, 4).then(({ owner, hosts, files }) =>
      world.settle(
        (async () => {
          const leaver = hosts[4] as SimMember;
          const others = hosts.filter((host) => host !== leaver);
          let victim: SimMember | undefined;
          for (const host of others) {
            host.behave(
              misbehaving({
                handoff: (visit) =>
                  visit.serve({
                    before: async (what) => {
                      if (what !== 'item' || victim !== undefined) return;
                      victim = host;
                      world.kill(host);
                    },
                  }),
              }),
            );
          }
          const count = leaver.store.usage().shardCount;
          expect(await leaver.node.leave()).toMatchObject({ movedShards: count, leftCount: 0 });
          expect(victim).toBeDefined();
          world.kill(leaver);
          await readAll(owner, files);
        })(),
      ),
    ));

  it('BD-44 the file that can spare the fewest hosts goes first', () =>
    open(8, 4).then(({ hosts }) =>
      world.settle(
        (async () => {
          const leaver = hosts[4] as SimMember;
          const held = [...leaver.store.files()].map(({ fileId }) => fileId);
          expect(held.length).toBeGreaterThan(1);
          const weak = held.at(-1) as (typeof held)[0];
          const holders = world.list.providersOf(weak).filter((id) => id !== idOf(leaver));
          for (const host of hosts.filter((one) => holders.slice(0, 2).includes(idOf(one)))) {
            await world.list.locatorOf(host.keyPair.nodeId).withdraw([weak], new AbortController().signal);
          }
          const taken: string[] = [];
          for (const host of hosts.filter((one) => one !== leaver)) {
            host.behave(
              misbehaving({
                handoff: (visit) => {
                  taken.push(toHex(visit.request.order.fileId));
                  return visit.serve({});
                },
              }),
            );
          }
          await leaver.node.leave();
          expect(taken[0]).toBe(toHex(weak));
          expect(new Set(taken).size).toBe(held.length);
        })(),
      ),
    ));
});
