// A connection over a stream that others have made: a punched TCP socket, a relay's circuit.
import { once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { type Connection, equalBytes, keyPairFromSeed, type NodeId } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';
import { type StreamFacts, WsDialer, WsListener } from './ws-transport.ts';

const KiB = 1024;
const runtime = createSystemRuntime();
const ana = keyPairFromSeed(new Uint8Array(32).fill(1));
const ben = keyPairFromSeed(new Uint8Array(32).fill(2));
const eve = keyPairFromSeed(new Uint8Array(32).fill(3));
const dialer = new WsDialer(runtime, ana, { ownHosts: () => [] });
const AT = { host: '203.0.113.9', port: 9 };

const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** It never listens: connections over given streams need no port. */
function makeListener(keyPair = ben): WsListener {
  const listener = new WsListener(runtime, keyPair, { host: '127.0.0.1', port: 0 });
  cleanUps.push(() => listener.close());
  return listener;
}

async function tcpPair(): Promise<readonly [Duplex, Duplex]> {
  const server = createServer();
  cleanUps.push(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connectTcp((server.address() as { port: number }).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  cleanUps.push(
    () => void near.destroy(),
    () => void far.destroy(),
  );
  return [near, far];
}

const STREAMS: Readonly<Record<string, () => Promise<readonly [Duplex, Duplex]>>> = {
  'a TCP socket': tcpPair,
  'a pair of Duplex streams': async () => duplexPair(),
};

const facts = (expected: NodeId): StreamFacts => ({ expected, path: 'punched', remoteAddress: AT });
const options = { timeoutMs: 4000 };

async function open(makeStreams: () => Promise<readonly [Duplex, Duplex]>) {
  const [near, far] = await makeStreams();
  const accepting = makeListener().acceptOver(far, facts(ana.nodeId));
  const dialled = await dialer.dialOver(near, facts(ben.nodeId), options);
  const accepted = await accepting;
  if (!dialled.ok) throw new Error(dialled.reason);
  if (!accepted.ok) throw new Error(accepted.reason);
  return { near, far, client: dialled.value, server: accepted.value };
}

const ended = (stream: Duplex): Promise<unknown> => (stream.closed ? Promise.resolve() : once(stream, 'close'));

async function firstMessage(connection: Connection): Promise<Uint8Array> {
  return new Promise((resolve) => connection.onMessage(resolve));
}

describe.each(Object.entries(STREAMS))('a connection over %s', (_name, makeStreams) => {
  it('proves both keys, has one binding and the path that it was given', async () => {
    const { client, server } = await open(makeStreams);
    expect(client.peer.publicKey).toEqual(ben.publicKey);
    expect(server.peer.publicKey).toEqual(ana.publicKey);
    expect(client.binding).toHaveLength(32);
    expect(server.binding).toEqual(client.binding);
    expect([client.isInitiator, server.isInitiator]).toEqual([true, false]);
    for (const { path, remoteAddress } of [client, server]) expect({ path, remoteAddress }).toEqual({ path: 'punched', remoteAddress: AT });
  });

  it('carries the longest messages both ways, in order', async () => {
    const { client, server } = await open(makeStreams);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const sent = [1, 257 * KiB, 300, 257 * KiB].map((size) => runtime.random.bytes(size));
      const got: Uint8Array[] = [];
      const allGot = new Promise<void>((resolve) => {
        to.onMessage((message) => {
          got.push(message);
          if (got.length === 2 * sent.length) resolve();
        });
      });
      for (const message of sent) {
        await from.send(message);
        await from.sendParts?.(message.subarray(0, 1), message.subarray(1));
      }
      await allGot;
      expect(got.map((message, i) => equalBytes(message, sent[i >> 1] as Uint8Array))).toEqual(got.map(() => true));
    }
  });

  it('makes a sender wait while the reader pauses', async () => {
    const { client, server } = await open(makeStreams);
    let got = 0;
    let wake: () => void = () => undefined;
    server.onMessage(() => {
      got++;
      wake();
    });
    server.pause(true);
    const message = new Uint8Array(256 * KiB);
    let sent = 0;
    let isHeld = false;
    while (!isHeld && sent < 400) {
      sent += 1;
      isHeld = (await Promise.race([client.send(message).then(() => 'sent'), runtime.clock.sleep(500).then(() => 'held')])) === 'held';
    }
    expect(isHeld).toBe(true);
    expect(client.bufferedBytes).toBeLessThan(2 * KiB * KiB);
    server.pause(false);
    while (got < sent) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    await client.send(message);
  });

  it('tells the reason of a close, and ends the streams', async () => {
    const { client, server, near, far } = await open(makeStreams);
    client.onMessage(() => undefined);
    server.onMessage(() => undefined);
    server.close('replaced');
    expect(await client.closed).toEqual({ reason: 'remote', detail: 'replaced' });
    expect(await server.closed).toEqual({ reason: 'local', detail: 'replaced' });
    await Promise.all([ended(near), ended(far)]);
  });

  it('notices when the stream below dies without a word', async () => {
    const { client, server, near } = await open(makeStreams);
    const heard = firstMessage(server);
    await client.send(Uint8Array.of(7));
    expect(await heard).toEqual(Buffer.of(7));
    near.destroy(new Error('cut'));
    expect((await client.closed).reason).toBe('error');
    await expect(client.send(Uint8Array.of(1))).rejects.toMatchObject({ code: 'BAT_E_CONNECTION_CLOSED' });
  });

  it('refuses another key than the expected one, at either end, and ends the stream', async () => {
    const wrongServer = await makeStreams();
    const accepting = makeListener(eve).acceptOver(wrongServer[1], facts(ana.nodeId));
    expect(await dialer.dialOver(wrongServer[0], facts(ben.nodeId), options)).toMatchObject({ ok: false, reason: 'wrong-identity' });
    // A Duplex pair tells its other end nothing of a destroy: what carries a real one has to.
    wrongServer[1].destroy();
    expect(await accepting).toMatchObject({ ok: false });

    const wrongClient = await makeStreams();
    const refusing = makeListener().acceptOver(wrongClient[1], facts(eve.nodeId));
    const dialling = dialer.dialOver(wrongClient[0], facts(ben.nodeId), options);
    expect(await refusing).toMatchObject({ ok: false, reason: 'wrong-identity' });
    await ended(wrongClient[1]);
    wrongClient[0].destroy();
    expect(await dialling).toMatchObject({ ok: false });
  });

  it('gives up at the deadline, at an abort, and on a stream that has ended; every stream ends with it', async () => {
    const [near, far] = await makeStreams();
    expect(await dialer.dialOver(near, facts(ben.nodeId), { timeoutMs: 50 })).toMatchObject({ ok: false, reason: 'timeout' });
    await ended(near);
    expect(await makeListener().acceptOver(far, facts(ana.nodeId), { timeoutMs: 50 })).toMatchObject({ ok: false });
    await ended(far);

    const controller = new AbortController();
    const abortable = await makeStreams();
    const both = [
      dialer.dialOver(abortable[0], facts(ben.nodeId), { ...options, signal: controller.signal }),
      makeListener().acceptOver((await makeStreams())[1], facts(ana.nodeId), { ...options, signal: controller.signal }),
    ];
    controller.abort();
    for (const result of await Promise.all(both)) expect(result).toMatchObject({ ok: false, reason: 'aborted' });
    expect(await dialer.dialOver((await makeStreams())[0], facts(ben.nodeId), { ...options, signal: controller.signal })).toMatchObject({
      reason: 'aborted',
    });
    await ended(abortable[0]);
    expect(await dialer.dialOver(abortable[0], facts(ben.nodeId), options)).toMatchObject({ ok: false, reason: 'refused' });
    expect(await makeListener().acceptOver(abortable[0], facts(ana.nodeId))).toMatchObject({ ok: false, reason: 'refused' });
  });

  it('refuses what is no TLS', async () => {
    const [near, far] = await makeStreams();
    const accepting = makeListener().acceptOver(far, facts(ana.nodeId));
    near.on('error', () => undefined).resume();
    near.write('GET /batchain HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await accepting).toMatchObject({ ok: false, reason: 'error' });
    await ended(far);
  });
});

it('a listener that closes ends what it accepted over given streams', async () => {
  const [near, far] = duplexPair();
  const listener = makeListener();
  const accepting = listener.acceptOver(far, facts(ana.nodeId));
  const dialled = await dialer.dialOver(near, facts(ben.nodeId), options);
  const accepted = await accepting;
  if (!accepted.ok || !dialled.ok) throw new Error('not open');
  await listener.close();
  expect((await accepted.value.closed).reason).toBe('error');
});
