// What one Kad request costs in CPU: in a session, and with a new one; over memory (the code alone) and over UDP on loopback.
// Usage: node --conditions=@batchain/source --import tsx test/perf/kad-rpc.bench.ts [requests, default 20000]
import { createHmac } from 'node:crypto';
import { type KadRequest, type KadResponse, SessionRpc, UdpSocket } from '@batchain/kad-node';
import {
  type Address,
  createCrypto,
  type DatagramHandler,
  type DatagramSocket,
  keyPairFromSeed,
  makeAddress,
  present,
} from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';

const count = Number(process.argv[2] ?? 20_000);
const runtime = createSystemRuntime();
const at = (host: string, port: number): Address => present(makeAddress(host, port), host);

/** Hands datagrams over in a microtask: no system call, so that what is measured is our own work. */
class MemorySocket implements DatagramSocket {
  static readonly #open = new Map<string, { handler: DatagramHandler; address: Address }>();
  readonly localAddress: Address;

  constructor(address: Address) {
    this.localAddress = address;
  }

  async open(handler: DatagramHandler): Promise<void> {
    MemorySocket.#open.set(this.localAddress.host, { handler, address: this.localAddress });
  }

  send(bytes: Uint8Array, to: Address): void {
    const there = MemorySocket.#open.get(to.host);
    if (there !== undefined) queueMicrotask(() => there.handler(bytes.slice(), this.localAddress));
  }

  async close(): Promise<void> {
    MemorySocket.#open.delete(this.localAddress.host);
  }
}

const contacts = Array.from({ length: 16 }, (_, i) => ({
  nodeId: keyPairFromSeed(runtime.entropy.bytes(32)).nodeId,
  address: at(`198.51.100.${i + 1}`, 4870),
}));
const FIND_NODE: KadRequest = { type: 'find-node', target: contacts[0]?.nodeId as Uint8Array, wantsHosts: false, page: 0 };
const NODES: KadResponse = { type: 'nodes', contacts, records: [], pages: 1 };

async function makeNode(socket: DatagramSocket): Promise<SessionRpc> {
  const keys = keyPairFromSeed(runtime.entropy.bytes(32));
  const rateLimits = { packetsPerS: 1e9, packetsBurst: 1e9, signaturesPerS: 1e9, signaturesReserved: 0 };
  const rpc = new SessionRpc(runtime, socket, keys, createCrypto(), {
    network: { name: 'bench' },
    ownHosts: () => ['127.0.0.1', '10.0.0.1'],
    rateLimits,
  });
  rpc.onRequest(() => NODES);
  await rpc.open();
  return rpc;
}

/** CPU of this process, both ends, in microseconds per round. */
async function measure(title: string, rounds: number, work: () => Promise<void>): Promise<void> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  console.log(`${title.padEnd(64)} ${((user + system) / rounds).toFixed(1).padStart(8)} us`);
}

async function ask(rpc: SessionRpc, to: Address, rounds: number, inFlight: number): Promise<void> {
  let left = rounds;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const reply = await rpc.request(to, undefined, FIND_NODE);
      if (!reply.ok) throw new Error(reply.reason);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

/** What strangers can make a node do with one datagram, each from another address. */
async function measureFlood(): Promise<void> {
  const hellos: Uint8Array[] = [];
  const trap = new MemorySocket(at('10.9.9.9', 1));
  await trap.open((bytes) => hellos.push(bytes));
  const keys = keyPairFromSeed(runtime.entropy.bytes(32));
  const asker = new SessionRpc(runtime, new MemorySocket(at('10.9.9.8', 1)), keys, createCrypto(), {
    network: { name: 'bench' },
    ownHosts: () => ['10.0.0.1'],
  });
  await asker.open();
  await Promise.race([asker.request(trap.localAddress, undefined, FIND_NODE), new Promise((resolve) => setImmediate(resolve))]);
  await asker.close();
  const [hello] = hellos;
  if (hello === undefined) throw new Error('no HELLO came');
  const unknown = Uint8Array.from(hello.subarray(0, 100), (byte, i) => (i === 1 ? 4 : byte));
  for (const [title, datagram] of [
    ['a HELLO', hello],
    ['a datagram of no session', unknown],
  ] as const) {
    let deliver: DatagramHandler = () => undefined;
    const socket: DatagramSocket = {
      localAddress: at('10.9.9.7', 1),
      open: async (handler) => {
        deliver = handler;
      },
      send: () => undefined,
      close: async () => undefined,
    };
    const victim = new SessionRpc(runtime, socket, keyPairFromSeed(runtime.entropy.bytes(32)), createCrypto(), {
      network: { name: 'bench' },
      ownHosts: () => ['10.0.0.1'],
    });
    await victim.open();
    const flood = 5 * count;
    const started = process.hrtime.bigint();
    await measure(`flood of ${flood}, each ${title} from another source`, flood, async () => {
      for (let i = 0; i < flood; i++) deliver(datagram, { host: `20.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, port: 4870 });
    });
    const { welcomesSent, challengesSent, noSessionsSent } = victim.stats;
    console.log(
      `  in ${Number((process.hrtime.bigint() - started) / 1_000_000n)} ms: ${welcomesSent} welcomes, ${challengesSent} challenges, ${noSessionsSent} NO_SESSIONs`,
    );
    await victim.close();
  }
}

async function main(): Promise<void> {
  const key = new Uint8Array(32);
  const block = new Uint8Array(800);
  await measure('floor: one keyed hash over 800 bytes', count, async () => {
    for (let i = 0; i < count; i++) createHmac('sha256', key).update(block).digest();
  });

  // Private addresses, so that the limits on strangers do not count.
  const [ann, bob] = [await makeNode(new MemorySocket(at('10.0.0.1', 1))), await makeNode(new MemorySocket(at('10.0.0.2', 1)))];
  await ask(ann, bob.localAddress, 2000, 10);
  await measure('FIND_NODE, 16 contacts, in a session, both ends', count, () => ask(ann, bob.localAddress, count, 10));

  const sessions = Math.max(100, Math.floor(count / 20));
  const strangers = await Promise.all(
    Array.from({ length: sessions + 50 }, (_, i) => makeNode(new MemorySocket(at(`10.1.${i >> 8}.${i & 255}`, 1)))),
  );
  // Draws their ephemeral keys, which serve all first exchanges of a minute.
  for (const stranger of strangers) await stranger.request(bob.localAddress, undefined, FIND_NODE, { introduce: false });
  const openAll = async (list: readonly SessionRpc[], introduce: boolean): Promise<void> => {
    for (const stranger of list) await ann.request(stranger.localAddress, undefined, FIND_NODE, { introduce });
    await new Promise((resolve) => setImmediate(resolve));
  };
  await openAll(strangers.slice(0, 50), true);
  const rest = strangers.slice(50);
  const half = Math.floor(rest.length / 2);
  await measure('new session with proof, first FIND_NODE in it, both ends', half, () => openAll(rest.slice(0, half), true));
  await measure('the same without introducing ourselves', rest.length - half, () => openAll(rest.slice(half), false));

  await measureFlood();

  const [carl, dora] = [
    await makeNode(new UdpSocket({ host: '127.0.0.1', port: 0 })),
    await makeNode(new UdpSocket({ host: '127.0.0.1', port: 0 })),
  ];
  await ask(carl, dora.localAddress, 1000, 10);
  await measure('FIND_NODE in a session over UDP, both ends, 10 in flight', count, () => ask(carl, dora.localAddress, count, 10));
  await Promise.all([ann, bob, carl, dora, ...strangers].map((rpc) => rpc.close()));
}

await main();
