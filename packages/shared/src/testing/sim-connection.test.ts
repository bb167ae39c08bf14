import { describe, expect, it } from 'vitest';
import { utf8Bytes, utf8Text } from '../core/bytes.ts';
import { keyPairFromSeed } from '../identity/key-pair.ts';
import type { Connection } from '../net/connection.ts';
import type { LinkModel } from './link-model.ts';
import { SimDialer } from './sim-dialer.ts';
import type { SimHost } from './sim-host.ts';
import { SimListener } from './sim-listener.ts';
import { type SimHostOptions, SimNetwork } from './sim-network.ts';
import { createSimRuntime } from './sim-runtime.ts';

const LATENCY_MS = 25;

function makeWorld(link: Partial<LinkModel> = {}) {
  const simulation = createSimRuntime('connections');
  const network = new SimNetwork(simulation, { link: { latencyMs: [LATENCY_MS, LATENCY_MS], jitterMs: 0, ...link } });
  const makeNode = (name: string, options: SimHostOptions = {}) => {
    const host = network.addHost({ name, ...options });
    const identity = keyPairFromSeed(host.random.fork('key').bytes(32));
    return { host, identity, dialer: new SimDialer(host, identity), listener: new SimListener(host, identity, { port: 4880 }) };
  };
  const settle = <T>(promise: Promise<T>, deadlineMs = 120_000): Promise<T> => simulation.clock.runUntilSettled(promise, { deadlineMs });
  return { network, clock: simulation.clock, makeNode, settle };
}

/** An end that writes down what it gets and how it ended. */
function watch(connection: Connection) {
  const end = { connection, got: [] as string[], closed: undefined as unknown };
  connection.onMessage((message) => end.got.push(utf8Text(message) ?? ''));
  void connection.closed.then((reason) => {
    end.closed = reason;
  });
  return end;
}

async function connected(link: Partial<LinkModel> = {}) {
  const world = makeWorld(link);
  const [ana, bo] = [world.makeNode('ana'), world.makeNode('bo')];
  let far: ReturnType<typeof watch> | undefined;
  await bo.listener.listen((connection) => {
    far = watch(connection);
  });
  const dialled = await world.settle(ana.dialer.dial(bo.host.address(4880), bo.identity.nodeId, { timeoutMs: 5000 }));
  if (!dialled.ok || far === undefined) throw new Error('not connected');
  return { ...world, ana, bo, near: watch(dialled.value), far };
}

describe('SimDialer', () => {
  const dial = (world: ReturnType<typeof makeWorld>, from: { dialer: SimDialer }, host: SimHost, timeoutMs = 20_000) =>
    world.settle(from.dialer.dial(host.address(4880), undefined, { timeoutMs }));

  it('takes the round trips that TCP, TLS and the upgrade take', async () => {
    const world = makeWorld();
    const [ana, bo] = [world.makeNode('ana'), world.makeNode('bo')];
    await bo.listener.listen(() => undefined);
    expect(await dial(world, ana, bo.host)).toMatchObject({ ok: true });
    expect(world.clock.elapsedMs).toBe(6 * LATENCY_MS);
  });

  it('is refused after one round trip where nobody listens, and where the process has died', async () => {
    const world = makeWorld();
    const [ana, bo] = [world.makeNode('ana'), world.makeNode('bo')];
    expect(await dial(world, ana, bo.host)).toMatchObject({ reason: 'refused' });
    expect(world.clock.elapsedMs).toBe(2 * LATENCY_MS);
    await bo.listener.listen(() => undefined);
    world.network.kill(bo.host);
    expect(await dial(world, ana, bo.host)).toMatchObject({ reason: 'refused' });
  });

  it('knocks again while the path is cut, so a dial outlives a short partition', async () => {
    const world = makeWorld();
    const [ana, bo] = [world.makeNode('ana'), world.makeNode('bo')];
    await bo.listener.listen(() => undefined);
    const heal = world.network.isolate(bo.host);
    world.clock.setTimer(2500, heal);
    expect(await dial(world, ana, bo.host)).toMatchObject({ ok: true });
    expect(world.clock.elapsedMs).toBe(3000 + 6 * LATENCY_MS);
  });

  it('reaches nobody behind a NAT, and a public host from behind one', async () => {
    const world = makeWorld();
    const home = world.makeNode('home', { nat: 'udp-blocked', address: '203.0.113.77' });
    const open = world.makeNode('open');
    await home.listener.listen(() => undefined);
    const seen: unknown[] = [];
    await open.listener.listen((connection) => seen.push(connection.remoteAddress?.host, connection.path));
    const outside = { host: '203.0.113.77', port: 4880 };
    const inwards = open.dialer.dial(outside, undefined, { timeoutMs: 5000 });
    expect(await world.settle(inwards)).toMatchObject({ reason: 'timeout' });
    expect(await world.settle(open.dialer.dial(home.host.address(4880), undefined, { timeoutMs: 5000 }))).toMatchObject({
      reason: 'not-dialable',
    });
    expect(await dial(world, home, open.host)).toMatchObject({ ok: true });
    expect(seen).toEqual(['203.0.113.77', 'direct']);
    home.host.realm.gateway?.forward('tcp', 4880, home.host.address(4880));
    expect(await world.settle(open.dialer.dial(outside, home.identity.nodeId, { timeoutMs: 5000 }))).toMatchObject({ ok: true });
  });

  it('breaks the far end when the dial is given up at the last moment', async () => {
    const world = makeWorld();
    const [ana, bo] = [world.makeNode('ana'), world.makeNode('bo')];
    const ends: ReturnType<typeof watch>[] = [];
    await bo.listener.listen((connection) => ends.push(watch(connection)));
    expect(await dial(world, ana, bo.host, 5.5 * LATENCY_MS)).toMatchObject({ reason: 'timeout' });
    await world.clock.runFor(1000);
    expect(ends.map(({ closed }) => closed)).toEqual([{ reason: 'error', detail: 'the connection was lost' }]);
  });

  it('leaves no timer behind, however it ends', async () => {
    const world = makeWorld();
    const [ana, bo] = [world.makeNode('ana'), world.makeNode('bo')];
    const before = world.clock.pendingCount;
    await dial(world, ana, bo.host);
    world.network.isolate(bo.host);
    await dial(world, ana, bo.host, 1000);
    expect(world.clock.pendingCount).toBe(before);
  });
});

describe('SimConnection', () => {
  it('resets the other end when the process dies, and is never heard of again at its own', async () => {
    const { network, clock, ana, near, far } = await connected();
    void near.connection.send(utf8Bytes('under way'));
    network.kill(ana.host);
    void far.connection.send(utf8Bytes('to the dead'));
    await clock.runFor(1000);
    expect(far.got).toEqual(['under way']);
    expect(far.closed).toEqual({ reason: 'error', detail: 'the connection was lost' });
    expect([near.got, near.closed]).toEqual([[], undefined]);
  });

  it('holds messages while the path is cut and delivers them all when it heals, in order', async () => {
    const { network, clock, ana, bo, near, far } = await connected();
    const heal = network.partition(bo.host, ana.host, { isOneWay: true });
    for (let i = 0; i < 5; i++) void near.connection.send(utf8Bytes(`${i}`));
    await clock.runFor(10_000);
    expect(far.got).toEqual([]);
    heal();
    await clock.runFor(6000);
    expect(far.got).toEqual(['0', '1', '2', '3', '4']);
    expect([near.closed, far.closed]).toEqual([undefined, undefined]);
  });

  it('times out at the sender when nothing gets through, and at the other end once it speaks again', async () => {
    const { network, clock, bo, near, far } = await connected();
    const heal = network.isolate(bo.host);
    void near.connection.send(utf8Bytes('anybody there?'));
    await clock.runFor(40_000);
    expect([near.closed, far.closed]).toEqual([{ reason: 'timeout', detail: 'nothing got through' }, undefined]);
    heal();
    void far.connection.send(utf8Bytes('I am back'));
    await clock.runFor(1000);
    expect(far.closed).toEqual({ reason: 'error', detail: 'the connection was lost' });
    expect([near.got, far.got]).toEqual([[], []]);
  });

  it('carries no more than the bandwidth of the uplink, and says what waits', async () => {
    const { clock, near, far } = await connected({ bytesPerSecond: 1_000_000 });
    const startMs = clock.elapsedMs;
    for (let i = 0; i < 20; i++) void near.connection.send(new Uint8Array(100_000));
    expect(near.connection.bufferedBytes).toBeGreaterThan(1_500_000);
    await clock.runUntil(startMs + 1000 + LATENCY_MS);
    expect(far.got.length).toBeGreaterThanOrEqual(9);
    expect(far.got.length).toBeLessThanOrEqual(10);
    await clock.runFor(1100);
    expect(far.got).toHaveLength(20);
    expect(near.connection.bufferedBytes).toBe(0);
  });

  it('is slowed by loss but loses nothing', async () => {
    const run = async (lossRate: number): Promise<number> => {
      const { clock, near, far } = await connected({ lossRate });
      const startMs = clock.elapsedMs;
      for (let i = 0; i < 100; i++) void near.connection.send(utf8Bytes(`${i}`));
      while (far.got.length < 100) await clock.runFor(10);
      expect(far.got.map(Number)).toEqual(Array.from({ length: 100 }, (_, i) => i));
      return clock.elapsedMs - startMs;
    };
    expect(await run(0.2)).toBeGreaterThan((await run(0)) + 200);
  });

  it('gives the receiver a copy: whoever changes bytes harms only itself', async () => {
    const { clock, near, far } = await connected();
    const message = utf8Bytes('kept');
    const seen: Uint8Array[] = [];
    far.connection.onMessage((bytes) => seen.push(bytes));
    void near.connection.send(message);
    await clock.runFor(100);
    seen[0]?.fill(0);
    expect(utf8Text(message)).toBe('kept');
  });

  it('tells the other end of a close only after what it has not read yet', async () => {
    const { clock, near, far } = await connected();
    far.connection.pause(true);
    void near.connection.send(utf8Bytes('read me first'));
    near.connection.close('done');
    await clock.runFor(1000);
    expect([far.got, far.closed]).toEqual([[], undefined]);
    far.connection.pause(false);
    await clock.runFor(1);
    expect([far.got, far.closed]).toEqual([['read me first'], { reason: 'remote', detail: 'done' }]);
  });
});
