// A relay between real ends: TLS in streams in TLS, over sockets on loopback. The two ends talk to nobody but the relay.
import { type BatSession, type BatStream, RelayService, ShardServer, WsListener } from '@batchain/bat-node';
import { createCrypto, equalBytes, GiB, KiB, keyPairFromSeed, MiB, present } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';
import { StreamDuplex } from '../../packages/bat-node/src/connection/stream-duplex.ts';
import { MemoryShardStore } from '../../packages/bat-node/src/storage/memory-shard-store.ts';
import { batAnswerCodec } from '../../packages/bat-node/src/wire/frame-codecs.ts';
import type { BatAnswer } from '../../packages/bat-node/src/wire/frames.ts';
import { connectThrough, joinThrough, tapped } from '../support/relayed.ts';
import { bytesNamed } from '../support/stored-shards.ts';
import { makeWireFile, openWireHost, targetOf, type WireFile, type WireHost, type WireHostOptions } from '../support/wire-host.ts';
import { spawnWirePeer } from '../support/wire-peer.ts';

const { verifier } = createCrypto();
const cleanUps: (() => unknown)[] = [];

async function host(name: string, options: WireHostOptions = {}): Promise<WireHost> {
  const opened = await openWireHost(name, options);
  cleanUps.push(() => opened.close());
  return opened;
}

afterEach(async () => {
  await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
});

const firstShard = (file: WireFile) => present(file.shards[0], 'a shard');

/** A relay whose owner looks at, and may change, all that it carries. */
async function tappedRelay(change: (bytes: Uint8Array) => Uint8Array): Promise<WireHost> {
  const runtime = createSystemRuntime();
  const signer = keyPairFromSeed(bytesNamed('seed of relay', 32));
  const store = new MemoryShardStore(runtime, { offerBytes: 0 });
  await store.open();
  const relay = new RelayService(runtime);
  const server = new ShardServer(runtime, { store, signer, verifier, onShardHeld: () => undefined, isLeaving: () => false, relay });
  return host('relay', { relay: {}, onStream: (session, stream) => server.serve(session, tapped(stream, change)) });
}

function contains(haystack: Uint8Array, needle: Uint8Array): boolean {
  return Buffer.from(haystack).includes(Buffer.from(needle));
}

describe('two nodes that reach nothing but a relay', () => {
  it('store and fetch through it; its limits are told in advance, and it counts what it carries', async () => {
    const [relay, ana, ben] = [await host('relay', { relay: {} }), await host('ana'), await host('ben')];
    const { client, near, far, terms } = await connectThrough(relay, ana, ben);
    expect((await ana.session(relay)).hello.relays).toBe(true);
    expect([near.connection, far]).toMatchObject([
      { path: 'relayed', isInitiator: true, peer: { nodeId: ben.keyPair.nodeId }, remoteAddress: undefined },
      { path: 'relayed', isInitiator: false, peer: { nodeId: ana.keyPair.nodeId }, remoteAddress: undefined },
    ]);
    expect(equalBytes(near.connection.binding, far.binding)).toBe(true);
    expect(terms).toHaveLength(2);
    expect(terms[0]).toMatchObject({ bytesMax: GiB, bytesLeftToday: 20 * GiB });

    const file = makeWireFile(ana.keyPair, 'song', [24 * MiB]);
    const { order, leafHashes, bytes } = firstShard(file);
    expect(await client.store(order, leafHashes, bytes)).toMatchObject({ ok: true });
    const into = new Uint8Array(bytes.length);
    expect(await client.fetch({ ...targetOf(file), into })).toMatchObject({ ok: true });
    expect(equalBytes(into, bytes)).toBe(true);
    expect(await client.commit(file.signed)).toMatchObject({ ok: true });

    const usage = present(relay.relay, 'a relay').usage();
    expect(usage).toMatchObject({ openCircuits: 1, waitingCircuits: 0, circuitsTotal: 1 });
    expect(usage.bytesToday).toBeGreaterThan(48 * MiB);
    expect(usage.bytesToday).toBeLessThan(50 * MiB);
    near.close('done');
    expect(await far.closed).toMatchObject({ reason: 'remote' });
    await expect.poll(() => present(relay.relay, 'a relay').usage().openCircuits, { timeout: 20_000 }).toBe(0);
  });

  it('show it nothing but ciphertext', async () => {
    let seenBytes = 0;
    let isSeen = false;
    const shard = firstShard(makeWireFile(keyPairFromSeed(bytesNamed('seed of ana', 32)), 'diary', [2 * MiB]));
    const relay = await tappedRelay((bytes) => {
      seenBytes += bytes.length;
      isSeen ||= [0, 64 * KiB, MiB].some((at) => contains(bytes, shard.bytes.subarray(at, at + 16)));
      return bytes;
    });
    const [ana, ben] = [await host('ana'), await host('ben')];
    const { client } = await connectThrough(relay, ana, ben);
    expect(await client.store(shard.order, shard.leafHashes, shard.bytes)).toMatchObject({ ok: true });
    expect(seenBytes).toBeGreaterThan(2 * MiB);
    expect(isSeen).toBe(false);
  });

  it('have many circuits beside one another', async () => {
    const relay = await host('relay', { relay: {} });
    const [ana, ben, cleo] = [await host('ana'), await host('ben'), await host('cleo')];
    const pairs = await Promise.all([
      connectThrough(relay, ana, ben, 1),
      connectThrough(relay, ben, cleo, 1),
      connectThrough(relay, cleo, ana, 2),
    ]);
    const owners = [ana, ben, cleo];
    const stored = await Promise.all(
      pairs.map(({ client }, at) => {
        const { order, leafHashes, bytes } = firstShard(makeWireFile(present(owners[at], 'an owner').keyPair, `file ${at}`, [4 * MiB]));
        return client.store(order, leafHashes, bytes);
      }),
    );
    expect(stored.map(({ ok }) => ok)).toEqual([true, true, true]);
    expect(present(relay.relay, 'a relay').usage().circuitsTotal).toBe(3);
  });
});

describe('a malicious relay', () => {
  it('that alters a byte, wherever it is, gets no wrong data through: the connection fails or ends', async () => {
    const [ana, ben] = [await host('ana'), await host('ben')];
    let passedBytes = 0;
    let bentAt = Number.POSITIVE_INFINITY;
    const relay = await tappedRelay((bytes) => {
      const at = bentAt - passedBytes;
      passedBytes += bytes.length;
      if (at < 0 || at >= bytes.length) return bytes;
      const bent = bytes.slice();
      bent[at] = (bent[at] as number) ^ 1;
      return bent;
    });
    const outcomes = { failed: 0, ended: 0, unharmed: 0 };
    // From the first bytes of the handshake to the middle of the data.
    const places = [0, 7, 60, 500, 1200, 1900, 2600, 4000, 9000, 100_000, 700_000, 1_500_000];
    for (const [round, place] of places.entries()) {
      passedBytes = 0;
      bentAt = place;
      const opened = await connectThrough(relay, ana, ben, round, 5000).catch(() => undefined);
      if (opened === undefined) {
        outcomes.failed += 1;
        continue;
      }
      const file = makeWireFile(ana.keyPair, `round ${round}`, [2 * MiB]);
      const { order, leafHashes, bytes } = firstShard(file);
      const stored = await opened.client.store(order, leafHashes, bytes);
      if (stored.ok) outcomes.unharmed += 1;
      else outcomes.ended += 1;
      expect(stored).toMatchObject({ ok: false, reason: 'closed' });
      expect([...ben.store.shards(file.fileId, { max: 10 })]).toEqual([]);
      await opened.far.closed;
    }
    process.stdout.write(`a relay that alters a byte: ${JSON.stringify(outcomes)}\n`);
    expect(outcomes.unharmed).toBe(0);
    expect(outcomes.failed + outcomes.ended).toBe(places.length);
    expect(outcomes.ended).toBeGreaterThan(0);
    expect(ben.heldFiles).toEqual([]);
  });

  it('that answers in the place of the other node is told from it by its key', async () => {
    const runtime = createSystemRuntime();
    const [ana, ben] = [await host('ana'), await host('ben')];
    const eve = keyPairFromSeed(bytesNamed('seed of relay', 32));
    const listener = new WsListener(runtime, eve, { host: '127.0.0.1', port: 0 });
    const relay = await host('relay', {
      onStream: async (_session: BatSession, stream: BatStream) => {
        await stream.next();
        await stream.sendControl(batAnswerCodec.encode({ kind: 'relay-ready', bytesMax: 1, bytesLeftToday: 1, msMax: 1 }));
        await stream.sendControl(batAnswerCodec.encode({ kind: 'relay-open' }));
        const facts = { expected: ana.keyPair.nodeId, path: 'relayed', remoteAddress: undefined } as const;
        const opened = await listener.acceptOver(new StreamDuplex(stream), facts, { timeoutMs: 5000 });
        if (opened.ok) await opened.value.closed;
      },
    });
    const options = { timeoutMs: 5000 };
    const joined = await ana.relayClient.join(await ana.session(relay), new Uint8Array(16), ben.keyPair.nodeId, 'caller', options);
    expect(joined).toMatchObject({ ok: false, reason: 'wrong-identity' });
  });
});

describe('what a relay answers', () => {
  const READY: BatAnswer = { kind: 'relay-ready', bytesMax: GiB, bytesLeftToday: GiB, msMax: 1000 };
  const OPEN: BatAnswer = { kind: 'relay-open' };
  const cases: readonly [string, readonly (BatAnswer | 'data' | 'end')[], object][] = [
    [
      'the other does not come',
      [READY, { kind: 'refused', reason: 'no-counterpart', detail: 'it is late' }],
      { reason: 'unreachable', detail: 'no-counterpart: it is late' },
    ],
    ['all is taken', [{ kind: 'refused', reason: 'relay-full', detail: '' }], { reason: 'refused', detail: 'relay-full' }],
    ['another kind', [{ kind: 'accepted', offset: 0 }], { reason: 'error' }],
    ['open before ready', [OPEN], { reason: 'error' }],
    ['data before open', [READY, 'data'], { reason: 'error' }],
    ['the end before open', [READY, 'end'], { reason: 'error' }],
    ['data that is no TLS', [READY, OPEN, 'data'], { ok: false }],
    ['a control frame inside the connection', [READY, OPEN, READY], { reason: 'error' }],
    ['the end inside the handshake', [READY, OPEN, 'end'], { ok: false }],
  ];

  it.each(cases)('is told as a failure: %s', async (_name, answers, failure) => {
    const relay = await host('relay', {
      onStream: async (_session, stream) => {
        await stream.next();
        for (const answer of answers) {
          if (answer === 'end') await stream.end();
          else if (answer === 'data') await stream.sendData(new Uint8Array(100));
          else await stream.sendControl(batAnswerCodec.encode(answer));
        }
        while ((await stream.next()) !== undefined);
      },
    });
    const ana = await host('ana');
    const peer = keyPairFromSeed(bytesNamed('seed of ben', 32)).nodeId;
    for (const role of ['caller', 'called'] as const) {
      const joined = await ana.relayClient.join(await ana.session(relay), new Uint8Array(16), peer, role, { timeoutMs: 5000 });
      expect(joined).toMatchObject({ ok: false, ...failure });
    }
  });
});

describe('what a relay refuses, and why a circuit ends', () => {
  it('is said to both ends: the bytes of a circuit, the bytes of a day', async () => {
    const relay = await host('relay', { relay: { bytesPerCircuit: 4 * MiB, bytesPerDay: 7 * MiB } });
    const [ana, ben] = [await host('ana'), await host('ben')];
    const { order, leafHashes, bytes } = firstShard(makeWireFile(ana.keyPair, 'film', [16 * MiB]));
    for (const [at, reason] of ['relay-bytes', 'relay-quota'].entries()) {
      const { near, far, client } = await connectThrough(relay, ana, ben, at + 1);
      expect(await client.store(order, leafHashes, bytes)).toMatchObject({ ok: false, reason: 'closed' });
      expect(await near.closed).toEqual({ reason: 'error', detail: reason });
      expect(await far.closed).toEqual({ reason: 'error', detail: reason });
    }
    const { caller, called } = await joinThrough(relay, ana, ben, 3);
    expect([caller, called]).toMatchObject([
      { ok: false, reason: 'refused', detail: 'relay-quota' },
      { ok: false, reason: 'refused', detail: 'relay-quota' },
    ]);
    const usage = present(relay.relay, 'a relay').usage();
    expect(usage.bytesToday).toBeLessThanOrEqual(7 * MiB);
    // Each circuit breaks in the middle of a store, of which the host keeps the rest for later.
    expect(ben.heldFiles).toEqual([]);
  });

  it('is said of a node that is no relay; who waits gives up when it wants to', async () => {
    const [plain, ana, ben] = [await host('plain'), await host('ana'), await host('ben')];
    const join = async (at: WireHost, timeoutMs: number, signal?: AbortSignal) =>
      ana.relayClient.join(await ana.session(at), new Uint8Array(16), ben.keyPair.nodeId, 'caller', {
        timeoutMs,
        ...(signal && { signal }),
      });
    expect((await ana.session(plain)).hello.relays).toBe(false);
    expect(await join(plain, 5000)).toMatchObject({ ok: false, reason: 'refused', detail: 'not-a-relay' });
    const relay = await host('relay', { relay: {} });
    const beganMs = performance.now();
    expect(await join(relay, 500)).toMatchObject({ ok: false, reason: 'timeout' });
    const abort = new AbortController();
    const joining = join(relay, 60_000, abort.signal);
    await expect.poll(() => present(relay.relay, 'a relay').usage().waitingCircuits, { timeout: 20_000 }).toBe(1);
    abort.abort();
    expect(await joining).toMatchObject({ ok: false, reason: 'aborted' });
    expect(performance.now() - beganMs).toBeLessThan(15_000);
  });
});

describe('a relay that is gone', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)('in the middle of a transfer, by %s, is noticed at both ends within 10 s', async (signal) => {
    const peer = await spawnWirePeer('relay');
    cleanUps.push(() => peer.process.kill('SIGKILL'));
    const [ana, ben] = [await host('ana'), await host('ben')];
    const { near, far, client } = await connectThrough(peer, ana, ben);
    const { order, leafHashes, bytes } = firstShard(makeWireFile(ana.keyPair, 'cut off', [60 * MiB]));
    let goneMs = 0;
    const stored = await client.store(order, leafHashes, bytes, {
      onProgress: (done) => {
        if (done < 8 * MiB || goneMs > 0) return;
        goneMs = performance.now();
        peer.process.kill(signal);
      },
    });
    expect(stored).toMatchObject({ ok: false, reason: 'closed' });
    await Promise.all([near.closed, far.closed]);
    expect(goneMs).toBeGreaterThan(0);
    expect(performance.now() - goneMs).toBeLessThan(10_000);
  });
});
