// The bat wire between real ends: TLS, WebSockets, durable stores, on loopback.
import { once } from 'node:events';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatSession } from '@batchain/bat-node';
import { createCrypto, equalBytes, KiB, MiB, present } from '@batchain/shared';
import { afterEach, describe, expect, it } from 'vitest';
import { signAccessProof } from '../../packages/bat-node/src/manifest/access-proof.ts';
import type { ShardClient } from '../../packages/bat-node/src/transfer/shard-client.ts';
import { batAnswerCodec, batRequestCodec } from '../../packages/bat-node/src/wire/frame-codecs.ts';
import type { BatAnswer, BatRequest } from '../../packages/bat-node/src/wire/frames.ts';
import { openStatement } from '../../packages/bat-node/src/wire/receipt.ts';
import { makeWireFile, openWireHost, targetOf, type WireFile, type WireHost, type WireHostOptions } from '../support/wire-host.ts';

const DAY_MS = 86_400_000;
const { verifier } = createCrypto();
const open_: WireHost[] = [];

async function host(name: string, options: WireHostOptions = {}): Promise<WireHost> {
  const opened = await openWireHost(name, options);
  open_.push(opened);
  return opened;
}

afterEach(async () => {
  await Promise.all(open_.splice(0).map((each) => each.close()));
});

async function storeAll(client: ShardClient, file: WireFile): Promise<void> {
  for (const { order, leafHashes, bytes } of file.shards) expect(await client.store(order, leafHashes, bytes)).toMatchObject({ ok: true });
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** One request by hand: its first answer, and what is left of the stream. */
async function ask(session: BatSession, request: BatRequest) {
  const stream = await session.openStream();
  await stream.sendControl(batRequestCodec.encode(request));
  const answer = async (): Promise<BatAnswer> => {
    const item = present(await stream.next({ timeoutMs: 5000 }), 'an answer');
    const decoded = batAnswerCodec.decode(item.bytes);
    if (!decoded.ok) throw new Error(decoded.detail);
    return decoded.value;
  };
  return { stream, first: await answer(), answer };
}

describe('storing and reading back', () => {
  it('BN-06 BN-18 DF-02 DF-09 a shard goes to the host byte for byte, and comes back', async () => {
    const [ana, ben] = [await host('ana'), await host('ben')];
    const file = makeWireFile(ana.keyPair, 'song', [3 * MiB + 128, 3 * MiB + 128, 3 * MiB + 128, 64]);
    const client = await ana.client(ben);
    expect(await client.status(MiB)).toMatchObject({ ok: true, value: { offerBytes: 1024 * MiB, usedBytes: 0, isLeaving: false } });
    const progress: number[] = [];
    for (const { order, leafHashes, bytes } of file.shards) {
      const receipt = await client.store(order, leafHashes, bytes, { onProgress: (done) => progress.push(done) });
      if (!receipt.ok) throw new Error(`${receipt.reason} ${receipt.detail}`);
      const { leaseUntilMs, shards, isCommitted } = receipt.value;
      expect(shards).toEqual([{ segment: order.segment, index: 0, shardId: order.shardId, length: order.length, isDamaged: false }]);
      expect(isCommitted).toBe(false);
      expect(leaseUntilMs - Date.now()).toBeGreaterThan(0.9 * DAY_MS);
      expect(leaseUntilMs - Date.now()).toBeLessThan(1.1 * DAY_MS);
    }
    expect(progress.at(-1)).toBe(64);
    expect(progress).toContain(3 * MiB + 128);
    expect(ben.heldFiles.some((id) => equalBytes(id, file.fileId))).toBe(true);

    const committed = await client.commit(file.signed);
    if (!committed.ok) throw new Error(`${committed.reason} ${committed.detail}`);
    expect(committed.value.shards).toHaveLength(4);
    expect(committed.value.leaseUntilMs - Date.now()).toBeGreaterThan(29 * DAY_MS);

    for (const [segment, { bytes, order }] of file.shards.entries()) {
      const into = new Uint8Array(order.length);
      const right: number[] = [];
      expect(await client.fetch({ ...targetOf(file, segment), into }, { onProgress: (done) => right.push(done) })).toEqual({
        ok: true,
        value: order.length,
      });
      expect(equalBytes(into, bytes)).toBe(true);
      expect(right.at(-1)).toBe(order.length);
    }
    const range = new Uint8Array(3 * MiB + 128);
    const asked = { ...targetOf(file, 2), into: range, offset: 16 * KiB, end: 48 * KiB };
    expect(await client.fetch(asked)).toEqual({ ok: true, value: 48 * KiB });
    const [from, to] = [16 * KiB, 48 * KiB];
    expect(equalBytes(range.subarray(from, to), present(file.shards[2], 'a shard').bytes.subarray(from, to))).toBe(true);
    expect(range.every((byte, at) => byte === 0 || (at >= from && at < to))).toBe(true);
    const leaves = [0, 2, 192];
    expect(await client.challenge(file, targetOf(file, 1), leaves)).toEqual({ ok: true, value: 2 * 16 * KiB + 128 });
    const pages = await collect(client.have(file));
    expect(pages.flatMap((page): unknown[] => (page.ok ? page.value.map((held) => held.segment) : [page.reason]))).toEqual([0, 1, 2, 3]);

    expect(await client.renew(file.fileId)).toMatchObject({ ok: true, value: { isCommitted: true } });
    expect(
      await client.release(file.fileId, [
        [0, 0],
        [1, 0],
      ]),
    ).toEqual({ ok: true, value: 2 });
    expect(await client.release(file.fileId, null)).toEqual({ ok: true, value: 2 });
    expect(ben.store.usage().usedBytes).toBe(0);
  });

  it('an interrupted store goes on where it stopped, and so does an interrupted fetch', async () => {
    const [ana, ben] = [await host('ana'), await host('ben')];
    const file = makeWireFile(ana.keyPair, 'film', [24 * MiB]);
    const [shard] = file.shards;
    const { order, leafHashes, bytes } = present(shard, 'a shard');
    const client = await ana.client(ben);
    const abort = new AbortController();
    const cut = await client.store(order, leafHashes, bytes, {
      signal: abort.signal,
      onProgress: (done) => done > 12 * MiB && abort.abort(),
    });
    expect(cut).toMatchObject({ ok: false, reason: 'aborted' });
    let started: number | undefined;
    const onProgress = (done: number): void => {
      started ??= done;
    };
    let stored = await client.store(order, leafHashes, bytes, { onProgress });
    // The host may still be busy with what was cut off.
    while (!stored.ok && stored.reason === 'busy') stored = await client.store(order, leafHashes, bytes, { onProgress });
    expect(stored).toMatchObject({ ok: true });
    expect(started).toBeGreaterThan(4 * MiB);

    const into = new Uint8Array(bytes.length);
    const abortFetch = new AbortController();
    let right = 0;
    const fetched = await client.fetch(
      { ...targetOf(file), into },
      {
        signal: abortFetch.signal,
        onProgress: (done) => {
          right = done;
          if (done > 6 * MiB) abortFetch.abort();
        },
      },
    );
    expect(fetched).toMatchObject({ ok: false, reason: 'aborted' });
    expect(equalBytes(into.subarray(0, right), bytes.subarray(0, right))).toBe(true);
    expect(await client.fetch({ ...targetOf(file), into, offset: right }, {})).toEqual({ ok: true, value: bytes.length });
    expect(equalBytes(into, bytes)).toBe(true);
  });

  it('BN-22 refuses before a byte is sent when the offer is full', async () => {
    const [ana, ben] = [await host('ana'), await host('ben', { offerBytes: 1 * MiB })];
    const file = makeWireFile(ana.keyPair, 'large', [2 * MiB]);
    const { order, leafHashes, bytes } = present(file.shards[0], 'a shard');
    const sent: number[] = [];
    const client = await ana.client(ben);
    const refused = await client.store(order, leafHashes, bytes, { onProgress: (done) => sent.push(done) });
    expect(refused).toMatchObject({ ok: false, reason: 'no-room' });
    expect(sent).toEqual([]);
    const status = await client.status(0);
    expect(status.ok && status.value.roomBytes).toBeLessThanOrEqual(1 * MiB);
  });

  it('BN-19 BN-23 whoever dialled, the owner stores; dialling at once, each shard is sent once', async () => {
    const [ana, ben] = [await host('ana'), await host('ben')];
    const file = makeWireFile(ana.keyPair, 'letter', [512 * KiB]);
    const [ours, theirs] = await Promise.all([ana.client(ben), ben.session(ana)]);
    await storeAll(ours, file);
    expect(theirs.connection.peer.nodeId).toEqual(ana.keyPair.nodeId);
    expect(ben.store.usage()).toMatchObject({ shardCount: 1 });
    expect(ben.heldFiles).toHaveLength(1);
    // Both ends keep the same one of the two connections.
    const bindings = [ana, ben].map((each) => each.pool.sessions().map(({ session }) => session.connection.binding));
    expect(bindings[0]).toHaveLength(1);
    expect(bindings[0]).toEqual(bindings[1]);

    const [cleo, dan] = [await host('cleo'), await host('dan')];
    await dan.session(cleo);
    const other = makeWireFile(cleo.keyPair, 'card', [64 * KiB]);
    await storeAll(await cleo.client(dan), other);
    expect(cleo.pool.sessions()[0]?.session.connection.isInitiator).toBe(false);
    expect(dan.store.usage().shardCount).toBe(1);
  });

  it('DF-19 a stalled reader holds up nobody else on the same connection', async () => {
    const [ana, ben] = [await host('ana'), await host('ben')];
    const file = makeWireFile(ana.keyPair, 'two films', [8 * MiB, 8 * MiB]);
    const client = await ana.client(ben);
    await storeAll(client, file);
    const session = await ana.session(ben);
    const stalled = await ask(session, fetchRequest(ana, ben, session, file, 0));
    expect(stalled.first.kind).toBe('serving');
    const into = new Uint8Array(8 * MiB);
    expect(await client.fetch({ ...targetOf(file, 1), into })).toMatchObject({ ok: true });
    expect(equalBytes(into, present(file.shards[1], 'a shard').bytes)).toBe(true);
    stalled.stream.reset('aborted');
  });
});

function fetchRequest(asker: WireHost, at: WireHost, session: BatSession, file: WireFile, segment: number): BatRequest {
  const claim = { fileId: file.fileId, binding: session.connection.binding, prover: asker.keyPair.nodeId, host: at.keyPair.nodeId };
  const { order } = present(file.shards[segment], 'a shard');
  return {
    verb: 'fetch',
    fileId: file.fileId,
    proof: signAccessProof(file.accessSeed, claim),
    segment,
    index: 0,
    offset: 0,
    length: order.length,
  };
}

describe('who may do what', () => {
  it('two owners and a stranger at one host: nobody reads, renews, commits, releases or overwrites what is not theirs', async () => {
    const [ana, ben, eve, hub] = [await host('ana'), await host('ben'), await host('eve'), await host('hub')];
    const files = [makeWireFile(ana.keyPair, 'of ana', [64 * KiB]), makeWireFile(ben.keyPair, 'of ben', [64 * KiB])];
    const clients = [await ana.client(hub), await ben.client(hub)];
    for (const [i, file] of files.entries()) {
      const client = present(clients[i], 'a client');
      await storeAll(client, file);
      expect(await client.commit(file.signed)).toMatchObject({ ok: true });
    }
    const usedBytes = hub.store.usage().usedBytes;
    const others = [
      { client: present(clients[1], 'ben'), file: present(files[0], 'of ana') },
      { client: present(clients[0], 'ana'), file: present(files[1], 'of ben') },
      { client: await eve.client(hub), file: present(files[0], 'of ana') },
      { client: await eve.client(hub), file: present(files[1], 'of ben') },
    ];
    for (const { client, file } of others) {
      // The stranger knows every id and address, but not the access key.
      const guess = { ...targetOf(file), accessSeed: new Uint8Array(32).fill(9) };
      const into = new Uint8Array(64 * KiB);
      expect(await client.fetch({ ...guess, into })).toMatchObject({ ok: false, reason: 'refused' });
      expect(into.every((byte) => byte === 0)).toBe(true);
      expect(await client.challenge(guess, guess, [0])).toMatchObject({ ok: false, reason: 'refused' });
      expect(await collect(client.have(guess))).toMatchObject([{ ok: false, reason: 'refused' }]);
      expect(await client.renew(file.fileId)).toMatchObject({ ok: false, reason: 'not-owner' });
      expect(await client.commit(file.signed)).toMatchObject({ ok: false, reason: 'not-owner' });
      expect(await client.release(file.fileId, null)).toMatchObject({ ok: false, reason: 'not-owner' });
      // A place of somebody else's file takes no other shard, whoever claims to own it.
      const forged = makeWireFile(file.owner, 'forged', [32 * KiB]);
      const { order, leafHashes, bytes } = present(forged.shards[0], 'a shard');
      const asOwner = { ...order, fileId: file.fileId, fileNonce: present(file.shards[0], 'a shard').order.fileNonce };
      expect(await client.store(asOwner, leafHashes, bytes)).toMatchObject({ ok: false, reason: 'not-owner' });
      expect(await client.store({ ...order, fileId: file.fileId }, leafHashes, bytes)).toMatchObject({
        ok: false,
        reason: 'wrong-file-id',
      });
    }
    expect(hub.store.usage().usedBytes).toBe(usedBytes);
    for (const [i, file] of files.entries()) {
      const into = new Uint8Array(64 * KiB);
      expect(await present(clients[i], 'a client').fetch({ ...targetOf(file), into })).toMatchObject({ ok: true });
    }
  });

  it('a repairer without the owner’s key may restore a shard that the committed roster names, and no other', async () => {
    const [ana, rep, hub] = [await host('ana'), await host('rep'), await host('hub')];
    const file = makeWireFile(ana.keyPair, 'to repair', [64 * KiB, 64 * KiB]);
    const owner = await ana.client(hub);
    await storeAll(owner, file);
    await owner.commit(file.signed);
    await owner.release(file.fileId, [[1, 0]]);
    const session = await rep.session(hub);
    const store = async (from: WireFile, segment: number): Promise<BatAnswer> => {
      const { order, leafHashes } = present(from.shards[segment], 'a shard');
      const asked = await ask(session, { verb: 'store', order: { ...order, fileId: file.fileId }, leafHashes });
      asked.stream.reset('enough');
      return asked.first;
    };
    expect(await store(file, 1)).toMatchObject({ kind: 'accepted', offset: 0 });
    const lookalike = makeWireFile(ana.keyPair, 'to repair', [64 * KiB, 64 * KiB], 'other bytes');
    expect(await store(lookalike, 1)).toMatchObject({ kind: 'refused', reason: 'not-owner' });
  });

  it('a proof of access is good on its own connection, for its own prover and host only', async () => {
    const [ana, hub, other] = [await host('ana'), await host('hub'), await host('other')];
    const file = makeWireFile(ana.keyPair, 'secret', [64 * KiB]);
    await storeAll(await ana.client(hub), file);
    const session = await ana.session(hub);
    const request = fetchRequest(ana, hub, session, file, 0);
    expect((await ask(session, request)).first.kind).toBe('serving');
    session.close('over');
    await session.closed;
    const again = await ana.session(hub);
    expect((await ask(again, request)).first).toMatchObject({ kind: 'refused', reason: 'refused' });
    // The host passes the proof on to a host that it knows to hold the file.
    await storeAll(await ana.client(other), file);
    const viaHub = await hub.session(other);
    expect((await ask(viaHub, fetchRequest(ana, hub, again, file, 0))).first).toMatchObject({ kind: 'refused', reason: 'refused' });
  });

  it('BD-59 who lacks the key of the network gets no session', async () => {
    const [ana, hub] = [await host('ana', { networkKey: new Uint8Array(32) }), await host('hub')];
    await expect(ana.session(hub)).rejects.toThrow('wrong-network');
    expect(hub.pool.sessions()).toEqual([]);
  });
});

describe('wrong bytes', () => {
  it('are refused by the host: a flipped bit, too few, too many, another shard’s, leaf hashes of something else', async () => {
    const [ana, hub] = [await host('ana'), await host('hub')];
    const file = makeWireFile(ana.keyPair, 'right', [256 * KiB, 256 * KiB]);
    const { order, leafHashes, bytes } = present(file.shards[0], 'a shard');
    const session = await ana.session(hub);
    const send = async (data: Uint8Array, ends = true): Promise<BatAnswer> => {
      const asked = await ask(session, { verb: 'store', order, leafHashes });
      expect(asked.first).toMatchObject({ kind: 'accepted' });
      const offset = asked.first.kind === 'accepted' ? asked.first.offset : 0;
      const sending = asked.stream.sendData(data.subarray(offset)).then(() => (ends ? asked.stream.end() : undefined));
      const answer = await asked.answer();
      await sending.catch(() => undefined);
      asked.stream.reset('enough');
      return answer;
    };
    const flipped = bytes.slice();
    flipped[200_000] = (flipped[200_000] as number) ^ 1;
    expect(await send(flipped)).toMatchObject({ kind: 'refused', reason: 'bad-bytes' });
    expect(await send(bytes.subarray(0, 250_000))).toMatchObject({ kind: 'refused', reason: 'incomplete' });
    expect(await send(new Uint8Array([...bytes, 0]))).toMatchObject({ kind: 'refused', reason: 'bad-bytes' });
    expect(await send(present(file.shards[1], 'a shard').bytes)).toMatchObject({ kind: 'refused', reason: 'bad-bytes' });
    const wrongHashes = await ask(session, { verb: 'store', order, leafHashes: leafHashes.slice().reverse() });
    expect(wrongHashes.first).toMatchObject({ kind: 'refused', reason: 'bad-bytes' });
    expect(hub.store.usage()).toMatchObject({ usedBytes: 0, shardCount: 0 });
    expect(await send(bytes)).toMatchObject({ kind: 'receipt' });
    expect(hub.store.usage()).toMatchObject({ shardCount: 1 });
  });

  it('from a host are noticed at the leaf, and blamed on it', async () => {
    const file = makeWireFile((await host('ana')).keyPair, 'served', [256 * KiB, 256 * KiB]);
    const [shard, other] = [present(file.shards[0], 'a shard'), present(file.shards[1], 'a shard')];
    const lies: Record<
      string,
      { data?: Uint8Array; leafHashes?: readonly Uint8Array[]; shardBytes?: number; reason: string; detail?: string }
    > = {
      'a flipped bit': { data: flip(shard.bytes, 100_000), reason: 'bad-bytes', detail: 'leaf 6' },
      'too few bytes': { data: shard.bytes.subarray(0, 200_000), reason: 'bad-bytes', detail: 'only 200000 of 262144 bytes came' },
      'too many bytes': { data: new Uint8Array([...shard.bytes, 1]), reason: 'bad-bytes' },
      'another shard': { data: other.bytes, reason: 'bad-bytes', detail: 'leaf 0' },
      'another shard with its own hashes': { data: other.bytes, leafHashes: other.leafHashes, reason: 'bad-bytes' },
      'another length': { shardBytes: 128 * KiB, reason: 'bad-bytes' },
    };
    for (const [lie, told] of Object.entries(lies)) {
      const { leafHashes = shard.leafHashes, data = shard.bytes, shardBytes = shard.order.length } = told;
      const [ana, liar] = [
        await host(`ana ${lie}`),
        await host(`liar ${lie}`, {
          onStream: async (_session, stream) => {
            await stream.next();
            await stream.sendControl(batAnswerCodec.encode({ kind: 'serving', shardBytes, offset: 0, length: shardBytes, leafHashes }));
            await stream.sendData(data);
          },
        }),
      ];
      const into = new Uint8Array(256 * KiB);
      let right = 0;
      const client = await ana.client(liar);
      const fetched = await client.fetch({ ...targetOf(file), into }, { onProgress: (done) => (right = done) });
      if (lie === 'too many bytes') expect(fetched.ok || fetched.reason === told.reason, lie).toBe(true);
      else expect(fetched, lie).toMatchObject({ ok: false, reason: told.reason, ...(told.detail && { detail: told.detail }) });
      expect(equalBytes(into.subarray(0, right), shard.bytes.subarray(0, right)), lie).toBe(true);
    }
  });

  it('on the host’s own disk are found when read: it says so, signed, and takes the shard anew', async () => {
    const [ana, hub] = [await host('ana'), await host('hub')];
    const file = makeWireFile(ana.keyPair, 'rots', [256 * KiB]);
    const client = await ana.client(hub);
    await storeAll(client, file);
    await flipOnDisk(hub.hostedPath, 150_000);
    const statements: { statement: Uint8Array; signature: Uint8Array }[] = [];
    const options = { onStatement: (signed: { statement: Uint8Array; signature: Uint8Array }) => statements.push(signed) };
    const into = new Uint8Array(256 * KiB);
    expect(await client.fetch({ ...targetOf(file), into }, options)).toMatchObject({ ok: false, reason: 'damaged' });
    expect(await client.challenge(file, targetOf(file), [0], options)).toMatchObject({ ok: false, reason: 'damaged' });
    expect(statements).toHaveLength(2);
    for (const { statement, signature } of statements) {
      expect(openStatement(verifier, statement, signature)).toMatchObject({
        ok: true,
        value: { state: 'damaged', segment: 0, hostKey: hub.keyPair.publicKey },
      });
    }
    expect(await collect(client.have(file))).toMatchObject([{ ok: true, value: [{ isDamaged: true }] }]);
    const absent = { ...targetOf(file), index: 5 };
    expect(await client.challenge(file, absent, [0], options)).toMatchObject({ ok: false, reason: 'not-held' });
    await storeAll(client, file);
    expect(await client.fetch({ ...targetOf(file), into })).toMatchObject({ ok: true });
  });
});

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

/** Flips one bit of the only shard that lies in the folder. */
async function flipOnDisk(folder: string, at: number): Promise<void> {
  const names = await readdir(folder, { recursive: true });
  const shard = present(
    names.find((name) => /^[0-9a-f]{2}.[0-9a-f]{64}$/.test(name)),
    'a shard file',
  );
  const file = await open(join(folder, shard), 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = (byte[0] as number) ^ 1;
  await file.write(byte, 0, 1, at);
  await file.close();
}

describe('requests that are none', () => {
  it('are answered with a reason, and the session goes on', async () => {
    const [ana, hub] = [await host('ana'), await host('hub')];
    const session = await ana.session(hub);
    const raw = async (bytes: Uint8Array): Promise<BatAnswer> => {
      const stream = await session.openStream();
      await stream.sendControl(bytes);
      const decoded = batAnswerCodec.decode(present(await stream.next(), 'an answer').bytes);
      if (!decoded.ok) throw new Error(decoded.detail);
      return decoded.value;
    };
    const valid = batRequestCodec.encode({ verb: 'status', needBytes: 0 });
    expect(await raw(Uint8Array.of(0xff))).toMatchObject({ kind: 'refused', reason: 'malformed' });
    expect(await raw(Uint8Array.of(0x83, 0x18, 99, 0x80, 0xa0))).toMatchObject({ kind: 'refused', reason: 'unsupported-verb' });
    expect(await raw(Uint8Array.from([...valid.subarray(0, -1), 0xa1, 0x02, 0x40]))).toMatchObject({ reason: 'unsupported-extension' });
    expect(await raw(Uint8Array.from([...valid.subarray(0, -1), 0xa1, 0x03, 0x40]))).toMatchObject({ kind: 'status' });
    expect(await raw(valid)).toMatchObject({ kind: 'status' });
    const noControl = await session.openStream();
    await noControl.sendControl(valid);
    await once(AbortSignal.timeout(50), 'abort');
    expect(session.isUsable).toBe(true);
  });
});
