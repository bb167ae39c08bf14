// Real UDP on loopback: 100 KadNodes in one process. Lookups per second, requests, CPU per lookup, memory per node.
// Run: node --expose-gc --conditions=@batchain/source --import tsx test/perf/kad-udp.bench.ts [nodes] [lookups]
import { randomBytes } from 'node:crypto';
import { KadNode, makeKadConfig, SessionRpc, UdpSocket } from '@batchain/kad-node';
import { createCrypto, keyPairFromSeed, NULL_LOGGER } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';

const NODES = Number(process.argv[2] ?? 100);
const LOOKUPS = Number(process.argv[3] ?? 2000);
/** Lookups under way at the same time. */
const AT_ONCE = 10;
/** The same measure of others on a machine like ours: 100 nodes in one process, lookups for 20 nodes. */
const REFERENCE = [
  { name: 'hyperdht', lookupsPerS: 434, requests: 37, cpuMs: 2.5, memoryKiB: 265 },
  { name: 'bittorrent-dht', lookupsPerS: 199, requests: 26, cpuMs: 5.5, memoryKiB: 169 },
];

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

async function startNodes(): Promise<KadNode[]> {
  const nodes: KadNode[] = [];
  const config = makeKadConfig();
  for (let i = 0; i < NODES; i++) {
    const runtime = createSystemRuntime({ log: NULL_LOGGER }).fork(`node ${i}`);
    const signer = keyPairFromSeed(randomBytes(32));
    const crypto = createCrypto();
    const socket = new UdpSocket({ host: '127.0.0.1', port: 0 });
    const rpc = new SessionRpc(runtime, socket, signer, crypto, { network: { name: 'bench' }, ownHosts: () => ['127.0.0.1'] });
    const node = new KadNode(runtime, { rpc, signer, crypto }, config);
    await node.start();
    const known = nodes.length === 0 ? [] : [nodes[0], nodes.at(-1)].map((other) => (other as KadNode).localAddress);
    if (known.length > 0) await node.bootstrap(known);
    nodes.push(node);
  }
  return nodes;
}

async function measure(
  what: string,
  nodes: readonly KadNode[],
  lookUp: (node: KadNode, key: Uint8Array) => Promise<{ stats: { requests: number } }>,
) {
  const started = performance.now();
  const cpuBefore = cpuMs();
  let requests = 0;
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < LOOKUPS) {
      const node = nodes[begun++ % nodes.length] as KadNode;
      const { stats } = await lookUp(node, randomBytes(32));
      requests += stats.requests;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const seconds = (performance.now() - started) / 1000;
  const cpu = (cpuMs() - cpuBefore) / LOOKUPS;
  say(
    `${what}: ${(LOOKUPS / seconds).toFixed(0)} lookups/s, ${(requests / LOOKUPS).toFixed(1)} requests per lookup, ` +
      `${cpu.toFixed(2)} ms CPU per lookup (asking and answering), ${((cpu / (requests / LOOKUPS)) * 1000).toFixed(0)} us CPU per request`,
  );
}

globalThis.gc?.();
const heapBefore = process.memoryUsage();
const cpuBefore = cpuMs();
const nodes = await startNodes();
say(`${NODES} nodes joined, ${((cpuMs() - cpuBefore) / NODES).toFixed(1)} ms CPU each`);
for (const { name, ...figures } of REFERENCE) {
  say(
    `reference ${name}: ${figures.lookupsPerS} lookups/s, ${figures.requests} requests, ${figures.cpuMs} ms CPU, ${figures.memoryKiB} KiB per node`,
  );
}
// The first lookups open sessions; they are not what is measured.
for (let i = 0; i < NODES * 3; i++) await (nodes[i % NODES] as KadNode).findContacts(randomBytes(32));
await measure('find-many(20)', nodes, (node, key) => node.findContacts(key));
await measure('find-one', nodes, (node, key) => node.findNearest(key));
globalThis.gc?.();
const heap = process.memoryUsage();
const memory = heap.heapUsed + heap.external - heapBefore.heapUsed - heapBefore.external;
say(
  `memory: ${(memory / NODES / 1024).toFixed(0)} KiB per node on the heap${globalThis.gc === undefined ? ' (run with --expose-gc)' : ''}, rss ${(heap.rss / 2 ** 20).toFixed(0)} MiB`,
);
await Promise.all(nodes.map((node) => node.stop()));
