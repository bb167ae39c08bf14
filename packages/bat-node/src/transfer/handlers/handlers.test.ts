// The verbs at a host, in simulated time: what only shows with a clock, a full desk, or a host that leaves.
import {
  createCrypto,
  day,
  GiB,
  hour,
  type KeyPair,
  KiB,
  keyPairFromSeed,
  MiB,
  NO_EXTENSIONS,
  present,
  sha256,
  utf8Bytes,
} from '@batchain/shared';
import { createSimRuntime, SimDialer, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { CreditBudget } from '../../connection/credit.ts';
import { openSession, type Session } from '../../connection/session.ts';
import type { FileId } from '../../ids.ts';
import { HELD_PAGE_MAX, ROSTER_BYTES_MAX } from '../../limits.ts';
import { accessKeyOf, signAccessProof } from '../../manifest/access-proof.ts';
import { makeFileId, type SignedRoster } from '../../manifest/manifest.ts';
import { signRoster } from '../../manifest/roster-codec.ts';
import { digestShard } from '../../pipeline/shard.ts';
import { MemoryShardStore } from '../../storage/memory-shard-store.ts';
import { batAnswerCodec, batRequestCodec } from '../../wire/frame-codecs.ts';
import type { BatAnswer, BatRequest } from '../../wire/frames.ts';
import { ShardClient } from '../shard-client.ts';
import { ShardServer } from '../shard-server.ts';

const named = (label: string): Uint8Array => sha256(utf8Bytes(label));
const accessSeed = named('access');
const owner = keyPairFromSeed(named('owner'));
const SHARD_BYTES = 64 * KiB;

/** Shards of the owner's file, one per segment; another `content` gives the same file other bytes. */
function makeShards(file: string, count: number, content = 0, shardBytes = SHARD_BYTES, by = owner) {
  const fileNonce = named(`nonce of ${file}`);
  const fileId = makeFileId(by.publicKey, fileNonce);
  return Array.from({ length: count }, (_, segment) => {
    const bytes = new Uint8Array(shardBytes).fill(segment + content);
    const { id, leafHashes } = digestShard(bytes);
    const leaseId = named(`lease of ${file}`).slice(0, 16);
    const order = {
      fileId,
      segment,
      index: 0,
      ownerKey: by.publicKey,
      fileNonce,
      accessKey: accessKeyOf(accessSeed),
      leaseId,
      shardId: id,
      length: shardBytes,
    };
    return { order, leafHashes, bytes };
  });
}

type Shards = ReturnType<typeof makeShards>;

function makeRoster(shards: Shards, keepUntilMs = 0): SignedRoster {
  const { fileId, fileNonce, accessKey, ownerKey } = present(shards[0], 'a shard').order;
  const segments = shards.map(({ order }) => ({ shardLength: order.length, shardIds: order.shardId }));
  const scheme = { requiredShards: 1, totalShards: 1 };
  return signRoster(owner, { fileId, ownerKey, fileNonce, scheme, segments, accessKey, keepUntilMs, extensions: NO_EXTENSIONS });
}

async function inWorld(tell: (world: Awaited<ReturnType<typeof makeWorld>>) => Promise<void>): Promise<void> {
  const simulation = createSimRuntime('handlers');
  await simulation.clock.runUntilSettled(makeWorld(simulation).then(tell), { deadlineMs: 400 * day });
}

async function makeWorld(simulation: ReturnType<typeof createSimRuntime>) {
  const network = new SimNetwork(simulation);
  const { verifier } = createCrypto();
  const hostKey = keyPairFromSeed(named('host'));
  const host = network.addHost();
  const { runtime } = simulation.node('host');
  const store = new MemoryShardStore(runtime, { offerBytes: GiB });
  await store.open();
  const state = { isLeaving: false };
  const held: FileId[] = [];
  const server = new ShardServer(runtime, {
    store,
    signer: hostKey,
    verifier,
    onShardHeld: (fileId) => void held.push(fileId),
    isLeaving: () => state.isLeaving,
  });
  const budget = new CreditBudget();
  const config = { nodeId: hostKey.nodeId, networkKey: named('network'), shardBytesMax: 0, relays: false };
  const listener = new SimListener(host, hostKey);
  await listener.listen((connection) => {
    void openSession(runtime, connection, budget, { ...config, onStream: (session, stream) => server.serve(session, stream) });
  });
  const connect = async (peer: KeyPair): Promise<Session> => {
    const dialled = await new SimDialer(network.addHost(), peer).dial(host.address(listener.localAddress.port), hostKey.nodeId, {
      timeoutMs: 5000,
    });
    if (!dialled.ok) throw new Error(dialled.reason);
    const session = await openSession(runtime, dialled.value, new CreditBudget(), {
      ...config,
      nodeId: peer.nodeId,
      onStream: async () => undefined,
    });
    if (!session.ok) throw new Error(session.reason);
    return session.value;
  };
  const member = async (peer: KeyPair = owner) => {
    const session = await connect(peer);
    return { session, client: new ShardClient(runtime, session, { signer: peer, verifier }) };
  };
  return { clock: simulation.clock, runtime, store, state, held, member };
}

/** Sends a request and leaves the stream open; its first answer. */
async function begin(session: Session, request: BatRequest) {
  const stream = await session.openStream();
  await stream.sendControl(batRequestCodec.encode(request));
  const read = async (): Promise<BatAnswer> => {
    const decoded = batAnswerCodec.decode(present(await stream.next(), 'an answer').bytes);
    if (!decoded.ok) throw new Error(decoded.detail);
    return decoded.value;
  };
  return { stream, read };
}

const store = async (client: ShardClient, shards: Shards): Promise<void> => {
  for (const { order, leafHashes, bytes } of shards) expect(await client.store(order, leafHashes, bytes)).toMatchObject({ ok: true });
};

/** Straight into the store: what is told of comes afterwards. */
const keep = async (kept: MemoryShardStore, { order, leafHashes, bytes }: Shards[number]): Promise<void> => {
  const started = await kept.begin(order, leafHashes, day);
  if (!started.ok) throw new Error(started.reason);
  // Beyond 256 segments the contents begin anew.
  if (started.value.kind === 'held') return;
  await started.value.writer.write(bytes);
  await started.value.writer.commit();
};

describe('leases', () => {
  it('are provisional for a day, and full for 30 days from the COMMIT and from each renewal', () =>
    inWorld(async ({ clock, runtime, store: kept, member }) => {
      const shards = makeShards('song', 2);
      await store((await member()).client, shards);
      const { fileId } = present(shards[0], 'a shard').order;
      const leaseMs = (): number => present(kept.file(fileId), 'the file').leaseUntilMs - runtime.clock.nowMs();
      expect(leaseMs() / hour).toBeCloseTo(24, 0);
      await clock.sleep(20 * hour);
      // The session of before has gone idle and was closed.
      const { client } = await member();
      expect(await client.renew(fileId)).toMatchObject({ ok: true, value: { isCommitted: false } });
      expect(leaseMs() / hour).toBeCloseTo(24, 0);
      const committed = await client.commit(makeRoster(shards));
      expect(committed.ok && committed.value.shards.map(({ segment }) => segment)).toEqual([0, 1]);
      expect(leaseMs() / day).toBeCloseTo(30, 0);
      await clock.sleep(7 * day);
      expect(client.isOpen).toBe(false);
      expect(await (await member()).client.renew(fileId)).toMatchObject({ ok: true, value: { isCommitted: true } });
      expect(leaseMs() / day).toBeCloseTo(30, 0);
    }));

  it('COMMIT refuses a roster of another file, a false signature and a file of which nothing is held; strays go', () =>
    inWorld(async ({ store: kept, member }) => {
      const { client } = await member();
      const shards = makeShards('song', 2);
      await store(client, shards);
      const right = makeRoster(shards);
      const other = makeRoster(makeShards('other', 2));
      expect(await client.commit(other)).toMatchObject({ ok: false, reason: 'not-held' });
      const swapped = { ...right, rosterBytes: other.rosterBytes, rosterId: other.rosterId, signature: other.signature };
      expect(await client.commit(swapped)).toMatchObject({ ok: false, reason: 'bad-roster' });
      expect(await client.commit({ ...right, signature: new Uint8Array(64) })).toMatchObject({ ok: false, reason: 'bad-roster' });
      expect(kept.file(right.roster.fileId)).toMatchObject({ isCommitted: false });
      // The second segment was coded anew: its first shard is of no use to anybody.
      const changed = [present(shards[0], 'a shard'), present(makeShards('song', 2, 7)[1], 'a shard')];
      const committed = await client.commit(makeRoster(changed));
      expect(committed.ok && committed.value.shards.map(({ segment }) => segment)).toEqual([0]);
      expect(kept.usage().shardCount).toBe(1);
    }));
});

describe('a host that', () => {
  it('BN-21 holds a shard says so once all of it is durable, not before', () =>
    inWorld(async ({ clock, store: kept, held, member }) => {
      const { session } = await member();
      const { order, leafHashes, bytes } = present(makeShards('song', 1)[0], 'a shard');
      const storing = await begin(session, { verb: 'store', order, leafHashes });
      expect(await storing.read()).toMatchObject({ kind: 'accepted', offset: 0 });
      await storing.stream.sendData(bytes.subarray(0, SHARD_BYTES - 1));
      await clock.sleep(1000);
      expect(held).toEqual([]);
      expect(kept.shard(order)).toBeUndefined();
      await storing.stream.sendData(bytes.subarray(SHARD_BYTES - 1));
      expect(await storing.read()).toMatchObject({ kind: 'receipt' });
      expect(held).toEqual([order.fileId]);
      expect(kept.shard(order)).toMatchObject({ length: SHARD_BYTES });
    }));

  it(
    'has many shards of a file tells of them page by page',
    () =>
      inWorld(async ({ store: kept, member }) => {
        const shards = makeShards('long', HELD_PAGE_MAX + 5, 0, 64);
        for (let at = 0; at < shards.length; at += 200) await Promise.all(shards.slice(at, at + 200).map((shard) => keep(kept, shard)));
        const { client } = await member();
        const sizes: number[] = [];
        const segments = new Set<number>();
        for await (const page of client.have({ fileId: present(shards[0], 'a shard').order.fileId, accessSeed })) {
          if (!page.ok) throw new Error(page.reason);
          sizes.push(page.value.length);
          for (const { segment } of page.value) segments.add(segment);
        }
        expect(sizes).toEqual([HELD_PAGE_MAX, 5]);
        expect(segments.size).toBe(HELD_PAGE_MAX + 5);
      }),
    30_000,
  );

  it('T14 has many shards of a file looks them up in turns: what is asked next need not wait for all', () =>
    inWorld(async ({ clock, store: kept, member }) => {
      const shards = makeShards('long', 300, 0, 64);
      await Promise.all(shards.slice(0, 200).map((shard) => keep(kept, shard)));
      await Promise.all(shards.slice(200).map((shard) => keep(kept, shard)));
      const { client } = await member();
      const { fileId } = present(shards[0], 'a shard').order;
      const order: string[] = [];
      const pages = client.have({ fileId, accessSeed });
      await clock.sleep(100);
      const listed = pages.next().then(({ value }) => order.push(value?.ok === true ? `have ${value.value.length}` : 'failed'));
      await Promise.all([listed, client.status(1).then(({ ok }) => order.push(`status ${ok}`))]);
      expect(order).toEqual(['status true', 'have 300']);
    }));

  it('T15 receives few rosters at a time of one peer, and gives up one that does not come', () =>
    inWorld(async ({ clock, member }) => {
      const { client, session } = await member();
      const shards = makeShards('song', 1);
      await store(client, shards);
      const roster = makeRoster(shards);
      const { fileId } = roster.roster;
      await begin(session, { verb: 'commit', fileId, rosterId: roster.rosterId, rosterBytes: ROSTER_BYTES_MAX });
      await clock.sleep(1000);
      expect(await client.commit(roster)).toMatchObject({ ok: false, reason: 'busy' });
      await clock.sleep(40_000);
      expect(await client.commit(roster)).toMatchObject({ ok: true });
    }));

  it('T14 receives the roster of an owner while others send the longest ones at the slowest pace', () =>
    inWorld(async ({ clock, member }) => {
      for (const name of ['slow 1', 'slow 2', 'slow 3', 'slow 4']) {
        const slow = keyPairFromSeed(named(name));
        const { client, session } = await member(slow);
        const shards = makeShards(name, 1, 0, 64, slow);
        await store(client, shards);
        const { fileId } = present(shards[0], 'a shard').order;
        const { stream } = await begin(session, { verb: 'commit', fileId, rosterId: named(name), rosterBytes: ROSTER_BYTES_MAX });
        const drip = (): void => {
          stream.sendData(new Uint8Array(20 * KiB)).catch(() => undefined);
          clock.setTimer(4000, drip);
        };
        drip();
      }
      const { client } = await member();
      const shards = makeShards('song', 1);
      await store(client, shards);
      await clock.sleep(50_000);
      expect(await client.commit(makeRoster(shards))).toMatchObject({ ok: true });
    }));

  it('T14 is challenged builds the tree of each shard once: its leaves stand together, in any order', () =>
    inWorld(async ({ store: kept, member }) => {
      const { client, session } = await member();
      const shards = makeShards('song', 2);
      await store(client, shards);
      const { fileId } = present(shards[0], 'a shard').order;
      const { connection } = session;
      const claim = { fileId, binding: connection.binding, prover: owner.nodeId, host: connection.peer.nodeId };
      const proof = signAccessProof(accessSeed, claim);
      let lookups = 0;
      const leafHashes = kept.leafHashes.bind(kept);
      kept.leafHashes = (ref) => {
        lookups++;
        return leafHashes(ref);
      };
      const ask = async (...places: readonly [number, number][]): Promise<BatAnswer> => {
        const leaves = places.map(([segment, leaf]) => ({ segment, index: 0, leaf }));
        const { read } = await begin(session, { verb: 'challenge', fileId, proof, leaves });
        return read();
      };
      expect(await ask([0, 0], [1, 0], [0, 1])).toMatchObject({ kind: 'refused', reason: 'malformed' });
      expect(lookups).toBe(0);
      expect(await ask([1, 3], [1, 0], [0, 2], [0, 1])).toMatchObject({ kind: 'leaf', length: 16 * KiB });
    }));

  it('T13 T14 I10 has a long roster does not read it for each STORE by others', () =>
    inWorld(async ({ store: kept, held, member }) => {
      const { client } = await member();
      const shards = makeShards('song', 2, 0, 64);
      const [first, missing] = shards.map((shard) => present(shard, 'a shard'));
      await store(client, [present(first, 'the first')]);
      const { order } = present(missing, 'the other');
      const { fileId, fileNonce, accessKey, ownerKey } = order;
      const segments = Array.from({ length: 4096 }, (_, segment) => {
        const shardIds = new Uint8Array(32 * 64).fill(segment);
        shardIds.set(shards[segment]?.order.shardId ?? []);
        return { shardLength: 64, shardIds };
      });
      const scheme = { requiredShards: 1, totalShards: 64 };
      const roster = { fileId, ownerKey, fileNonce, scheme, segments, accessKey, keepUntilMs: 0, extensions: NO_EXTENSIONS };
      const signed = signRoster(owner, roster);
      expect(signed.rosterBytes.length).toBeGreaterThan(8 * MiB);
      expect(await client.commit(signed)).toMatchObject({ ok: true });

      let readBytes = 0;
      const { files } = kept.disk;
      const open = files.open.bind(files);
      files.open = async (path, how) => {
        const file = await open(path, how);
        const read = file.read.bind(file);
        file.read = (target, position) => {
          if (path.includes('rosters')) readBytes += target.length;
          return read(target, position);
        };
        return file;
      };
      const { leafHashes, bytes } = present(missing, 'the other');
      for (const name of ['eve', 'mallory']) {
        const { client: stranger } = await member(keyPairFromSeed(named(name)));
        const tries = Array.from({ length: 16 }, () => stranger.store({ ...order, segment: 7 }, leafHashes, bytes));
        for (const tried of await Promise.all(tries)) expect(tried).toMatchObject({ ok: false, reason: 'not-owner' });
        expect(await stranger.store(order, [named('other')], bytes)).toMatchObject({ ok: false, reason: 'bad-bytes' });
      }
      expect(readBytes).toBeLessThan(MiB);
      expect(held).toHaveLength(1);
      const { session } = await member(keyPairFromSeed(named('friend')));
      const storing = await begin(session, { verb: 'store', order, leafHashes });
      expect(await storing.read()).toMatchObject({ kind: 'accepted' });
      await storing.stream.sendData(bytes);
      expect(await storing.read()).toMatchObject({ kind: 'receipt' });
      expect(kept.shard(order)).toMatchObject({ length: 64 });
    }));

  it('leaves takes no new shard and says that it has no room, but serves what it has', () =>
    inWorld(async ({ state, member }) => {
      const { client } = await member();
      const [first, second_] = makeShards('song', 2);
      await store(client, [present(first, 'a shard')]);
      state.isLeaving = true;
      expect(await client.status(MiB)).toMatchObject({ ok: true, value: { roomBytes: 0, isLeaving: true } });
      const { order, leafHashes, bytes } = present(second_, 'a shard');
      expect(await client.store(order, leafHashes, bytes)).toMatchObject({ ok: false, reason: 'leaving' });
      const { fileId, shardId } = present(first, 'a shard').order;
      const target = { fileId, accessSeed, segment: 0, index: 0, shardId, shardBytes: SHARD_BYTES };
      expect(await client.fetch({ ...target, into: new Uint8Array(SHARD_BYTES) })).toMatchObject({ ok: true });
    }));

  it('SH-04 leaves signs for no shard that was on its way when it began to leave, and keeps none', () =>
    inWorld(async ({ state, member, store: kept, held }) => {
      const { session, client } = await member();
      const [first, second_] = makeShards('song', 2);
      await store(client, [present(first, 'a shard')]);
      const { order, leafHashes, bytes } = present(second_, 'a shard');
      const storing = await begin(session, { verb: 'store', order, leafHashes });
      expect(await storing.read()).toMatchObject({ kind: 'accepted' });
      state.isLeaving = true;
      await storing.stream.sendData(bytes);
      await storing.stream.end();
      expect(await storing.read()).toMatchObject({ kind: 'refused', reason: 'leaving' });
      expect(kept.shard(order)).toBeUndefined();
      expect(kept.usage().shardCount).toBe(1);
      expect(held).toHaveLength(1);
    }));
});
