import { type Address, createCrypto, type DatagramSocket, keyPairFromSeed, second } from '@batchain/shared';
import { createSimRuntime, SimDatagramSocket, SimDialer, type SimHost, SimListener, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { BatSession, BatStream } from '../connection/bat-session.ts';
import { CreditBudget } from '../connection/credit.ts';
import { openSession } from '../connection/session.ts';
import { TUNNEL_IDLE_MS, TUNNELS_MAX, TUNNELS_PER_IP_MAX } from '../limits.ts';
import { MemoryShardStore } from '../storage/memory-shard-store.ts';
import { ShardServer } from '../transfer/shard-server.ts';
import { batRequestCodec } from '../wire/frame-codecs.ts';
import { encodeTunnelled } from './tunnel-frame.ts';
import { TunnelService } from './tunnel-service.ts';
import { openTunnel, type TunnelSocket } from './tunnel-socket.ts';

const networkKey = new Uint8Array(32).fill(5);
const signal = new AbortController().signal;
const kad = (...rest: number[]): Uint8Array => Uint8Array.of(0xbc, ...rest);

interface Got {
  readonly bytes: number[];
  readonly from: Address;
}

function makeWorld(options: { readonly isServing?: boolean; readonly makeSocket?: (host: SimHost) => DatagramSocket } = {}) {
  const simulation = createSimRuntime('tunnels');
  const network = new SimNetwork(simulation, { link: { latencyMs: [10, 10], bytesPerSecond: 10_000_000 } });
  const carrier = { host: network.addHost({ name: 'carrier' }), identity: keyPairFromSeed(new Uint8Array(32).fill(99)) };
  const { runtime } = simulation.node('carrier');
  const service = new TunnelService(runtime, {
    makeSocket: () => options.makeSocket?.(carrier.host) ?? new SimDatagramSocket(carrier.host),
    ownHosts: () => carrier.host.addresses,
    publicHost: () => undefined,
  });
  const server = new ShardServer(runtime, {
    store: new MemoryShardStore(runtime, { offerBytes: 0 }),
    signer: carrier.identity,
    verifier: createCrypto().verifier,
    onShardHeld: () => undefined,
    isLeaving: () => false,
    tunnels: options.isServing === false ? undefined : service,
  });
  const config = (nodeId: typeof carrier.identity.nodeId) => ({ nodeId, networkKey, shardBytesMax: 0, relays: false });
  const listener = new SimListener(carrier.host, carrier.identity, { port: 4880 });
  const carrierSessions: BatSession[] = [];
  const listening = listener.listen((connection) => {
    const serving = {
      ...config(carrier.identity.nodeId),
      onStream: (session: BatSession, stream: BatStream) => server.serve(session, stream),
    };
    void openSession(runtime, connection, new CreditBudget(), serving).then((opened) => opened.ok && carrierSessions.push(opened.value));
  });
  let seed = 0;
  /** A session from a host without UDP (or the given one) to the carrier. */
  const connect = async (host = network.addHost({ nat: 'udp-blocked' }), identity = keyPairFromSeed(new Uint8Array(32).fill(++seed))) => {
    await listening;
    const dialled = await new SimDialer(host, identity).dial(carrier.host.address(4880), undefined, { timeoutMs: 5000 });
    if (!dialled.ok) throw new Error(dialled.reason);
    const { runtime: own } = simulation.node(`user ${seed}`);
    const session = await openSession(own, dialled.value, new CreditBudget(), {
      ...config(identity.nodeId),
      onStream: async () => undefined,
    });
    if (!session.ok) throw new Error(session.reason);
    return session.value;
  };
  const tunnelOf = async (session: BatSession): Promise<{ tunnel: TunnelSocket; got: Got[] }> => {
    const tunnel = await openTunnel(session, { signal });
    if (!tunnel.ok) throw new Error(`${tunnel.reason} ${tunnel.detail}`);
    const got: Got[] = [];
    await tunnel.value.open((bytes, from) => got.push({ bytes: [...bytes], from }));
    return { tunnel: tunnel.value, got };
  };
  /** Somebody with UDP. */
  const addPeer = async () => {
    const host = network.addHost();
    const socket = new SimDatagramSocket(host, { port: 4870 });
    const got: Got[] = [];
    await socket.open((bytes, from) => got.push({ bytes: [...bytes], from }));
    return { address: host.address(4870), socket, got };
  };
  const tell = (story: () => Promise<void>): Promise<void> => simulation.clock.runUntilSettled(story(), { deadlineMs: 3600 * second });
  return { clock: simulation.clock, network, carrier, carrierSessions, service, connect, tunnelOf, addPeer, tell };
}

const tale = (title: string, tell: (world: ReturnType<typeof makeWorld>) => Promise<void>, options = {}): void =>
  it(title, () => {
    const world = makeWorld(options);
    return world.tell(() => tell(world));
  });

describe('a tunnel', () => {
  tale('carries Kad datagrams both ways: the node without UDP has an address where everybody reaches it', async (world) => {
    const [ben, cem] = [await world.addPeer(), await world.addPeer()];
    const { tunnel, got } = await world.tunnelOf(await world.connect());
    expect(tunnel.localAddress.host).toBe(world.carrier.host.addresses[0]);
    tunnel.send(kad(1, 2), ben.address);
    await world.clock.sleep(100);
    expect(ben.got).toEqual([{ bytes: [0xbc, 1, 2], from: tunnel.localAddress }]);
    ben.socket.send(kad(3), tunnel.localAddress);
    cem.socket.send(kad(4), tunnel.localAddress);
    await world.clock.sleep(100);
    expect(got).toContainEqual({ bytes: [0xbc, 3], from: ben.address });
    expect(got, 'from somebody who was never written to').toContainEqual({ bytes: [0xbc, 4], from: cem.address });
    tunnel.send(new Uint8Array(1200).fill(0xbc), cem.address);
    await world.clock.sleep(100);
    expect(cem.got).toEqual([{ bytes: Array(1200).fill(0xbc), from: tunnel.localAddress }]);
    expect(world.service.usage()).toEqual({ open: 1, passedOut: 2, passedIn: 2, dropped: 0 });
  });

  tale('T6 carries no STUN, neither in nor out, whatever its user writes into the stream', async (world) => {
    const ben = await world.addPeer();
    const session = await world.connect();
    const stream = await session.openStream();
    await stream.sendControl(batRequestCodec.encode({ verb: 'kad-tunnel' }));
    await stream.next();
    const stun = Uint8Array.of(0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...new Uint8Array(12));
    for (const bytes of [stun, Uint8Array.of(1), new Uint8Array(0)])
      await stream.sendControl(encodeTunnelled({ address: ben.address, bytes }));
    await world.clock.sleep(1000);
    expect(ben.got).toEqual([]);
    expect(world.service.usage()).toMatchObject({ open: 1, passedOut: 0, dropped: 3 });
    await stream.sendControl(Uint8Array.of(6, 1, 2));
    await expect(stream.next()).rejects.toMatchObject({ reason: 'malformed' });
    expect(world.service.usage().open).toBe(0);
  });

  tale('T8 a user that floods an address which does not answer has three datagrams a second arrive there', async (world) => {
    const host = world.network.addHost();
    const arrivals: number[] = [];
    await new SimDatagramSocket(host, { port: 4870 }).open(() => arrivals.push(world.clock.monotonicMs()));
    const users = await Promise.all([0, 1, 2].map(async () => world.tunnelOf(await world.connect())));
    for (let n = 0; n < 400; n++) {
      for (const { tunnel } of users) tunnel.send(kad(n & 255), host.address(4870));
      await world.clock.sleep(25);
    }
    const perSecond = arrivals.map((start) => arrivals.filter((atMs) => atMs >= start && atMs < start + 1000).length);
    expect(Math.max(...perSecond)).toBe(3);
    expect(arrivals.length).toBeGreaterThan(20);
  });

  tale('ends with its stream: by its user, by a silence of two minutes, with the session; the socket goes with it', async (world) => {
    const ben = await world.addPeer();
    const session = await world.connect();
    const { tunnel } = await world.tunnelOf(session);
    await tunnel.close();
    expect(await tunnel.closed).toBe('local');
    const { tunnel: other } = await world.tunnelOf(session);
    for (let n = 0; n < 5; n++) {
      await world.clock.sleep(TUNNEL_IDLE_MS - 1000);
      other.send(kad(n), ben.address);
    }
    expect(ben.got).toHaveLength(4);
    await world.clock.sleep(1000);
    const beganMs = world.clock.monotonicMs();
    expect(await other.closed).toBe('idle');
    expect(world.clock.monotonicMs() - beganMs).toBeLessThanOrEqual(TUNNEL_IDLE_MS);
    const { tunnel: third } = await world.tunnelOf(session);
    const { localAddress } = third;
    world.carrierSessions[0]?.close('stopping');
    expect(await third.closed).toBe('closed');
    expect(world.service.usage().open).toBe(0);
    ben.socket.send(kad(9), localAddress);
    await world.clock.sleep(100);
    expect(world.network.dropCounts).toMatchObject({ unbound: 1 });
  });

  tale('T14 a second one of the same node replaces the first; two per IP, 32 in all', async (world) => {
    const nat = world.network.addNat({ kind: 'udp-blocked' });
    const first = await world.connect();
    const { tunnel } = await world.tunnelOf(first);
    const again = await world.tunnelOf(first);
    expect(await tunnel.closed).toBe('replaced');
    expect(world.service.usage().open).toBe(1);
    await again.tunnel.close();
    const ofOneIp = await Promise.all([0, 1, 2].map(() => world.connect(world.network.addHost({ behind: nat }))));
    const outcomes = [];
    for (const session of ofOneIp) outcomes.push((await openTunnel(session, { signal })).ok);
    expect(outcomes).toEqual([true, true, false]);
    expect(outcomes.filter(Boolean)).toHaveLength(TUNNELS_PER_IP_MAX);
    while (world.service.usage().open < TUNNELS_MAX) await world.tunnelOf(await world.connect());
    expect(await openTunnel(await world.connect(), { signal })).toEqual({ ok: false, reason: 'refused', detail: 'all tunnels are taken' });
  });

  tale('lives on longer than any request may take', async (world) => {
    const ben = await world.addPeer();
    const session = await world.connect();
    const { tunnel } = await world.tunnelOf(session);
    for (let n = 0; n < 30; n++) {
      await world.clock.sleep(30_000);
      tunnel.send(kad(n), ben.address);
    }
    await world.clock.sleep(100);
    expect(ben.got).toHaveLength(30);
  });

  tale(
    'is refused by who serves none',
    async (world) => {
      expect(await openTunnel(await world.connect(), { signal })).toEqual({ ok: false, reason: 'refused', detail: 'no tunnels here' });
    },
    { isServing: false },
  );

  tale(
    'is refused when no socket can be had, and leaves its place to others',
    async (world) => {
      const { tunnel } = await world.tunnelOf(await world.connect());
      expect(await openTunnel(await world.connect(), { signal })).toEqual({ ok: false, reason: 'refused', detail: 'no socket' });
      expect(world.service.usage().open).toBe(1);
      await tunnel.close();
      await world.clock.sleep(100);
      await world.tunnelOf(await world.connect());
    },
    { makeSocket: (host: SimHost) => new SimDatagramSocket(host, { port: 7 }) },
  );

  tale('T14 of which no datagram is taken loses what waits, and memory stays bounded', async (world) => {
    const ben = await world.addPeer();
    const session = await world.connect();
    const { tunnel } = await world.tunnelOf(session);
    world.carrierSessions[0]?.connection.pause(true);
    for (let n = 0; n < 10_000; n++) tunnel.send(new Uint8Array(1200).fill(0xbc), ben.address);
    expect(session.connection.bufferedBytes).toBeLessThan(200_000);
    world.carrierSessions[0]?.connection.pause(false);
    await world.clock.sleep(1000);
    expect(world.service.usage().passedOut + world.service.usage().dropped).toBeLessThanOrEqual(64);
  });
});
