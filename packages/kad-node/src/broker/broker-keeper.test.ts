import { type BrokerContact, type Crypto, formatAddress, hour, minute, type Signer, second, toHex, utf8Bytes } from '@batchain/shared';
import { createSimCrypto, createSimRuntime, SimDatagramSocket, type SimHost, SimNetwork, type Simulation } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeKadConfig } from '../kad-config.ts';
import { KadNode } from '../kad-node.ts';
import { SessionRpc } from '../rpc/session-rpc.ts';
import type { ReceivedSignal } from './signal-broker.ts';

let simulation: Simulation;
let network: SimNetwork;
let crypto: Crypto & { signerFromSeed(seed: Uint8Array): Signer };

beforeEach(() => {
  simulation = createSimRuntime('broker-keeper');
  network = new SimNetwork(simulation);
  crypto = createSimCrypto(simulation.runtime.entropy.fork('crypto'));
});

const settle = <T>(promise: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(promise, { deadlineMs: 60_000 });

async function start(host: SimHost, join?: KadNode, isReachable = true): Promise<KadNode> {
  const { runtime } = simulation.node(host.name);
  const signer = crypto.signerFromSeed(utf8Bytes(host.name));
  const rpc = new SessionRpc(runtime, new SimDatagramSocket(host, { port: 4870, address: host.addresses[0] as string }), signer, crypto, {
    network: { name: 'test' },
    ownHosts: () => host.addresses,
  });
  const node = new KadNode(runtime, { rpc, signer, crypto }, makeKadConfig());
  await node.start();
  node.setReachability({ isReachable });
  if (!isReachable) node.setContact({ kadAddresses: [], flags: { ...node.contact.contact.flags, isPublic: false } });
  if (join !== undefined) expect((await settle(node.bootstrap([join.localAddress]))).isJoined).toBe(true);
  return node;
}

/** Public servers that know one another. */
async function startServers(count: number): Promise<{ readonly hosts: SimHost[]; readonly servers: KadNode[] }> {
  const hosts = Array.from({ length: count }, (_, n) => network.addHost({ name: `server ${n}` }));
  const servers: KadNode[] = [];
  for (const host of hosts) servers.push(await start(host, servers[0]));
  await simulation.clock.runFor(3 * second);
  return { hosts, servers };
}

const brokersOf = (node: KadNode): string[] => node.contact.contact.brokers.map(({ kad }) => formatAddress(kad));

describe('brokers', () => {
  it('BN-30 are three servers that the record names, and a signal comes through after hours of silence', async () => {
    const { servers } = await startServers(6);
    const client = await start(network.addHost({ name: 'client', nat: 'port-restr' }), servers[0], false);
    const received: ReceivedSignal[] = [];
    client.onSignal((signal) => received.push(signal));
    await simulation.clock.runFor(5 * second);
    const brokers = brokersOf(client);
    expect(new Set(brokers).size).toBe(3);
    await simulation.clock.runFor(2.4 * hour);
    expect(brokersOf(client)).toEqual(brokers);
    const ana = await start(network.addHost({ name: 'ana', nat: 'symmetric' }), servers[1], false);
    const sent = await settle(ana.sendSignal({ nodeId: client.nodeId }, utf8Bytes('call')));
    expect(sent.ok && brokers.includes(formatAddress(sent.value.via))).toBe(true);
    for (let round = 0; round < 4; round++) {
      for (const { kad } of client.contact.contact.brokers) {
        await simulation.clock.runFor(50 * second);
        const target = { nodeId: client.nodeId, via: kad };
        expect(await settle(ana.sendSignal(target, utf8Bytes('call')))).toEqual({ ok: true, value: { via: kad } });
      }
    }
    await simulation.clock.runFor(1 * second);
    expect(received.map(({ from, bytes }) => [from, bytes])).toEqual(Array(13).fill([ana.nodeId, utf8Bytes('call')]));
    const known = servers.flatMap((server) =>
      server.routes().buckets.flatMap(({ contacts }) => contacts.map(({ nodeId }) => toHex(nodeId))),
    );
    expect(new Set(known).size).toBe(6);
  });

  it('BN-28 are replaced within seconds of a ping when they die, and the new record is found', async () => {
    const { hosts, servers } = await startServers(6);
    const client = await start(network.addHost({ name: 'client', nat: 'port-restr' }), servers[0], false);
    await simulation.clock.runFor(10 * second);
    const changes: (readonly BrokerContact[])[] = [];
    client.events.on('brokers-changed', ({ brokers }) => changes.push(brokers));
    const before = brokersOf(client);
    const dead = hosts.filter((host) => before.includes(`${host.addresses[0]}:4870`)).slice(0, 2);
    for (const host of dead) network.kill(host);
    await simulation.clock.runFor(35 * second);
    const after = brokersOf(client);
    expect(after).toHaveLength(3);
    expect(after.filter((broker) => dead.some((host) => broker.startsWith(`${host.addresses[0]}:`)))).toEqual([]);
    expect(changes.map((brokers) => brokers.length)).toEqual([3]);
    const living = servers.filter((server) => !dead.some(({ addresses }) => addresses[0] === server.localAddress.host));
    const found = await settle((living[0] as KadNode).getContact(client.nodeId, { isFresh: true }));
    expect(found?.contact.brokers.map(({ kad }) => formatAddress(kad)).sort()).toEqual([...after].sort());
  });

  it('are not needed any more once others reach us', async () => {
    const { servers } = await startServers(3);
    const client = await start(network.addHost({ name: 'client', nat: 'full-cone' }), servers[0], false);
    await simulation.clock.runFor(5 * second);
    expect(brokersOf(client)).toHaveLength(3);
    expect(client.brokerState().wantedForMs).toBeGreaterThanOrEqual(5 * second);
    client.setReachability({ isReachable: true });
    expect(brokersOf(client)).toEqual([]);
    expect(client.brokerState()).toMatchObject({ count: 0, wantedForMs: undefined });
    await simulation.clock.runFor(2 * minute);
    expect(brokersOf(client)).toEqual([]);
    client.setReachability({ isReachable: false });
    await simulation.clock.runFor(1 * second);
    expect(brokersOf(client)).toHaveLength(3);
    expect(client.brokerState().wantedForMs).toBe(1 * second);
  });

  it('are servers that anybody reaches: not those that say otherwise, not clients', async () => {
    const { servers } = await startServers(5);
    const [, shy, turned] = servers as [KadNode, KadNode, KadNode];
    shy.setContact({ flags: { ...shy.contact.contact.flags, isPublic: false } });
    const client = await start(network.addHost({ name: 'client', nat: 'port-restr' }), servers[0], false);
    await simulation.clock.runFor(30 * second);
    expect(brokersOf(client)).toHaveLength(3);
    expect(brokersOf(client)).not.toContain(formatAddress(shy.localAddress));
    turned.setReachability({ isReachable: false });
    await simulation.clock.runFor(60 * second);
    expect(brokersOf(client)).not.toContain(formatAddress(turned.localAddress));
  });

  it('BN-27 know us at our new outer address right after they were checked', async () => {
    const { servers } = await startServers(3);
    const nat = network.addNat({ kind: 'port-restr' });
    const client = await start(network.addHost({ name: 'client', behind: nat }), servers[0], false);
    const ana = await start(network.addHost({ name: 'ana' }), servers[1]);
    let received = 0;
    client.onSignal(() => received++);
    await simulation.clock.runFor(30 * second);
    nat.rebind('203.0.113.77');
    await settle(client.checkBrokers());
    for (const { nodeId, kad } of client.contact.contact.brokers) {
      expect(await settle(ana.sendSignal({ nodeId: client.nodeId, record: client.contact, via: kad }, nodeId))).toMatchObject({
        value: { via: kad },
      });
      await simulation.clock.runFor(1 * second);
    }
    expect(received).toBe(3);
  });

  it('stay in the record while nobody answers at all', async () => {
    const { servers } = await startServers(3);
    const host = network.addHost({ name: 'client', nat: 'port-restr' });
    const client = await start(host, servers[0], false);
    await simulation.clock.runFor(5 * second);
    const brokers = brokersOf(client);
    const heal = network.isolate(host);
    await simulation.clock.runFor(2 * minute);
    expect(brokersOf(client)).toEqual(brokers);
    expect(client.brokerState()).toMatchObject({ count: 3, isCutOff: true });
    expect(client.brokerState().silentMs).toBeGreaterThan(90 * second);
    heal();
    await simulation.clock.runFor(70 * second);
    expect(client.brokerState()).toMatchObject({ count: 3, isCutOff: false });
    expect(client.brokerState().silentMs).toBeLessThan(30 * second);
    let received = 0;
    client.onSignal(() => received++);
    const [asker] = servers as [KadNode];
    expect((await settle(asker.sendSignal({ nodeId: client.nodeId, record: client.contact }, utf8Bytes('call')))).ok).toBe(true);
    await simulation.clock.runFor(1 * second);
    expect(received).toBe(1);
  });

  it('know that clients are there, though they know nobody themselves', async () => {
    const server = await start(network.addHost({ name: 'server' }));
    expect(server).toMatchObject({ knowsNobody: true, hasClients: false });
    const client = await start(network.addHost({ name: 'client', nat: 'port-restr' }), server, false);
    await simulation.clock.runFor(5 * second);
    expect(server).toMatchObject({ knowsNobody: true, hasClients: true });
    expect(client).toMatchObject({ knowsNobody: false, hasClients: false });
    await settle(client.stop());
    await simulation.clock.runFor(2 * minute);
    expect(server.hasClients).toBe(false);
  });

  it('are asked for anew by whoever made two checks at once', async () => {
    const { servers } = await startServers(3);
    const client = await start(network.addHost({ name: 'client', nat: 'port-restr' }), servers[0], false);
    await settle(Promise.all([client.checkBrokers(), client.checkBrokers(), client.checkBrokers()]));
    expect(brokersOf(client)).toHaveLength(3);
    await settle(client.stop());
    await expect(client.checkBrokers()).rejects.toMatchObject({ code: 'BAT_E_NODE_STOPPED' });
  });
});
