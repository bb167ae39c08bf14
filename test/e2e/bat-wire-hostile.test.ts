// What a host withstands at its sockets: half frames, slow headers, dead and frozen peers (threats T13, T14).
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { concatBytes, KiB, keyPairFromSeed, MiB, NO_EXTENSIONS, present } from '@batchain/shared';
import { afterEach, describe, expect, it } from 'vitest';
import { frameHead } from '../../packages/bat-node/src/connection/session-frames.ts';
import { bindingOf, tlsIdentityOptions } from '../../packages/bat-node/src/connection/tls-identity.ts';
import { helloCodec, networkProof } from '../../packages/bat-node/src/wire/hello.ts';
import { bytesNamed } from '../support/stored-shards.ts';
import { makeWireFile, NETWORK_KEY, openWireHost, targetOf, type WireHost, type WireHostOptions } from '../support/wire-host.ts';
import { spawnWirePeer, type WirePeer } from '../support/wire-peer.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function host(name: string, options: WireHostOptions = {}): Promise<WireHost> {
  const opened = await openWireHost(name, options);
  cleanUps.push(() => opened.close());
  return opened;
}

const UPGRADE =
  'GET /batchain HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

/** A TLS connection with a key of its own, and how long it lived. */
async function intruder(port: number, number: number): Promise<{ stream: TLSSocket; ended: Promise<number> }> {
  const keyPair = keyPairFromSeed(bytesNamed(`intruder ${number}`, 32));
  const beganMs = performance.now();
  const stream = connectTls({ host: '127.0.0.1', port, ...tlsIdentityOptions(keyPair) });
  cleanUps.push(() => stream.destroy());
  const ended = new Promise<number>((resolve) => {
    stream.on('close', () => resolve(performance.now() - beganMs)).on('error', () => undefined);
  });
  await Promise.race([once(stream, 'secureConnect'), ended]);
  return { stream, ended };
}

/** A binary WebSocket frame with a zero mask, or only its head when `length` says more than there is. */
function frame(payload: Uint8Array, length = payload.length): Uint8Array {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0xff;
  head.writeBigUInt64BE(BigInt(length), 2);
  return concatBytes(head, payload);
}

/** An intruder whose upgrade and HELLO are in order: it knows the network's key. */
async function guest(port: number, number: number): Promise<{ stream: TLSSocket; ended: Promise<number> }> {
  const met = await intruder(port, number);
  const { nodeId } = keyPairFromSeed(bytesNamed(`intruder ${number}`, 32));
  met.stream.write(`${UPGRADE}\r\n`);
  await once(met.stream, 'data');
  const proof = networkProof(NETWORK_KEY, bindingOf(met.stream), nodeId);
  const hello = { versions: [1], proof, shardBytesMax: 0, relays: false, streamsMax: 32, observedAddress: null, extensions: NO_EXTENSIONS };
  met.stream.write(frame(concatBytes(frameHead('hello', 0), helloCodec.encode(hello))));
  met.stream.resume();
  return met;
}

/** Stores and fetches a shard, as an honest peer does meanwhile. */
async function honestRound(hub: WireHost, name: string): Promise<number> {
  const ana = await host(`honest ${name}`);
  const file = makeWireFile(ana.keyPair, name, [1 * MiB]);
  const { order, leafHashes, bytes } = present(file.shards[0], 'a shard');
  const beganMs = performance.now();
  const client = await ana.client(hub);
  expect(await client.store(order, leafHashes, bytes)).toMatchObject({ ok: true });
  const into = new Uint8Array(bytes.length);
  expect(await client.fetch({ ...targetOf(file), into })).toMatchObject({ ok: true });
  return performance.now() - beganMs;
}

describe('sockets that never finish', () => {
  it('a silent socket, a slow handshake and a slow header end after 5 s, and an honest peer is served meanwhile', async () => {
    const hub = await host('hub');
    const { port } = hub.address;
    const beganMs = performance.now();
    const silent = connectTcp(port, '127.0.0.1');
    silent.on('error', () => undefined);
    const silentEnded = once(silent, 'close').then(() => performance.now() - beganMs);
    const slow = await intruder(port, 1);
    const drip = setInterval(() => slow.stream.write('X'), 300);
    cleanUps.push(() => clearInterval(drip));
    slow.stream.write(UPGRADE);
    slow.stream.write('X-Slow: ');
    expect(await honestRound(hub, 'beside slow headers')).toBeLessThan(4000);
    for (const lifeMs of [await silentEnded, await slow.ended]) {
      expect(lifeMs).toBeGreaterThan(4000);
      expect(lifeMs).toBeLessThan(8000);
    }
  });

  it('a connection without HELLO ends after 5 s, one in the middle of a frame after 8 s of nothing whole', async () => {
    const hub = await host('hub');
    const mute = await intruder(hub.address.port, 1);
    mute.stream.write(`${UPGRADE}\r\n`);
    mute.stream.resume();
    const half = await guest(hub.address.port, 2);
    half.stream.write(frame(new Uint8Array(100 * KiB), 256 * KiB));
    const drip = setInterval(() => half.stream.write(Uint8Array.of(0)), 200);
    cleanUps.push(() => clearInterval(drip));
    expect(await mute.ended).toBeLessThan(8000);
    const halfMs = await half.ended;
    expect(halfMs).toBeGreaterThan(7000);
    expect(halfMs).toBeLessThan(14_000);
  });

  it('200 guests with 100 kB each of an unfinished frame take little memory, and go', async () => {
    const hub = await host('hub');
    const guests: Awaited<ReturnType<typeof guest>>[] = [];
    for (let i = 0; i < 200; i++) guests.push(await guest(hub.address.port, i));
    globalThis.gc?.();
    const before = process.memoryUsage.rss();
    for (const { stream } of guests) stream.write(frame(new Uint8Array(100_000), 256 * KiB));
    expect(await honestRound(hub, 'among guests')).toBeLessThan(8000);
    // Both ends of all 200 connections are in this process.
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * MiB);
    const lives = await Promise.all(guests.map(({ ended }) => ended));
    expect(Math.max(...lives)).toBeLessThan(30_000);
    expect(hub.pool.sessions().every(({ nodeId }) => guests.every((_, i) => !sameGuest(nodeId, i)))).toBe(true);
  });

  it('a length of 2^63 ends the connection at the header', async () => {
    const hub = await host('hub');
    const liar = await guest(hub.address.port, 1);
    const beganMs = performance.now();
    const head = Buffer.alloc(14);
    head[0] = 0x82;
    head[1] = 0xff;
    head[2] = 0x80;
    liar.stream.write(head);
    await liar.ended;
    expect(performance.now() - beganMs).toBeLessThan(3000);
  });
});

function sameGuest(nodeId: Uint8Array, number: number): boolean {
  return Buffer.from(nodeId).equals(keyPairFromSeed(bytesNamed(`intruder ${number}`, 32)).nodeId);
}

async function child(mode: string, ...args: string[]): Promise<WirePeer> {
  const peer = await spawnWirePeer(mode, ...args);
  cleanUps.push(() => peer.process.kill('SIGKILL'));
  return peer;
}

describe('a peer that is gone', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)('in the middle of a transfer, by %s, is noticed within 10 s', async (signal) => {
    const ana = await host('ana');
    const peer = await child('host');
    const client = await ana.client(peer);
    const { order, leafHashes, bytes } = present(makeWireFile(ana.keyPair, 'cut off', [60 * MiB]).shards[0], 'a shard');
    let goneMs = 0;
    const onProgress = (done: number): void => {
      if (done < 8 * MiB || goneMs > 0) return;
      goneMs = performance.now();
      peer.process.kill(signal);
    };
    const stored = await client.store(order, leafHashes, bytes, { onProgress });
    expect(stored).toMatchObject({ ok: false, reason: 'closed' });
    expect(goneMs).toBeGreaterThan(0);
    expect(performance.now() - goneMs).toBeLessThan(10_000);
    expect(client.isOpen).toBe(false);
  });

  it('leaves nothing behind at the host that it was storing to, and the host goes on', async () => {
    const hub = await host('hub');
    const peer = await child('loop', 'hub', String(hub.address.port));
    await peer.next();
    await peer.next();
    peer.process.kill('SIGKILL');
    const beganMs = performance.now();
    while (hub.pool.sessions().length > 0) await Promise.race(hub.pool.sessions().map(({ session }) => session.closed));
    expect(performance.now() - beganMs).toBeLessThan(10_000);
    // The shard in work gave its reservation back.
    await honestRound(hub, 'after the death');
    expect(hub.store.usage().reservedBytes).toBe(0);
  });
});
