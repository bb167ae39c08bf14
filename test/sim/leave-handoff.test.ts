// HANDOFF at a host, on the simulated clock: what vouches for a shard, whose lease it gets, and who may see it proved.
import { createCrypto, day, hour, type KeyPair, keyPairFromSeed, MiB, NO_EXTENSIONS, present, toHex } from '@batchain/shared';
import { afterEach, describe, expect, it } from 'vitest';
import { accessKeyOf } from '../../packages/bat-node/src/manifest/access-proof.ts';
import { makeFileId, type SignedRoster } from '../../packages/bat-node/src/manifest/manifest.ts';
import { signRoster } from '../../packages/bat-node/src/manifest/roster-codec.ts';
import { digestShard } from '../../packages/bat-node/src/pipeline/shard.ts';
import type { StoreOrder } from '../../packages/bat-node/src/ports.ts';
import { type HandedShard, ShardClient } from '../../packages/bat-node/src/transfer/shard-client.ts';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';
import { bytesNamed } from '../support/stored-shards.ts';

const SHARD_BYTES = 40 * 1024;
const owner = keyPairFromSeed(bytesNamed('owner', 32));
const accessSeed = bytesNamed('access', 32);
let world: SimBatWorld;

afterEach(async () => {
  await world?.close();
});

/** Two segments of two shards each. */
function makeFile(name: string, options: { readonly keepUntilMs?: number; readonly signer?: KeyPair; readonly swapped?: boolean } = {}) {
  const fileNonce = bytesNamed(`nonce of ${name}`, 32);
  const fileId = makeFileId(owner.publicKey, fileNonce);
  const shards = [0, 1].map((segment) => [0, 1].map((index) => bytesNamed(`${name} ${segment} ${index}`, SHARD_BYTES)));
  const digests = shards.map((row) => row.map((bytes) => digestShard(bytes)));
  const ids = digests.map((row) => row.map(({ id }) => id));
  const segments = ids.map(([a, b]) => {
    const pair = options.swapped === true ? [b, a] : [a, b];
    return { shardLength: SHARD_BYTES, shardIds: Uint8Array.from(pair.flatMap((id) => [...present(id, 'an id')])) };
  });
  const accessKey = accessKeyOf(accessSeed);
  const scheme = { requiredShards: 1, totalShards: 2 };
  const { keepUntilMs = 0 } = options;
  const roster = { fileId, ownerKey: owner.publicKey, fileNonce, scheme, segments, accessKey, keepUntilMs, extensions: NO_EXTENSIONS };
  const signed = signRoster(options.signer ?? owner, roster);
  const shard = (segment: number, index: number, lease = 'a lease') => {
    const { id, leafHashes } = present(digests[segment]?.[index], 'a shard');
    const order: StoreOrder = {
      fileId,
      segment,
      index,
      ownerKey: owner.publicKey,
      fileNonce,
      accessKey,
      leaseId: bytesNamed(lease, 16),
      shardId: id,
      length: SHARD_BYTES,
    };
    return { order, leafHashes, bytes: present(shards[segment]?.[index], 'bytes') };
  };
  return { fileId, signed, shard };
}

type File = ReturnType<typeof makeFile>;

function handed(
  { signed, shard }: Pick<File, 'signed' | 'shard'>,
  segment: number,
  index: number,
  leaseUntilMs: number,
): HandedShard & { bytes: Uint8Array } {
  const { rosterId, rosterBytes: roster, signature } = signed;
  return { ...shard(segment, index), rosterId, roster, signature, leaseUntilMs };
}

async function open() {
  world = new SimBatWorld('handoff');
  const [leaver, receiver, stranger] = await world.settleReal(Promise.all([world.add(MiB), world.add(MiB), world.add(0)]));
  const { verifier } = createCrypto();
  const clientOf = async (member: SimMember, keyPair: KeyPair = member.keyPair): Promise<ShardClient> => {
    const hint = { nodeId: receiver.record.nodeId, record: receiver.record };
    const session = await member.pool.connect(hint, { signal: new AbortController().signal, timeoutMs: 5000 });
    if (!session.ok) throw new Error(session.reason);
    return new ShardClient(world.simulation.runtime, session.value, { signer: keyPair, verifier });
  };
  const hand = async (member: SimMember, shard: ReturnType<typeof handed>) =>
    (await clientOf(member)).handoff(shard, async (at, length) => shard.bytes.subarray(at, at + length));
  const nowMs = (): number => world.simulation.runtime.clock.nowMs();
  return { leaver, receiver, stranger, clientOf, hand, nowMs };
}

/** Runs in simulated time. */
const run = (tell: (parts: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> =>
  open().then((parts) => world.settle(tell(parts), 400 * day));

describe('a shard that is handed over', () => {
  it('SH-04 gets the lease that it had, its roster, and is proved to who brought it, for an hour, and to nobody else', () =>
    run(async ({ leaver, receiver, stranger, clientOf, hand, nowMs }) => {
      const file = makeFile('song');
      const leaseUntilMs = nowMs() + 11 * day;
      const receipt = await hand(leaver, handed(file, 0, 1, leaseUntilMs));
      expect(receipt).toMatchObject({ ok: true, value: { isCommitted: true, leaseUntilMs, shards: [{ segment: 0, index: 1 }] } });
      expect(receiver.store.file(file.fileId)).toMatchObject({ isCommitted: true, leaseUntilMs, rosterId: file.signed.rosterId });
      expect(world.list.providersOf(file.fileId)).toEqual([]);
      await world.simulation.clock.sleep(1000);
      expect(world.list.providersOf(file.fileId)).toHaveLength(1);
      const { order } = file.shard(0, 1);
      const target = { ...order, shardBytes: SHARD_BYTES };
      const ask = async (member: SimMember, segment = 0) =>
        (await clientOf(member)).challengeHanded(file.fileId, { ...target, segment }, [0, 2]);
      expect(await ask(leaver)).toEqual({ ok: true, value: SHARD_BYTES - 16 * 1024 });
      expect(await ask(leaver, 1)).toMatchObject({ ok: false, reason: 'refused' });
      expect(await ask(stranger)).toMatchObject({ ok: false, reason: 'refused' });
      await world.simulation.clock.sleep(hour);
      expect(await ask(leaver)).toMatchObject({ ok: false, reason: 'refused' });
      // The owner finds it like any other.
      const proved = await (await clientOf(stranger)).challenge({ fileId: file.fileId, accessSeed }, target, [1]);
      expect(proved).toMatchObject({ ok: true });
    }));

  it('T15 lasts no longer than a full lease, nor than the owner signed for, and showing it again makes it no longer', () =>
    run(async ({ leaver, receiver, stranger, hand, nowMs }) => {
      const file = makeFile('long');
      expect(await hand(leaver, handed(file, 0, 0, nowMs() + 900 * day))).toMatchObject({ ok: true });
      const untilMs = (fileId: File['fileId']): number => present(receiver.store.file(fileId), 'the file').leaseUntilMs;
      expect((untilMs(file.fileId) - nowMs()) / day).toBeCloseTo(30, 2);
      const keepUntilMs = Math.round(nowMs() + 5 * day);
      const short = makeFile('short', { keepUntilMs });
      expect(await hand(leaver, handed(short, 0, 0, nowMs() + 20 * day))).toMatchObject({ ok: true, value: { leaseUntilMs: keepUntilMs } });
      expect(receiver.store.file(short.fileId)).toMatchObject({ keepUntilMs });
      await world.simulation.clock.sleep(2 * day);
      const before = untilMs(file.fileId);
      expect(await hand(stranger, handed(file, 0, 0, nowMs() + 30 * day))).toMatchObject({ ok: true });
      expect(untilMs(file.fileId)).toBe(before);
      const over = makeFile('over', { keepUntilMs: Math.round(nowMs() - 15 * day) });
      expect(await hand(leaver, handed(over, 0, 0, nowMs() + day))).toMatchObject({ ok: false, reason: 'lease-over' });
      expect(await hand(leaver, handed(makeFile('late'), 0, 0, nowMs() - 15 * day))).toMatchObject({ ok: false, reason: 'lease-over' });
    }));

  it('T2 is refused by who has another of its segment, and goes under the lease that the host has of the file', () =>
    run(async ({ leaver, receiver, hand, nowMs }) => {
      const file = makeFile('song');
      const untilMs = nowMs() + 9 * day;
      expect(await hand(leaver, handed(file, 0, 0, untilMs))).toMatchObject({ ok: true });
      expect(await hand(leaver, handed(file, 0, 1, untilMs))).toMatchObject({ ok: false, reason: 'same-segment' });
      // Another leaver had another lease of the same file.
      const other = { ...handed(file, 1, 1, untilMs + day), ...file.shard(1, 1, 'another lease') };
      expect(await hand(leaver, other)).toMatchObject({
        ok: true,
        value: { leaseId: file.shard(0, 0).order.leaseId, leaseUntilMs: untilMs + day },
      });
      expect(receiver.store.usage().shardCount).toBe(2);
    }));

  it('T15 counts for nothing without the owner: a false signature, another place, another roster than the one that is here', () =>
    run(async ({ leaver, receiver, hand, nowMs }) => {
      const untilMs = nowMs() + 9 * day;
      const right = makeFile('song');
      const forged = makeFile('song', { signer: keyPairFromSeed(bytesNamed('mallory', 32)) });
      expect(await hand(leaver, handed(forged, 0, 0, untilMs))).toMatchObject({ ok: false, reason: 'bad-roster' });
      const swapped = makeFile('song', { swapped: true });
      expect(await hand(leaver, handed(swapped, 0, 0, untilMs))).toMatchObject({ ok: false, reason: 'bad-roster' });
      const otherFile: SignedRoster = makeFile('another').signed;
      expect(await hand(leaver, handed({ ...right, signed: otherFile }, 0, 0, untilMs))).toMatchObject({ ok: false, reason: 'bad-roster' });
      const notHis = handed(right, 0, 0, untilMs);
      const stolen = { ...notHis, order: { ...notHis.order, ownerKey: leaver.keyPair.publicKey } };
      expect(await hand(leaver, stolen)).toMatchObject({ ok: false, reason: 'wrong-file-id' });
      expect(receiver.store.usage()).toMatchObject({ usedBytes: 0, shardCount: 0, reservedBytes: 0 });
      expect(receiver.store.file(right.fileId)).toBeUndefined();
      // What was committed here stands: an older roster, shown again, changes and releases nothing.
      expect(await hand(leaver, handed(right, 0, 0, untilMs))).toMatchObject({ ok: true });
      const old = handed(swapped, 1, 0, untilMs);
      expect(await hand(leaver, { ...old, order: { ...old.order, segment: 1, index: 1 } })).toMatchObject({
        ok: false,
        reason: 'bad-roster',
      });
      expect(receiver.store.file(right.fileId)?.rosterId).toEqual(right.signed.rosterId);
      expect(receiver.store.usage().shardCount).toBe(1);
    }));

  it('BN-22 takes room like any other, and a host that leaves itself takes none', () =>
    run(async ({ leaver, receiver, hand, nowMs }) => {
      const untilMs = nowMs() + 9 * day;
      let last = await hand(leaver, handed(makeFile('0'), 0, 0, untilMs));
      for (let i = 1; last.ok && i < 40; i++) last = await hand(leaver, handed(makeFile(`${i}`), 0, 0, untilMs));
      expect(last).toMatchObject({ ok: false, reason: 'no-room' });
      expect(receiver.store.usage().usedBytes).toBeLessThanOrEqual(MiB);
      await receiver.store.setLeaving(1);
      expect(await hand(leaver, handed(makeFile('0'), 1, 0, untilMs))).toMatchObject({ ok: false, reason: 'leaving' });
    }));

  it('SH-12 T1 is spoken of to who proves access to the file, and to nobody else', () =>
    run(async ({ leaver, receiver, stranger, clientOf, hand, nowMs }) => {
      // What the receiver took it hands on itself.
      const file = makeFile('song');
      expect(await hand(leaver, handed(file, 0, 1, nowMs() + 9 * day))).toMatchObject({ ok: true });
      expect(await hand(leaver, handed(file, 1, 0, nowMs() + 9 * day))).toMatchObject({ ok: true });
      const { order } = file.shard(0, 1);
      const next = stranger.keyPair.nodeId;
      expect(await receiver.store.move(order, next)).toMatchObject({ ok: true });
      const client = await clientOf(stranger);
      const target = { ...order, shardBytes: SHARD_BYTES };
      const told: string[] = [];
      const options = { onMoved: (host: Uint8Array) => void told.push(toHex(host)) };
      const ask = async (seed: Uint8Array) => {
        const access = { fileId: file.fileId, accessSeed: seed };
        const fetched = await client.fetch({ ...target, ...access, into: new Uint8Array(SHARD_BYTES) }, options);
        const proved = await client.challenge(access, target, [0], options);
        const digest = await client.digest(access, target, { offset: 0, length: 1 }, options);
        const answers: string[] = [fetched, proved, digest].map((answer) => (answer.ok ? 'ok' : answer.reason));
        const moved: number[] = [];
        for await (const page of client.have(access, { onMovedShards: (shards) => void moved.push(shards.length) })) {
          answers.push(page.ok ? `${page.value.length} held` : page.reason);
        }
        return { answers, moved };
      };
      expect(await ask(accessSeed)).toEqual({ answers: ['moved', 'moved', 'moved', '1 held'], moved: [1] });
      expect(new Set(told)).toEqual(new Set([toHex(next)]));
      expect(await ask(bytesNamed('guess', 32))).toEqual({ answers: ['refused', 'refused', 'refused', 'refused'], moved: [] });
      // The last shard goes, and with it all that the host knew of the file but this.
      expect(await receiver.store.move(file.shard(1, 0).order, next)).toMatchObject({ ok: true });
      expect(await ask(accessSeed)).toEqual({ answers: ['moved', 'moved', 'moved', '0 held'], moved: [2] });
      expect(await ask(bytesNamed('guess', 32))).toEqual({ answers: ['not-held', 'not-held', 'not-held', 'not-held'], moved: [] });
      // It may come again: then it is here, whatever was said before.
      expect(await hand(leaver, handed(file, 0, 1, nowMs() + 9 * day))).toMatchObject({ ok: true });
      expect((await ask(accessSeed)).answers).toEqual(['ok', 'ok', 'ok', '1 held']);
    }));
});
