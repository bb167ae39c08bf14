import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import {
  type Connection,
  type DialFailure,
  equalBytes,
  type KeyPair,
  keyPairFromSeed,
  makeAddress,
  present,
  type Result,
} from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { certificateKey } from './certificate.ts';
import { tlsIdentityOptions } from './tls-identity.ts';
import { WsDialer, WsListener, type WsListenerConfig } from './ws-transport.ts';

const runtime = createSystemRuntime();
const ana = keyPairFromSeed(new Uint8Array(32).fill(1));
const ben = keyPairFromSeed(new Uint8Array(32).fill(2));
const eve = keyPairFromSeed(new Uint8Array(32).fill(3));
const ownHosts = () => ['127.0.0.1'];
const MESSAGE_MAX = 257 * 1024;

const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function listen(keyPair: KeyPair, config: Partial<WsListenerConfig> = {}) {
  const accepted: Connection[] = [];
  let wake: () => void = () => undefined;
  const listener = new WsListener(runtime, keyPair, { host: '127.0.0.1', port: 0, ...config });
  await listener.listen((connection) => {
    accepted.push(connection);
    wake();
  });
  cleanUps.push(() => listener.close());
  const next = async (): Promise<Connection> => {
    while (accepted.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return present(accepted.shift(), 'an accepted connection');
  };
  return { listener, address: listener.localAddress, accepted, next };
}

const dial = (from: KeyPair, address: { host: string; port: number }, expected?: KeyPair): Promise<Result<Connection, DialFailure>> =>
  new WsDialer(runtime, from, { ownHosts }).dial(address, expected?.nodeId, { timeoutMs: 4000 });

async function pair() {
  const server = await listen(ben);
  const dialled = await dial(ana, server.address, ben);
  if (!dialled.ok) throw new Error(dialled.reason);
  return { client: dialled.value, server: await server.next() };
}

const messagesOf = (connection: Connection) => {
  const messages: Uint8Array[] = [];
  let wake: () => void = () => undefined;
  connection.onMessage((message) => {
    messages.push(message);
    wake();
  });
  return async (count: number): Promise<Uint8Array[]> => {
    while (messages.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return messages;
  };
};

/** A TLS client of our own making, for what an honest dialer never sends. */
async function rawTls(port: number, options: object = {}): Promise<TLSSocket> {
  const stream = connectTls({ host: '127.0.0.1', port, ...tlsIdentityOptions(eve), ...options });
  cleanUps.push(() => void stream.destroy());
  stream.on('error', () => undefined);
  await once(stream, 'secureConnect');
  return stream;
}

const ended = (stream: TLSSocket): Promise<unknown> => (stream.destroyed ? Promise.resolve() : once(stream.resume(), 'close'));

async function rawUpgraded(port: number): Promise<TLSSocket> {
  const stream = await rawTls(port);
  stream.write(
    'GET /batchain HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await once(stream, 'data');
  return stream;
}

describe('a connection over wss', () => {
  it('DF-02 proves both keys and gives both ends one binding that no other connection has', async () => {
    const server = await listen(ben);
    const bindings: Uint8Array[] = [];
    for (let i = 0; i < 2; i++) {
      const dialled = await dial(ana, server.address, ben);
      const inbound = await server.next();
      if (!dialled.ok) throw new Error(dialled.reason);
      expect(dialled.value.peer.publicKey).toEqual(ben.publicKey);
      expect(inbound.peer.nodeId).toEqual(ana.nodeId);
      expect(inbound.binding).toEqual(dialled.value.binding);
      expect([dialled.value.isInitiator, inbound.isInitiator, inbound.path]).toEqual([true, false, 'lan']);
      bindings.push(inbound.binding);
    }
    expect(bindings[0]).toHaveLength(32);
    expect(bindings[0]).not.toEqual(bindings[1]);
  });

  it('refuses another key than the expected one before a byte follows the handshake', async () => {
    const received: Buffer[] = [];
    const impostor = createTlsServer({ ...tlsIdentityOptions(eve) }, (stream) => {
      stream.on('error', () => undefined).on('data', (bytes: Buffer) => received.push(bytes));
    });
    cleanUps.push(() => new Promise<void>((resolve) => impostor.close(() => resolve())));
    await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
    const { port } = impostor.address() as { port: number };
    const arrived = once(impostor, 'connection') as Promise<[Socket]>;
    expect(await dial(ana, { host: '127.0.0.1', port }, ben)).toMatchObject({ ok: false, reason: 'wrong-identity' });
    const [socket] = await arrived;
    if (!socket.destroyed) await once(socket, 'close');
    expect(received).toEqual([]);
  });

  it('refuses a peer without a certificate, and one with another kind of key', async () => {
    const server = await listen(ben);
    for (const options of [{ cert: undefined, key: undefined }, p256Identity]) {
      const stream = connectTls({ host: '127.0.0.1', port: server.address.port, rejectUnauthorized: false, ...options });
      stream.on('error', () => undefined).on('secureConnect', () => stream.write('GET /batchain HTTP/1.1\r\n\r\n'));
      await once(stream.resume(), 'close');
    }
    expect(server.accepted).toEqual([]);

    const other = createTlsServer({ ...p256Identity, requestCert: true, rejectUnauthorized: false });
    other.on('tlsClientError', () => undefined);
    cleanUps.push(() => void other.close());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    expect(await dial(ana, { host: '127.0.0.1', port: (other.address() as { port: number }).port })).toMatchObject({ ok: false });
    expect(certificateKey(new X509Certificate(p256Identity.cert))).toBeUndefined();
  });

  it('does not dial itself', async () => {
    const server = await listen(ben);
    expect(await dial(ben, server.address)).toMatchObject({ ok: false, reason: 'wrong-identity' });
    expect(server.accepted).toEqual([]);
  });

  it('names the reason when a dial fails', async () => {
    const server = await listen(ben);
    const { port } = server.address;
    await server.listener.close();
    expect(await dial(ana, { host: '127.0.0.1', port })).toMatchObject({ ok: false, reason: 'refused' });
    expect(await dial(ana, { host: '0.0.0.0', port })).toMatchObject({ ok: false, reason: 'not-dialable' });
    expect(await dial(ana, { host: '10.1.2.3', port })).toMatchObject({ ok: false, reason: 'not-dialable' });
    const controller = new AbortController();
    const aborted = new WsDialer(runtime, ana, { ownHosts }).dial({ host: '127.0.0.1', port: await silentPort() }, undefined, {
      timeoutMs: 4000,
      signal: controller.signal,
    });
    controller.abort();
    expect(await aborted).toMatchObject({ ok: false, reason: 'aborted' });
    const late = await new WsDialer(runtime, ana, { ownHosts }).dial({ host: '127.0.0.1', port: await silentPort() }, undefined, {
      timeoutMs: 50,
    });
    expect(late).toMatchObject({ ok: false, reason: 'timeout' });
  });

  it('says that a port is taken', async () => {
    const server = await listen(ben);
    const second = new WsListener(runtime, ana, { host: '127.0.0.1', port: server.address.port });
    await expect(second.listen(() => undefined)).rejects.toMatchObject({ code: 'BAT_E_PORT_IN_USE' });
    const elsewhere = new WsListener(runtime, ana, { host: '203.0.113.1', port: 0 });
    await expect(elsewhere.listen(() => undefined)).rejects.toMatchObject({ code: 'BAT_E_LISTEN_FAILED' });
  });
});

describe('messages', () => {
  it('BN-06 carries any bytes up to the cap in both directions, whole and in order, in one part or two', async () => {
    const { client, server } = await pair();
    const random = runtime.random;
    const sizes = [1, 125, 126, 4096, 4097, 65_535, 65_536, MESSAGE_MAX];
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const received = messagesOf(to);
      const sent: Uint8Array[] = [];
      for (const size of sizes) {
        const message = random.bytes(size);
        sent.push(message, message);
        await from.send(message);
        const cut = Math.min(7, size);
        await from.sendParts?.(message.subarray(0, cut), message.subarray(cut));
      }
      const arrived = await received(sent.length);
      expect(arrived.map((message, i) => equalBytes(message, sent[i] as Uint8Array))).toEqual(sent.map(() => true));
    }
    await expect(client.send(new Uint8Array(MESSAGE_MAX + 1))).rejects.toThrow('at most');
  });

  it('keeps a message that came before there was a handler', async () => {
    const { client, server } = await pair();
    await client.send(Uint8Array.of(42));
    await client.send(Uint8Array.of(43));
    expect(await messagesOf(server)(2)).toEqual([Buffer.of(42), Buffer.of(43)]);
  });

  it('BN-26 makes a sender wait while the reader pauses, and lets it go on', async () => {
    const { client, server } = await pair();
    const received = messagesOf(server);
    server.pause(true);
    const message = new Uint8Array(256 * 1024);
    let sent = 0;
    let isHeld = false;
    // The kernel's own buffers take some messages; after that send() must not resolve.
    while (!isHeld && sent < 400) {
      sent += 1;
      const outcome = await Promise.race([client.send(message).then(() => 'sent'), runtime.clock.sleep(500).then(() => 'held')]);
      isHeld = outcome === 'held';
    }
    expect(isHeld).toBe(true);
    expect(client.bufferedBytes).toBeGreaterThan(0);
    expect(client.bufferedBytes).toBeLessThan(2 * 1024 * 1024);
    server.pause(false);
    await received(sent);
    expect(client.bufferedBytes).toBe(0);
  });
});

describe('the end of a connection', () => {
  it('tells the other end the reason', async () => {
    const { client, server } = await pair();
    messagesOf(client);
    messagesOf(server);
    client.close('replaced');
    expect(await server.closed).toEqual({ reason: 'remote', detail: 'replaced' });
    expect(await client.closed).toEqual({ reason: 'local', detail: 'replaced' });
    await expect(client.send(Uint8Array.of(1))).rejects.toMatchObject({ code: 'BAT_E_CONNECTION_CLOSED' });
    await expect(server.send(Uint8Array.of(1))).rejects.toMatchObject({ code: 'BAT_E_CONNECTION_CLOSED' });
  });

  it('is noticed when the socket dies without a word, also by a sender that waits', async () => {
    const server = await listen(ben);
    const dialled = await dial(ana, server.address, ben);
    if (!dialled.ok) throw new Error(dialled.reason);
    const inbound = await server.next();
    const waiting: Promise<void>[] = [];
    for (let i = 0; i < 100; i++) waiting.push(dialled.value.send(new Uint8Array(256 * 1024)));
    const outcomes = Promise.allSettled(waiting);
    await server.listener.close();
    expect((await dialled.value.closed).reason).toBe('error');
    expect((await inbound.closed).reason).toBe('error');
    expect(await outcomes).toHaveLength(100);
    await expect(dialled.value.send(Uint8Array.of(1))).rejects.toMatchObject({ code: 'BAT_E_CONNECTION_CLOSED' });
  });
});

describe('hostile input at the socket', () => {
  const closedBy = async (port: number, accepted: () => Promise<Connection>, bytes: Uint8Array): Promise<string> => {
    const stream = await rawUpgraded(port);
    const connection = await accepted();
    messagesOf(connection);
    stream.write(bytes);
    await ended(stream);
    return (await connection.closed).reason;
  };

  it('is refused: a length of 2^63, a message over the cap, fragments, text, an unmasked frame', async () => {
    const server = await listen(ben);
    const mask = [0, 0, 0, 0];
    const cases = {
      huge: [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, ...mask],
      overCap: [0x82, 0xff, 0, 0, 0, 0, 0, 4, 4, 1, ...mask],
      fragments: [0x02, 0x81, ...mask, 1, 0x00, 0x81, ...mask, 1],
      compressed: [0xc2, 0x81, ...mask, 1],
      unmasked: [0x82, 0x01, 1],
    };
    for (const [name, bytes] of Object.entries(cases)) {
      expect(await closedBy(server.address.port, server.next, Uint8Array.from(bytes)), name).toBe('protocol-error');
    }
    expect(await closedBy(server.address.port, server.next, Uint8Array.from([0x81, 0x81, ...mask, 65])), 'text').toBe('protocol-error');
  });

  it('does not agree to compression', async () => {
    const server = await listen(ben);
    const stream = await rawTls(server.address.port);
    const socket = new WebSocket('ws://x/batchain', { createConnection: () => stream, perMessageDeflate: true });
    await once(socket, 'open');
    expect(socket.extensions).toBe('');
    socket.terminate();
  });

  it('answers no other request than the upgrade', async () => {
    const server = await listen(ben);
    for (const head of [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /other HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      'nonsense\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(8000)}`,
    ]) {
      const stream = await rawTls(server.address.port);
      stream.write(head);
      await ended(stream);
    }
    expect(server.accepted).toEqual([]);
  });

  it('T14 lets the oldest socket that said nothing go, when another one knocks and all places are taken', async () => {
    const server = await listen(ben, { limits: { unprovedMax: 3 } });
    const hangUps: string[] = [];
    const knock = async (name: string): Promise<Socket> => {
      const socket = connectTcp(server.address.port, '127.0.0.1');
      cleanUps.push(() => void socket.destroy());
      socket.on('close', () => hangUps.push(name)).on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    };
    // The beginning of a TLS handshake.
    (await knock('slow')).write(Uint8Array.of(0x16, 3, 1));
    await knock('silent 1');
    await knock('silent 2');
    const dialled = await dial(ana, server.address, ben);
    if (!dialled.ok) throw new Error(dialled.reason);
    expect(hangUps).toEqual(['silent 1']);
    // Who has proved a key but said nothing holds its place against the silent ones only.
    expect((await dial(eve, server.address, ben)).ok).toBe(true);
    expect(hangUps).toEqual(['silent 1', 'silent 2']);
    const accepted = await server.next();
    const heard = new Promise<void>((resolve) => accepted.onMessage(() => resolve()));
    await dialled.value.send(Uint8Array.of(1));
    await heard;
    expect((await dial(eve, server.address, ben)).ok).toBe(true);
    expect(hangUps).toEqual(['silent 1', 'silent 2']);
  });
});

const asPem = (label: string, text: string): string => `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----\n`;
/** Self-signed over a P-256 key that was made for this test. */
const P256_CERTIFICATE =
  'MIIBdTCCARugAwIBAgIULu0loCAxZqYKHcQAdRL813lmOi4wCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEcDI1NjAgFw0yNjExMjEw' +
  'MzMwMDZaGA8zMDI2MDMyNDAzMzAwNlowDzENMAsGA1UEAwwEcDI1NjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIQtAOdzR7Rt' +
  'AkDGoT/dTe7fufKrzJDDlXnYo8zUQgjHORJBPedYG5c3TJ71ZTuynwgjKBOgIVm+BmN3rsle10qjUzBRMB0GA1UdDgQWBBQOEjHN' +
  '890iU/PzgRnDii401W7bHDAfBgNVHSMEGDAWgBQOEjHN890iU/PzgRnDii401W7bHDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49' +
  'BAMCA0gAMEUCIGRVJkkjBSe9br7PDexbF5hKTMcKKUv3l565tNBfI2VXAiEA49PgbwAzJvg99VlrfG1tDyCYQ+h5p2yT8AFPFLPn' +
  '2ho=';
const P256_KEY =
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIlSoPKxKTqet+w4WtoxVhO9JiTv5dfOO51xawgv/4U2hRANCAASE' +
  'LQDnc0e0bQJAxqE/3U3u37nyq8yQw5V52KPM1EIIxzkSQT3nWBuXN0ye9WU7sp8IIygToCFZvgZjd67JXtdK';
const p256Identity = { cert: asPem('CERTIFICATE', P256_CERTIFICATE), key: asPem('PRIVATE KEY', P256_KEY) };

async function silentPort(): Promise<number> {
  const server = createTcpServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => void server.close());
  return present(makeAddress('127.0.0.1', (server.address() as { port: number }).port), 'a port').port;
}
