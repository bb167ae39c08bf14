// A liar among KadNodes on loopback gives names to the address of a socket that speaks no Kad: what reaches that socket (T3, T6).
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { type CompactContact, KadNode, type KadRequest, type KadResponse, makeKadConfig, SessionRpc, UdpSocket } from '@batchain/kad-node';
import { type Address, createCrypto, keyPairFromSeed, type NodeId, NULL_LOGGER, sha256 } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';

const HONEST = 6;
const FILES = 4;
const NAMES = 16;
const ends: (() => Promise<void>)[] = [];

function makeRpc(runtime = createSystemRuntime({ log: NULL_LOGGER })) {
  const signer = keyPairFromSeed(randomBytes(32));
  const crypto = createCrypto();
  const rpc = new SessionRpc(runtime, new UdpSocket({ host: '127.0.0.1', port: 0 }), signer, crypto, {
    network: { name: 'kad-victim e2e' },
    ownHosts: () => ['127.0.0.1'],
  });
  return { runtime, signer, crypto, rpc };
}

async function addNode(known: readonly KadNode[]): Promise<KadNode> {
  const { runtime, ...parts } = makeRpc();
  const node = new KadNode(runtime, parts, makeKadConfig());
  await node.start();
  ends.push(() => node.stop());
  const [first] = known;
  if (first !== undefined) expect((await node.bootstrap([first.localAddress])).isJoined).toBe(true);
  return node;
}

/** An address, and when datagrams came to it from whom. */
async function makeVictim(): Promise<{ readonly address: Address; readonly arrivals: { readonly from: number; readonly atMs: number }[] }> {
  const socket = createSocket('udp4');
  const arrivals: { readonly from: number; readonly atMs: number }[] = [];
  socket.on('message', (_bytes, { port }) => arrivals.push({ from: port, atMs: performance.now() }));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => socket.close(() => resolve())));
  return { address: { host: '127.0.0.1', port: socket.address().port }, arrivals };
}

/** Shows itself to all nodes, then names invented ids next to any key: so many at the victim's address, the same on each of many pages. */
async function addLiar(nodes: readonly KadNode[], victim: Address, namesAtVictim: number): Promise<{ asked: number }> {
  const { rpc } = makeRpc();
  const counts = { asked: 0 };
  const names = (key: Uint8Array): CompactContact[] =>
    Array.from({ length: namesAtVictim }, () => {
      const nodeId = Uint8Array.from(key) as NodeId;
      nodeId.set(randomBytes(4), 28);
      return { nodeId, address: victim };
    });
  rpc.onRequest(({ request }: { readonly request: KadRequest }): KadResponse => {
    counts.asked++;
    if (request.type === 'find-node') return { type: 'nodes', contacts: names(request.target), records: [], pages: 1024 };
    if (request.type === 'find-value') return { type: 'values', records: [], holders: [], contacts: names(request.key), pages: 1024 };
    if (request.type === 'store') return { type: 'stored', outcomes: request.records.map(() => 'stored') };
    return request.type === 'get-contact' ? { type: 'contact', record: null } : { type: 'pong' };
  });
  await rpc.open();
  ends.push(() => rpc.close());
  for (const node of nodes) expect((await rpc.request(node.localAddress, node.nodeId, { type: 'ping' })).ok).toBe(true);
  return counts;
}

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

describe('a liar that names a third party', () => {
  it.each([
    { kind: 'all its names', names: NAMES },
    { kind: 'two names, as a restarted node has,', names: 2 },
  ])(
    'T3 T6 T8 with $kind has nobody send it more than 3 HELLOs in a second',
    async ({ names }) => {
      const nodes: KadNode[] = [];
      while (nodes.length < HONEST) nodes.push(await addNode(nodes));
      const victim = await makeVictim();
      const liar = await addLiar(nodes, victim.address, names);
      for (let n = 0; n < FILES; n++) {
        const fileId = sha256(randomBytes(32));
        const [host, asker] = [nodes[n % HONEST] as KadNode, nodes[(n + 1) % HONEST] as KadNode];
        await host.announce(fileId);
        const { hostIds } = await asker.findProviders(fileId);
        expect(hostIds).toEqual([host.nodeId]);
      }
      expect(liar.asked, 'it is in their tables').toBeGreaterThan(0);
      // Each file is announced and looked for: with paths, six lookups each at most, of a first and a further page.
      expect(liar.asked).toBeLessThan(HONEST + FILES * 2 * 6 * 2);
      const perSecond = victim.arrivals.map(
        (first) => victim.arrivals.filter(({ from, atMs }) => from === first.from && atMs >= first.atMs && atMs < first.atMs + 1000).length,
      );
      expect(Math.max(0, ...perSecond)).toBeLessThanOrEqual(3);
      if (names === NAMES) expect(victim.arrivals).toEqual([]);
      else expect(victim.arrivals.length).toBeGreaterThan(0);
    },
    60_000,
  );
});
