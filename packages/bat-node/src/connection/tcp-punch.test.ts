// One end is a plain server here: on loopback no two SYNs are ever on the way at once. The laboratory has simultaneous opens.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, type Connection, type DialFailure, type KeyPair, keyPairFromSeed, type Result, type Runtime } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';
import { TCP_PUNCH_DIALS_MAX, TCP_PUNCH_HANDSHAKE_MS, TCP_PUNCH_PAUSE_MS } from '../limits.ts';
import { TcpPuncher } from './tcp-punch.ts';
import { type StreamFacts, WsDialer, WsListener } from './ws-transport.ts';

const runtime = createSystemRuntime();
const ana = keyPairFromSeed(new Uint8Array(32).fill(1));
const ben = keyPairFromSeed(new Uint8Array(32).fill(2));
const eve = keyPairFromSeed(new Uint8Array(32).fill(3));
const ownHosts = () => ['127.0.0.1'];
const options = { timeoutMs: 4500 };

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function makePuncher(keyPair: KeyPair, own: Runtime = runtime): TcpPuncher {
  const puncher = new TcpPuncher(own, keyPair, { ownHosts });
  cleanUps.push(() => puncher.close());
  return puncher;
}

async function serve(see: (socket: Socket) => void, host = '127.0.0.1', port = 0): Promise<Server> {
  const server = createServer((socket) => {
    cleanUps.push(() => socket.destroy());
    socket.on('error', () => undefined);
    see(socket);
  });
  cleanUps.push(() => server.close());
  server.listen({ host, port });
  await once(server, 'listening');
  return server;
}

const addressOf = (server: Server) => ({
  host: (server.address() as { address: string }).address,
  port: (server.address() as { port: number }).port,
});

/** The far end as the called one, and the port that the caller came from. */
function answer(keyPair: KeyPair, expected: KeyPair) {
  const listener = new WsListener(runtime, keyPair, { host: '127.0.0.1', port: 0 });
  cleanUps.push(() => listener.close());
  const facts: StreamFacts = { expected: expected.nodeId, path: 'punched', remoteAddress: undefined };
  const fromPorts: (number | undefined)[] = [];
  let settle: (result: Result<Connection, DialFailure>) => void = () => undefined;
  const accepted = new Promise<Result<Connection, DialFailure>>((resolve) => {
    settle = resolve;
  });
  const see = (socket: Socket): void => {
    fromPorts.push(socket.remotePort);
    void listener.acceptOver(socket, facts).then(settle);
  };
  return { see, accepted, fromPorts };
}

/** Real time, ten times as fast, that writes down what it is asked to wait. */
function hurried(): { readonly runtime: Runtime; readonly waits: number[] } {
  const waits: number[] = [];
  const clock: Clock = {
    ...runtime.clock,
    nowMs: () => runtime.clock.nowMs(),
    monotonicMs: () => runtime.clock.monotonicMs(),
    sleep: (delayMs, signal) => runtime.clock.sleep(delayMs, signal),
    timeoutSignal: (delayMs) => runtime.clock.timeoutSignal(delayMs),
    setTimer: (delayMs, fn) => {
      waits.push(delayMs);
      return runtime.clock.setTimer(delayMs / 10, fn);
    },
  };
  return { runtime: { ...runtime, clock }, waits };
}

describe('TCP simultaneous open', () => {
  it('leaves from the port that was prepared, also again after refusals, and proves both keys', async () => {
    const punch = await makePuncher(ana).prepare();
    const far = answer(ben, ana);
    const first = await serve(() => undefined);
    const to = addressOf(first);
    first.close();
    await once(first, 'close');
    const opening = punch.open([to], ben.nodeId, 'caller', options);
    await runtime.clock.sleep(100);
    await serve(far.see, '127.0.0.1', to.port);
    const opened = await opening;
    const accepted = await far.accepted;
    if (!opened.ok || !accepted.ok) throw new Error('not open');
    expect(far.fromPorts).toEqual([punch.localPort]);
    expect(opened.value).toMatchObject({ path: 'punched', isInitiator: true, remoteAddress: to });
    expect(opened.value.peer.nodeId).toEqual(ben.nodeId);
    expect(accepted.value.peer.nodeId).toEqual(ana.nodeId);
    expect(accepted.value.binding).toEqual(opened.value.binding);
    // The attempt is over; what came of it goes on.
    punch.close();
    const heard = new Promise<Uint8Array>((resolve) => accepted.value.onMessage(resolve));
    await opened.value.send(Uint8Array.of(5));
    expect(await heard).toEqual(Buffer.of(5));
  });

  it('is the server of TLS when it was called', async () => {
    const punch = await makePuncher(ben).prepare();
    let dialled: Promise<Result<Connection, DialFailure>> | undefined;
    const server = await serve((socket) => {
      const facts: StreamFacts = { expected: ben.nodeId, path: 'punched', remoteAddress: undefined };
      dialled = new WsDialer(runtime, ana, { ownHosts }).dialOver(socket, facts, options);
    });
    const opened = await punch.open([addressOf(server)], ana.nodeId, 'called', options);
    expect((await dialled)?.ok).toBe(true);
    expect(opened).toMatchObject({ ok: true, value: { path: 'punched', isInitiator: false } });
  });

  it('goes on to the next host when one is somebody else', async () => {
    const stranger = answer(eve, ana);
    const strangers = await serve(stranger.see, '127.0.0.2');
    const far = answer(ben, ana);
    const punch = await makePuncher(ana).prepare();
    const alone = await punch.open([addressOf(strangers)], ben.nodeId, 'caller', options);
    expect(alone).toMatchObject({ ok: false, reason: 'wrong-identity' });
    const next = await makePuncher(ana).prepare();
    const opened = await next.open([addressOf(strangers), addressOf(await serve(far.see))], ben.nodeId, 'caller', options);
    expect(opened).toMatchObject({ ok: true, value: { remoteAddress: { host: '127.0.0.1' } } });
  });

  it('a stranger that connects and says nothing holds it up for a bounded time only', async () => {
    const silent = await serve(() => undefined, '127.0.0.2');
    const far = answer(ben, ana);
    const { runtime: fast, waits } = hurried();
    const punch = await makePuncher(ana, fast).prepare();
    const opened = await punch.open([addressOf(silent), addressOf(await serve(far.see))], ben.nodeId, 'caller', { timeoutMs: 40_000 });
    expect(opened.ok).toBe(true);
    expect(waits).toContain(TCP_PUNCH_HANDSHAKE_MS);
  });

  it('T8 sends a host that does not answer few SYNs, and far apart', async () => {
    const { runtime: fast, waits } = hurried();
    const server = await serve(() => undefined);
    const to = addressOf(server);
    server.close();
    await once(server, 'close');
    const punch = await makePuncher(ana, fast).prepare();
    const others = [1, 2, 3].map((i) => ({ host: to.host, port: to.port === 65_535 ? i : to.port + i }));
    const [timeoutMs, pauses] = [60_000, (): number[] => waits.slice(2)];
    const result = await punch.open([to, ...others], ben.nodeId, 'caller', { timeoutMs });
    expect(result).toMatchObject({ ok: false, reason: 'refused' });
    expect(pauses().length).toBeGreaterThan(1);
    expect(pauses().length).toBeLessThan(TCP_PUNCH_DIALS_MAX);
    for (const pause of pauses()) expect(pause).toBeGreaterThanOrEqual(TCP_PUNCH_PAUSE_MS);
  });

  it('T8 sends a SYN in its turn only, and none when its turn does not come', async () => {
    const server = await serve(() => undefined);
    const to = addressOf(server);
    server.close();
    await once(server, 'close');
    const asked: string[] = [];
    const beforeSyn = async (host: string): Promise<boolean> => asked.push(host) < 3;
    const punch = await makePuncher(ana, hurried().runtime).prepare();
    const result = await punch.open([to], ben.nodeId, 'caller', { timeoutMs: 60_000, beforeSyn });
    expect([result.ok, asked]).toEqual([false, [to.host, to.host, to.host]]);
  });

  it('names the reason when it comes to nothing', async () => {
    const silent = addressOf(await serve(() => undefined));
    const prepare = () => makePuncher(ana).prepare();
    expect(await (await prepare()).open([silent], ben.nodeId, 'caller', { timeoutMs: 80 })).toMatchObject({ reason: 'timeout' });
    const elsewhere = { host: '10.1.2.3', port: 4 };
    expect(await (await prepare()).open([elsewhere], ben.nodeId, 'caller', options)).toMatchObject({ reason: 'not-dialable' });
    const closed = await prepare();
    const closing = closed.open([silent], ben.nodeId, 'called', options);
    closed.close();
    expect(await closing).toMatchObject({ ok: false, reason: 'aborted' });
    const aborted = await prepare();
    const signal = AbortSignal.abort();
    expect(await aborted.open([silent], ben.nodeId, 'called', { ...options, signal })).toMatchObject({ ok: false, reason: 'aborted' });
  });
});
