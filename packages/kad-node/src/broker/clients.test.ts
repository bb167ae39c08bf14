import { type Address, type Crypto, type Signer, second, sha256, utf8Bytes } from '@batchain/shared';
import { createSimCrypto, createSimRuntime, type NatKind, SimDatagramSocket, SimNetwork, type Simulation } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeKadConfig } from '../kad-config.ts';
import { KadNode } from '../kad-node.ts';
import { SessionRpc } from '../rpc/session-rpc.ts';

let simulation: Simulation;
let network: SimNetwork;
let crypto: Crypto & { signerFromSeed(seed: Uint8Array): Signer };

beforeEach(() => {
  simulation = createSimRuntime('clients');
  network = new SimNetwork(simulation);
  crypto = createSimCrypto(simulation.runtime.entropy.fork('crypto'));
});

const settle = <T>(promise: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(promise, { deadlineMs: 60_000 });

async function start(name: string, nat?: NatKind): Promise<KadNode> {
  const host = network.addHost(nat === undefined ? { name } : { name, nat });
  const { runtime } = simulation.node(name);
  const signer = crypto.signerFromSeed(utf8Bytes(name));
  const rpc = new SessionRpc(runtime, new SimDatagramSocket(host, { port: 4870, address: host.addresses[0] as string }), signer, crypto, {
    network: { name: 'test' },
    ownHosts: () => host.addresses,
  });
  const node = new KadNode(runtime, { rpc, signer, crypto }, makeKadConfig({}, 'demo'));
  await node.start();
  return node;
}

async function startClient(name: string, join: Address, nat: NatKind = 'port-restr'): Promise<KadNode> {
  const node = await start(name, nat);
  node.setReachability({ isReachable: false });
  expect((await settle(node.bootstrap([join]))).isJoined).toBe(true);
  return node;
}

const knows = (node: KadNode, other: KadNode): boolean =>
  node.routes().buckets.some(({ contacts }) => contacts.some((contact) => contact.nodeId.join() === other.nodeId.join()));

describe('a client', () => {
  it('asks, stores and finds, and is entered in no table', async () => {
    const [one, two] = [await start('one'), await start('two')];
    await settle(two.bootstrap([one.localAddress]));
    await simulation.clock.runFor(3 * second);
    const client = await startClient('client', one.localAddress);
    const fileId = sha256(utf8Bytes('a file'));
    expect((await settle(client.announce(fileId))).storedOn).toBe(2);
    await simulation.clock.runFor(30 * second);
    expect([knows(one, client), knows(two, client), knows(client, one), knows(client, two)]).toEqual([false, false, true, true]);
    expect((await settle(two.findProviders(fileId))).hostIds).toEqual([client.nodeId]);
    expect((await settle(two.getContact(client.nodeId)))?.nodeId).toEqual(client.nodeId);
  });

  it('leaves the tables that it was in, and comes back when it can be reached', async () => {
    const [one, two] = [await start('one'), await start('two', 'full-cone')];
    await settle(two.bootstrap([one.localAddress]));
    await simulation.clock.runFor(3 * second);
    expect(knows(one, two)).toBe(true);
    two.setReachability({ isReachable: false });
    await settle(two.ping(one.localAddress));
    expect(knows(one, two)).toBe(false);
    expect(one.isJoined).toBe(true);
    two.setReachability({ isReachable: true });
    await settle(two.ping(one.localAddress));
    await settle(two.ping(one.localAddress));
    expect(knows(one, two)).toBe(true);
  });

  it('says so to those that ask it, too: in a WELCOME and in the session', async () => {
    const [one, open] = [await start('one'), await start('open')];
    open.setReachability({ isReachable: false });
    for (let i = 0; i < 2; i++) {
      expect((await settle(one.ping(open.localAddress))).ok).toBe(true);
      expect(knows(one, open)).toBe(false);
    }
  });

  it('is a server on its own network', async () => {
    const nat = network.addNat({ kind: 'port-restr' });
    const hosts = ['ana', 'bo'].map((name) => network.addHost({ name, behind: nat }));
    const [ana, bo] = await Promise.all(
      hosts.map(async (host) => {
        const { runtime } = simulation.node(`lan ${host.name}`);
        const signer = crypto.signerFromSeed(utf8Bytes(host.name));
        const socket = new SimDatagramSocket(host, { port: 4870, address: host.addresses[0] as string });
        const rpc = new SessionRpc(runtime, socket, signer, crypto, { network: { name: 'test' }, ownHosts: () => host.addresses });
        const node = new KadNode(runtime, { rpc, signer, crypto }, makeKadConfig({}, 'demo'));
        await node.start();
        node.setReachability({ isReachable: false });
        return node;
      }),
    );
    await settle((bo as KadNode).bootstrap([(ana as KadNode).localAddress]));
    await simulation.clock.runFor(3 * second);
    expect([knows(ana as KadNode, bo as KadNode), knows(bo as KadNode, ana as KadNode)]).toEqual([true, true]);
  });

  it('BN-29 makes a lone server part of a network: it is joined, and keeps what clients store', async () => {
    const server = await start('server');
    const [ana, bo] = [await startClient('ana', server.localAddress), await startClient('bo', server.localAddress, 'symmetric')];
    await simulation.clock.runFor(3 * second);
    expect(server.isJoined).toBe(true);
    expect(server.stats().contacts).toBe(0);
    const { key } = await settle(ana.putImmutable(utf8Bytes('a value')));
    expect(await settle(bo.getImmutable(key))).toEqual(utf8Bytes('a value'));
    expect((await settle(server.getContact(bo.nodeId)))?.nodeId).toEqual(bo.nodeId);
  });
});
