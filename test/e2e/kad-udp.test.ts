// Twenty KadNodes over real UDP on loopback, with real keys and the system's clock: the stories of the simulation once more.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { KadNode, type KadStateStore, MemoryKadStateStore, makeKadConfig, SessionRpc, UdpSocket } from '@batchain/kad-node';
import { createCrypto, keyPairFromSeed, NULL_LOGGER, type Signer, sha256, utf8Bytes } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const NODES = 20;
const nodes: KadNode[] = [];

function makeNode(signer: Signer, port: number, stateStore?: KadStateStore): KadNode {
  const runtime = createSystemRuntime({ log: NULL_LOGGER });
  const crypto = createCrypto();
  const rpc = new SessionRpc(runtime, new UdpSocket({ host: '127.0.0.1', port }), signer, crypto, {
    network: { name: 'kad-udp e2e' },
    ownHosts: () => ['127.0.0.1'],
  });
  return new KadNode(runtime, { rpc, signer, crypto, ...(stateStore === undefined ? {} : { stateStore }) }, makeKadConfig({}, 'demo'));
}

async function addNode(): Promise<KadNode> {
  const node = makeNode(keyPairFromSeed(randomBytes(32)), 0);
  await node.start();
  const [first] = nodes;
  if (first !== undefined) expect((await node.bootstrap([first.localAddress])).isJoined).toBe(true);
  nodes.push(node);
  return node;
}

const hex = (id: Uint8Array): string => Buffer.from(id).toString('hex');

function nearest(key: Uint8Array, among: readonly KadNode[]): string[] {
  const distance = (node: KadNode): Buffer => Buffer.from(node.nodeId.map((byte, i) => byte ^ (key[i] as number)));
  return [...among].sort((a, b) => Buffer.compare(distance(a), distance(b))).map((node) => hex(node.nodeId));
}

beforeAll(async () => {
  while (nodes.length < NODES) await addNode();
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
});

describe('twenty nodes over UDP', () => {
  it('BD-05 BN-11 BN-12 find the nodes nearest to any key', async () => {
    for (let i = 0; i < 30; i++) {
      const asker = nodes[i % NODES] as KadNode;
      const key = randomBytes(32);
      const { contacts } = await asker.findContacts(key, { count: 5 });
      const others = nodes.filter((node) => node !== asker);
      expect(contacts.map((contact) => hex(contact.nodeId))).toEqual(nearest(key, others).slice(0, 5));
    }
  });

  it('BN-01 DF-01 announce files and find their hosts', async () => {
    const fileId = sha256(randomBytes(32));
    const hosts = nodes.slice(3, 8);
    await Promise.all(hosts.map((host) => host.announce(fileId)));
    const found = await (nodes.at(-1) as KadNode).findProviders(fileId);
    expect(found.hostIds.map(hex).sort()).toEqual(hosts.map((host) => hex(host.nodeId)).sort());
    expect(found.records).toHaveLength(5);
  });

  it('BD-46 DF-10 DF-11 store and read many values at the same time', async () => {
    const values = Array.from({ length: 50 }, (_, n) => utf8Bytes(`value ${n}`));
    const puts = await Promise.all(values.map((value, n) => (nodes[n % NODES] as KadNode).putImmutable(value)));
    const gets = await Promise.all(puts.map(({ key }, n) => (nodes[(n + 7) % NODES] as KadNode).getImmutable(key)));
    expect(gets).toEqual(values);
  });

  it('DF-18 DF-22 BN-28 notice a stopped node within seconds, and take it back when it returns', async () => {
    const seed = randomBytes(32);
    const stateStore = new MemoryKadStateStore();
    const [first] = nodes as [KadNode];
    const guest = makeNode(keyPairFromSeed(seed), 0, stateStore);
    await guest.start();
    await guest.bootstrap([first.localAddress]);
    const { port } = guest.localAddress;
    expect((await first.ping(guest.localAddress)).ok).toBe(true);
    const isGuest = ({ nodeId }: { nodeId: Uint8Array }): boolean => hex(nodeId) === hex(guest.nodeId);
    const isGone = new Promise<void>((resolve) => first.events.on('contact-dropped', (contact) => isGuest(contact) && resolve()));
    await guest.stop();
    const stoppedAt = performance.now();
    await isGone;
    expect(performance.now() - stoppedAt).toBeLessThan(30_000);
    const isBack = new Promise<void>((resolve) => first.events.on('contact-added', (contact) => isGuest(contact) && resolve()));
    const again = makeNode(keyPairFromSeed(seed), port, stateStore);
    const joined = once(again.events, 'joined');
    await again.start();
    await joined;
    await isBack;
    await again.stop();
  });
});
