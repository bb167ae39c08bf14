import { describe, expect, it } from 'vitest';
import { utf8Bytes, utf8Text } from '../core/bytes.ts';
import type { Address } from '../net/address.ts';
import type { LinkModel } from './link-model.ts';
import { SimDatagramSocket } from './sim-datagram-socket.ts';
import type { SimHost } from './sim-host.ts';
import { SimNetwork, type TrafficEvent } from './sim-network.ts';
import { createSimRuntime } from './sim-runtime.ts';
import { countTraffic } from './traffic-count.ts';

function makeNetwork(link: Partial<LinkModel> = {}, seed: number | string = 1) {
  const simulation = createSimRuntime(seed);
  return { network: new SimNetwork(simulation, { link }), clock: simulation.clock };
}

/** A socket that writes down what it gets, with the time. */
async function listen(host: SimHost, port = 4870) {
  const socket = new SimDatagramSocket(host, { port });
  const got: { text: string; from: Address; atMs: number }[] = [];
  await socket.open((bytes, from) => got.push({ text: utf8Text(bytes) ?? '', from, atMs: host.network.simulation.clock.elapsedMs }));
  return { socket, got, texts: () => got.map(({ text }) => text), address: host.address(port) };
}

async function anaAndBo(link: Partial<LinkModel> = {}, seed: number | string = 1) {
  const { network, clock } = makeNetwork(link, seed);
  const [anaHost, boHost] = [network.addHost({ name: 'ana' }), network.addHost({ name: 'bo' })];
  const [ana, bo] = [await listen(anaHost), await listen(boHost)];
  const say = (text: string): void => ana.socket.send(utf8Bytes(text), bo.address);
  return { network, clock, anaHost, boHost, ana, bo, say };
}

describe('SimNetwork', () => {
  it('carries a datagram to the address it is sent to, with its source, after the latency of the pair', async () => {
    const { clock, ana, bo, say } = await anaAndBo({ latencyMs: [20, 40], jitterMs: 0 });
    say('first');
    say('second');
    expect(bo.got).toEqual([]);
    await clock.runFor(100);
    expect(bo.texts()).toEqual(['first', 'second']);
    const [first, second] = bo.got;
    expect(first?.from).toEqual(ana.address);
    expect(first?.atMs).toBeGreaterThanOrEqual(20);
    expect(first?.atMs).toBeLessThanOrEqual(40);
    expect(second?.atMs).toBe(first?.atMs);
    bo.socket.send(utf8Bytes('back'), ana.address);
    await clock.runFor(100);
    expect((ana.got[0]?.atMs ?? 0) - 100).toBeCloseTo(first?.atMs ?? 0);
  });

  it('gives the receiver bytes of its own', async () => {
    const { clock, ana, bo } = await anaAndBo({ duplicateRate: 1 });
    const bytes = utf8Bytes('before');
    ana.socket.send(bytes, bo.address);
    bytes.fill(0);
    await clock.runFor(100);
    expect(bo.texts()).toEqual(['before', 'before']);
  });

  it('lets what is sent to an unbound or unknown address vanish', async () => {
    const { network, clock, ana, bo, boHost } = await anaAndBo();
    ana.socket.send(utf8Bytes('wrong port'), boHost.address(9));
    ana.socket.send(utf8Bytes('nobody'), { host: '198.51.100.1', port: 4870 });
    ana.socket.send(utf8Bytes('private'), { host: '192.168.1.10', port: 4870 });
    await bo.socket.close();
    ana.socket.send(utf8Bytes('closed'), bo.address);
    await clock.runFor(100);
    expect(bo.got).toEqual([]);
    expect(network.dropCounts).toEqual({ unbound: 2, 'no-route': 2 });
  });

  it('drops what no UDP datagram can hold, and carries what one just can', async () => {
    const { network, clock, ana, bo } = await anaAndBo();
    ana.socket.send(new Uint8Array(65_508), bo.address);
    ana.socket.send(new Uint8Array(65_507), bo.address);
    await clock.runFor(100);
    expect(bo.got).toHaveLength(1);
    expect(network.dropCounts).toEqual({ 'too-large': 1 });
  });

  it('loses, doubles and reorders as the link says, the same way for the same seed', async () => {
    const run = async (seed: number): Promise<string[]> => {
      const { clock, bo, say } = await anaAndBo({ lossRate: 0.2, duplicateRate: 0.1, reorderRate: 0.1, reorderMs: 500 }, seed);
      for (let i = 0; i < 1000; i++) {
        say(`${i}`);
        await clock.runFor(10);
      }
      await clock.runFor(1000);
      return bo.texts();
    };
    const got = await run(5);
    expect(got.length).toBeGreaterThan(800);
    expect(got.length).toBeLessThan(950);
    expect(new Set(got).size).toBeLessThan(got.length);
    expect(got.map(Number)).not.toEqual(got.map(Number).toSorted((a, b) => a - b));
    expect(await run(5)).toEqual(got);
    expect(await run(6)).not.toEqual(got);
  });

  it('cuts one way and both ways, isolates a host, and heals', async () => {
    const { network, clock, anaHost, boHost, ana, bo, say } = await anaAndBo();
    const exchange = async (): Promise<[number, number]> => {
      const before = [bo.got.length, ana.got.length] as const;
      say('there');
      bo.socket.send(utf8Bytes('back'), ana.address);
      await clock.runFor(200);
      return [bo.got.length - before[0], ana.got.length - before[1]];
    };
    const healOneWay = network.partition(anaHost, boHost, { isOneWay: true });
    expect(await exchange()).toEqual([0, 1]);
    healOneWay();
    network.partition([anaHost], [boHost]);
    expect(await exchange()).toEqual([0, 0]);
    network.heal();
    expect(await exchange()).toEqual([1, 1]);
    const plug = network.isolate(boHost);
    expect(await exchange()).toEqual([0, 0]);
    plug();
    expect(await exchange()).toEqual([1, 1]);
  });

  it('holds up what is sent over a clogged path and delivers it at once afterwards, in order', async () => {
    const { network, clock, anaHost, boHost, bo, say } = await anaAndBo({ jitterMs: 0 });
    network.clog(anaHost, boHost, 5000);
    for (let i = 0; i < 5; i++) {
      say(`${i}`);
      await clock.runFor(100);
    }
    await clock.runUntil(4999);
    expect(bo.got).toEqual([]);
    await clock.runFor(1);
    expect(bo.texts()).toEqual(['0', '1', '2', '3', '4']);
    say('after');
    await clock.runFor(100);
    expect(bo.texts()).toContain('after');
  });

  it('clogs paths by itself when the link says so', async () => {
    const { clock, bo, say } = await anaAndBo({ clogRate: 1, clogMs: 3000, jitterMs: 0 });
    say('stuck');
    await clock.runFor(3100);
    expect(bo.got[0]?.atMs).toBeGreaterThan(100);
  });

  it('lets a killed host fall silent and its ports be bound again after a revival', async () => {
    const { network, clock, boHost, bo, ana, say } = await anaAndBo();
    network.kill(boHost);
    say('too late');
    bo.socket.send(utf8Bytes('from the dead'), ana.address);
    await clock.runFor(100);
    expect([bo.got.length, ana.got.length]).toEqual([0, 0]);
    await expect(listen(boHost)).rejects.toMatchObject({ code: 'BAT_E_PORT_IN_USE' });
    network.revive(boHost);
    const again = await listen(boHost);
    say('hello again');
    await clock.runFor(100);
    expect([again.texts(), bo.texts()]).toEqual([['hello again'], []]);
  });

  it('sends from the address that the socket is bound to, and receives only at it', async () => {
    const { network, clock } = makeNetwork();
    const host = network.addHost({ address: ['203.0.113.10', '203.0.113.11', '2001:db8::10'] });
    const peer = await listen(network.addHost({ address: '203.0.113.20' }));
    const second = new SimDatagramSocket(host, { port: 7000, address: '203.0.113.11' });
    const seen: string[] = [];
    await second.open((bytes) => seen.push(utf8Text(bytes) ?? ''));
    expect(second.localAddress).toEqual({ host: '203.0.113.11', port: 7000 });
    second.send(utf8Bytes('x'), peer.address);
    peer.socket.send(utf8Bytes('right'), { host: '203.0.113.11', port: 7000 });
    peer.socket.send(utf8Bytes('wrong'), { host: '203.0.113.10', port: 7000 });
    await clock.runFor(200);
    expect(peer.got[0]?.from).toEqual({ host: '203.0.113.11', port: 7000 });
    expect(seen).toEqual(['right']);
  });

  it('hands out free ports, and refuses one that is taken', async () => {
    const { network } = makeNetwork();
    const host = network.addHost();
    const sockets = [0, 0, 0].map(() => new SimDatagramSocket(host));
    for (const socket of sockets) await socket.open(() => undefined);
    const ports = sockets.map((socket) => socket.localAddress.port);
    expect(new Set(ports).size).toBe(3);
    expect(sockets[0]?.localAddress.host).toBe('0.0.0.0');
    await expect(new SimDatagramSocket(host, { port: ports[0] as number }).open(() => undefined)).rejects.toMatchObject({
      code: 'BAT_E_PORT_IN_USE',
    });
  });

  it('shows all traffic to a tap, so that a test can search it for a planted marker', async () => {
    const { network, clock, boHost, bo, say } = await anaAndBo();
    const seen: TrafficEvent[] = [];
    const end = network.tap((event) => seen.push(event));
    say('PLANTED-MARKER');
    await clock.runFor(100);
    await bo.socket.close();
    say('unbound');
    await clock.runFor(100);
    end();
    say('unseen');
    expect(seen.map(({ stage, host, reason }) => [stage, host?.name, reason])).toEqual([
      ['sent', 'ana', undefined],
      ['delivered', 'bo', undefined],
      ['sent', 'ana', undefined],
      ['dropped', 'ana', 'unbound'],
    ]);
    expect(utf8Text(seen[1]?.bytes ?? new Uint8Array())).toBe('PLANTED-MARKER');
    expect(boHost.counters).toEqual({ sentDatagrams: 0, sentBytes: 0, receivedDatagrams: 1, receivedBytes: 14 });
  });

  it('counts what a host gave to a forged address: the measure of amplification (I8)', async () => {
    const { network, clock, boHost, bo } = await anaAndBo();
    const victim = { host: '198.51.100.7', port: 53 };
    const traffic = countTraffic(boHost, victim);
    const echo = new SimDatagramSocket(boHost, { port: 7 });
    await echo.open((bytes, from) => echo.send(bytes, from));
    network.inject(victim, boHost.address(7), new Uint8Array(50));
    network.inject(victim, bo.address, new Uint8Array(20));
    await clock.runFor(100);
    expect(traffic()).toEqual({ sentBytes: 50, sentDatagrams: 1, receivedBytes: 70, receivedDatagrams: 2 });
  });

  it('gives hosts public addresses in networks of their own', () => {
    const { network } = makeNetwork();
    const groups = Array.from({ length: 600 }, () => network.addHost().addresses[0]?.split('.').slice(0, 3).join('.'));
    expect(new Set(groups).size).toBe(600);
    expect(() => network.addHost({ address: 'not an address' })).toThrow('is an IP literal');
    expect(() => network.addHost({ address: network.hosts[0]?.addresses[0] as string })).toThrow('is taken');
  });
});
