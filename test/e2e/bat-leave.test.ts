// A host leaves and hands over what it keeps for others: BatNodes in one process, over real connections.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCrypto, keyPairFromSeed, sha256, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';
import { ShardClient } from '../../packages/bat-node/src/transfer/shard-client.ts';
import { silentOn } from '../support/misbehaviour.ts';
import { misbehaving } from '../support/tampered-stream.ts';
import { makeWireFile } from '../support/wire-host.ts';
import { type BatMember, BatWorld } from './bat-world.ts';
import { until, writeSeededFile } from './harness.ts';

const MiB = 1024 * 1024;
const KiB = 1024;
const DAY_MS = 86_400_000;
let world: BatWorld;

afterEach(async () => {
  await world?.close();
});

const idOf = (member: BatMember): string => toHex(member.keyPair.nodeId);

/** An owner and so many hosts, the first `n` of which get a shard of each segment. */
async function open(hostCount: number, bytes: number, policy: { k: number; n: number }) {
  world = await BatWorld.create();
  const hosts: BatMember[] = [];
  for (let i = 0; i < hostCount; i++) hosts.push(await world.add(100 * MiB));
  const owner = await world.add(0);
  world.list.prefer(hosts.map(({ keyPair }) => keyPair.nodeId));
  const source = await writeSeededFile(join(world.folder, 'source'), bytes, 11);
  const up = await owner.node.upload(source, { policy, segmentSizeBytes: 64 * KiB });
  const read = async (): Promise<void> => {
    const target = join(world.folder, `target-${Math.random()}`);
    await owner.node.download('source', target);
    expect((await readFile(target)).equals(await readFile(source))).toBe(true);
  };
  return { owner, hosts, up, read, source };
}

const shardsOf = (host: BatMember): number => host.store.usage().shardCount;

describe('a host that leaves', () => {
  it('SH-04 SH-11 BD-44 hands every shard over: the owner audits clean, reads, and renews at the new host', async () => {
    const { owner, hosts, up, read } = await open(5, 200 * KiB, { k: 2, n: 4 });
    const [leaver, , , , spare] = hosts as [BatMember, BatMember, BatMember, BatMember, BatMember];
    expect(shardsOf(leaver)).toBe(up.segments);
    const told: number[] = [];
    const result = await leaver.node.leave({ onProgress: ({ movedShards }) => told.push(movedShards) });
    expect(result).toMatchObject({ movedShards: up.segments, left: [], leftCount: 0 });
    expect(told.at(-1)).toBe(up.segments);
    expect([shardsOf(leaver), shardsOf(spare)]).toEqual([0, up.segments]);
    expect(leaver.node.isLeaving).toBe(true);
    expect(world.list.providersOf(up.fileId)).not.toContain(idOf(leaver));
    await read();
    const audit = await owner.node.audit('source');
    expect(audit).toMatchObject({ verdict: 'good', shardsHealthy: 4 });
    expect(audit.rows.every(({ outcome }) => outcome === 'passed')).toBe(true);
    expect(audit.rows.some(({ host }) => host !== undefined && toHex(host) === idOf(leaver))).toBe(false);
    const [file] = await owner.ownerStore.list();
    expect(file?.leases.map(({ host }) => host).sort()).toEqual(hosts.slice(1).map(idOf).sort());
    const info = await owner.node.info('source');
    expect(info.hosts.map((id) => toHex(id)).sort()).toEqual(hosts.slice(1).map(idOf).sort());
    await leaver.stop();
    await read();
    expect(await owner.node.audit('source')).toMatchObject({ verdict: 'good' });
    expect(await owner.node.release('source')).toMatchObject({ released: 4 * up.segments, unreached: [] });
  });

  it('SH-12 tells who asks for a shard that it handed over who has it, and readers go there; no other way is needed', async () => {
    const { owner, hosts, up, read } = await open(5, 200 * KiB, { k: 4, n: 4 });
    const [leaver] = hosts as [BatMember];
    await leaver.node.leave();
    // Nobody is found but those that the manifest and the receipts name.
    world.list.providersOf = () => [];
    await read();
    const audit = await owner.node.audit('source');
    expect(audit).toMatchObject({ verdict: 'good' });
    expect(audit.rows.map(({ outcome }) => outcome)).toEqual(new Array(4 * up.segments).fill('passed'));
  });

  it('SH-12 loses no reader: a file of which every shard is needed is read all the while it leaves', async () => {
    const { hosts, up, read } = await open(5, 600 * KiB, { k: 4, n: 4 });
    const [leaver, , , , slow] = hosts as [BatMember, BatMember, BatMember, BatMember, BatMember];
    slow.behave(misbehaving({ handoff: (visit) => visit.serve({ before: () => new Promise((resolve) => setTimeout(resolve, 60)) }) }));
    let isOver = false;
    const leaving = leaver.node.leave().finally(() => {
      isOver = true;
    });
    let reads = 0;
    for (; !isOver && reads < 20; reads++) await read();
    expect(reads).toBeGreaterThan(1);
    expect(await leaving).toMatchObject({ movedShards: up.segments, leftCount: 0 });
    await read();
  });

  it('SH-04 finds the owner back later: the leaver is gone, the file is read, the weekly renewal finds the new host and gets a full lease', async () => {
    const { owner, hosts, up, source } = await open(5, 200 * KiB, { k: 2, n: 4 });
    const [leaver, , , , spare] = hosts as [BatMember, BatMember, BatMember, BatMember, BatMember];
    const { ownerStore } = owner;
    await owner.stop();
    expect(await leaver.node.leave()).toMatchObject({ leftCount: 0 });
    await leaver.stop();
    world.list.remove(leaver.keyPair.nodeId);
    const back = await world.add(0, { seed: hosts.length + 1, ownerStore });
    const weekAgoMs = Date.now() - 8 * DAY_MS;
    const id = toHex(up.fileId);
    await ownerStore.update(id, (file) => ({ ...file, leases: file.leases.map((lease) => ({ ...lease, renewedAtMs: weekAgoMs })) }));
    await until('the spare is announced', async () => world.list.providersOf(up.fileId).includes(idOf(spare)));
    expect(await back.node.renewLeases()).toBe(3);
    const renewed = await ownerStore.get(id);
    expect(renewed?.leases.map(({ host }) => host).sort()).toEqual(hosts.slice(1).map(idOf).sort());
    const lease = renewed?.leases.find(({ host }) => host === idOf(spare));
    expect(((lease?.leaseUntilMs ?? 0) - Date.now()) / DAY_MS).toBeCloseTo(30, 1);
    expect(await back.node.renewLeases()).toBe(0);
    const target = join(world.folder, 'again');
    await back.node.download('source', target);
    expect((await readFile(target)).equals(await readFile(source))).toBe(true);
    expect(await back.node.audit('source')).toMatchObject({ verdict: 'good', shardsHealthy: 4 });
  });

  it('T1 keeps its copy until a receiver has proved its own: one that lies loses nothing for the owner', async () => {
    const { owner, hosts, up } = await open(6, 200 * KiB, { k: 2, n: 4 });
    const [leaver, , , , liar, honest] = hosts as [BatMember, BatMember, BatMember, BatMember, BatMember, BatMember];
    const heldWhenAsked: number[] = [];
    liar.behave(
      misbehaving({
        challenge: (visit) => {
          heldWhenAsked.push(shardsOf(leaver));
          return visit.serve({ data: (bytes) => bytes.map((byte) => byte ^ 1) });
        },
      }),
    );
    const result = await leaver.node.leave();
    expect(result).toMatchObject({ movedShards: up.segments, leftCount: 0 });
    expect(heldWhenAsked.length).toBeGreaterThan(0);
    expect(Math.min(...heldWhenAsked)).toBeGreaterThan(0);
    expect([shardsOf(leaver), shardsOf(honest)]).toEqual([0, up.segments]);
    liar.behave(undefined);
    expect(await owner.node.audit('source')).toMatchObject({ verdict: 'good' });
    // What it took is released with the rest: it is announced, though nobody counts on it.
    expect(shardsOf(liar)).toBeGreaterThan(0);
    await until('the liar is announced', async () => world.list.providersOf(up.fileId).includes(idOf(liar)));
    await owner.node.release('source');
    expect(hosts.map(shardsOf)).toEqual(hosts.map(() => 0));
  });

  it('SH-04 picks another receiver when one is gone in the middle of a transfer', async () => {
    const { owner, hosts, up, read } = await open(6, 600 * KiB, { k: 2, n: 4 });
    const [leaver, , , , dying, other] = hosts as [BatMember, BatMember, BatMember, BatMember, BatMember, BatMember];
    let takenShards = 0;
    dying.behave(
      misbehaving({
        handoff: (visit) =>
          visit.serve({
            before: async (what) => {
              if (what !== 'item' || ++takenShards < 5) return;
              dying.stop().catch(() => undefined);
              visit.session.close('gone');
            },
          }),
      }),
    );
    const result = await leaver.node.leave();
    expect(result).toMatchObject({ movedShards: up.segments, leftCount: 0 });
    expect(shardsOf(leaver)).toBe(0);
    expect(shardsOf(other)).toBeGreaterThan(0);
    await read();
    const audit = await owner.node.audit('source');
    // What the dead one had been given and had proved is as gone as it is; all else is right.
    const missing = audit.rows.filter(({ outcome }) => outcome !== 'passed');
    expect(missing.length).toBe(up.segments - shardsOf(other));
  });

  it('SH-04 goes on where it stopped when it is killed: what arrived is not sent again, and it still takes nothing new', async () => {
    const { owner, hosts, up, read } = await open(5, 600 * KiB, { k: 2, n: 4 });
    const [leaver, , , , receiver] = hosts as [BatMember, BatMember, BatMember, BatMember, BatMember];
    let proofs = 0;
    receiver.behave(
      misbehaving({
        challenge: async (visit) => {
          if (++proofs < 8) return visit.serve({});
          // The shard is there and signed for; the leaver does not live to see it proved.
          leaver.stop().catch(() => undefined);
          visit.stream.reset('gone');
        },
      }),
    );
    await expect(leaver.node.leave()).rejects.toThrow();
    await leaver.stop();
    receiver.behave(undefined);
    const again = await world.add(100 * MiB, { seed: 1, disk: leaver.store.disk });
    const kept = shardsOf(again);
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThan(up.segments);
    expect(again.node.isLeaving).toBe(true);
    const before = receiver.received.bytes;
    const arrived = shardsOf(receiver) - (up.segments - kept);
    expect(arrived).toBeGreaterThan(0);
    expect(await again.node.leave()).toMatchObject({ movedShards: kept, leftCount: 0 });
    const shardBytes = 32 * KiB + 64;
    expect(receiver.received.bytes - before).toBeLessThanOrEqual((kept - arrived) * shardBytes);
    expect([shardsOf(again), shardsOf(receiver)]).toEqual([0, up.segments]);
    await read();
    expect(await owner.node.audit('source')).toMatchObject({ verdict: 'good' });
    await again.node.rejoin();
    expect(again.node.isLeaving).toBe(false);
  });

  it('SH-11 lists what nobody takes, with the reasons, and keeps it', async () => {
    const { hosts, up, read, owner } = await open(4, 200 * KiB, { k: 2, n: 4 });
    const [leaver, ...others] = hosts as [BatMember, ...BatMember[]];
    const full = await leaver.node.leave();
    expect(full).toMatchObject({ movedShards: 0, movedBytes: 0, leftCount: up.segments });
    expect(full.left[0]).toMatchObject({ fileId: up.fileId, segment: 0, reason: 'same-segment' });
    const tiny = await world.add(1024);
    const tight = (await leaver.node.leave()).left.flatMap(({ reason }) => reason.split(', '));
    expect(new Set(tight)).toEqual(new Set(['no-room', 'same-segment']));
    await tiny.stop();
    world.list.remove(tiny.keyPair.nodeId);
    await others[0]?.node.leave();
    const words = (await leaver.node.leave()).left.flatMap(({ reason }) => reason.split(', '));
    expect(new Set(words)).toEqual(new Set(['leaving', 'same-segment']));
    await read();
    expect(await owner.node.audit('source')).toMatchObject({ verdict: 'good' });
    for (const host of others) {
      await host.stop();
      world.list.remove(host.keyPair.nodeId);
    }
    world.list.providersOf = () => [];
    expect((await leaver.node.leave()).left.map(({ reason }) => reason)).toEqual(new Array(up.segments).fill('no-receiver'));
  });

  it('SH-04 does not hand over what its owner has not committed, and says so', async () => {
    world = await BatWorld.create();
    const [leaver, , owner] = [await world.add(MiB), await world.add(MiB), await world.add(0)];
    const file = makeWireFile(owner.keyPair, 'unfinished', [64 * KiB]);
    const session = await owner.pool.connect(
      { nodeId: leaver.keyPair.nodeId, record: leaver.record },
      { signal: new AbortController().signal, timeoutMs: 5000 },
    );
    if (!session.ok) throw new Error(session.reason);
    const client = new ShardClient(createSystemRuntime(), session.value, { signer: owner.keyPair, verifier: createCrypto().verifier });
    for (const { order, leafHashes, bytes } of file.shards)
      expect(await client.store(order, leafHashes, bytes)).toMatchObject({ ok: true });
    expect(await leaver.node.leave()).toMatchObject({ movedShards: 0, left: [{ fileId: file.fileId, reason: 'not-committed' }] });
    expect(shardsOf(leaver)).toBe(1);
  });

  it('SH-04 ends within its time, whoever takes his, and names what is left', async () => {
    const { hosts, up } = await open(5, 200 * KiB, { k: 2, n: 4 });
    const [leaver, , , , silent] = hosts as [BatMember, BatMember, BatMember, BatMember, BatMember];
    silent.behave(silentOn('handoff'));
    const startedMs = Date.now();
    const result = await leaver.node.leave({ deadlineMs: 1500 });
    expect(Date.now() - startedMs).toBeLessThan(4000);
    expect(result).toMatchObject({ movedShards: 0, leftCount: up.segments });
    expect(new Set(result.left.map(({ reason }) => reason))).toEqual(new Set(['deadline']));
    expect(shardsOf(leaver)).toBe(up.segments);
  });

  it('T1 who says `moved` and names nobody who is there costs one try and frees himself of nothing', async () => {
    const { owner, hosts, read } = await open(5, 200 * KiB, { k: 2, n: 4 });
    const [liar] = hosts as [BatMember];
    const nobody = keyPairFromSeed(new Uint8Array(32).fill(99)).nodeId;
    liar.behave(
      misbehaving({
        have: async (visit) => {
          await visit.answer({ kind: 'held', shards: [], hasMore: false });
          await visit.answer({ kind: 'moved-places', hosts: [nobody], places: [[0, 0, 0]] });
          await visit.stream.end();
        },
        challenge: async (visit) => {
          await visit.answer({ kind: 'moved', host: nobody });
          await visit.stream.end();
        },
        fetch: async (visit) => {
          await visit.answer({ kind: 'moved', host: nobody });
          await visit.stream.end();
        },
      }),
    );
    await read();
    const audit = await owner.node.audit('source');
    expect(audit.verdict).toBe('at-risk');
    const said = audit.rows.filter(({ outcome }) => outcome !== 'passed');
    expect(said.every((row) => row.outcome === 'inconclusive' && row.host !== undefined && toHex(row.host) === idOf(liar))).toBe(true);
    const [file] = await owner.ownerStore.list();
    expect(file?.leases.map(({ host }) => host)).toContain(idOf(liar));
  });

  it('BD-45 a digest is made where the shard lies, by the host that has it now', async () => {
    const { owner, hosts } = await open(5, 200 * KiB, { k: 1, n: 2 });
    const range = { segment: 0, index: 0, offset: 1000, length: 50_000 };
    const before = await owner.node.digest('source', range);
    const [{ host, sha256: digest } = { host: undefined, sha256: undefined }] = before.answers;
    const holder = hosts.find((one) => host !== undefined && idOf(one) === toHex(host)) as BatMember;
    const lies = await holder.store.read({ fileId: before.fileId, segment: 0, index: 0 }, 1000, 50_000);
    expect(lies.ok && toHex(sha256(lies.value))).toBe(digest);
    await holder.node.leave();
    const after = await owner.node.digest('source', range);
    expect(after.answers.map((answer) => answer.sha256)).toEqual([digest]);
    expect(toHex(after.answers[0]?.host as Uint8Array)).not.toBe(idOf(holder));
    await expect(owner.node.digest('source', { ...range, length: 500_000 })).rejects.toMatchObject({ code: 'BAT_E_USAGE' });
    await expect(owner.node.digest('source', { ...range, index: 7 })).rejects.toMatchObject({ code: 'BAT_E_USAGE' });
  });
});
