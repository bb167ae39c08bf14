// MB/s of the bat wire between two processes on loopback, beside what plain `ws` does with the same bytes in the same run.
// Usage: node --conditions=@batchain/source --import tsx test/perf/bat-wire.bench.ts [MiB, default 512] [shard KiB, default 1024] [in parallel, default 4]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type BatSession, openSession, type SessionConfig, WsDialer, WsListener } from '@batchain/bat-node';
import { type Connection, KiB, keyPairFromSeed, MiB, present } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { WebSocket, WebSocketServer } from 'ws';
import { CreditBudget } from '../../packages/bat-node/src/connection/credit.ts';
import { bytesNamed } from '../support/stored-shards.ts';
import { makeWireFile, NETWORK_KEY, openWireHost, targetOf } from '../support/wire-host.ts';

const MESSAGE_BYTES = 256 * KiB;
const PARALLEL = Number(process.argv[4] ?? 4);
const self = fileURLToPath(import.meta.url);
const runtime = createSystemRuntime();
const identity = keyPairFromSeed(bytesNamed(process.argv.includes('--far') ? 'far' : 'near', 32));
const far = keyPairFromSeed(bytesNamed('far', 32));

const sessionConfig = (onStream: SessionConfig['onStream']): SessionConfig => ({
  nodeId: identity.nodeId,
  networkKey: NETWORK_KEY,
  shardBytesMax: 0,
  relays: false,
  onStream,
});

/** Answers each run of bytes that ends with a one-byte message. */
function echoEnds(connection: Connection): void {
  connection.onMessage((message) => {
    if (message.length === 1) void connection.send(message);
  });
}

/** The other process: counts and discards for the floors, stores for the rest. */
async function runFar(): Promise<void> {
  const plain = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: MiB });
  plain.on('connection', (socket) => socket.on('message', (data: Buffer) => data.length === 1 && socket.send(data)));
  await once(plain, 'listening');
  const bare = new WsListener(runtime, identity, { host: '127.0.0.1', port: 0 });
  await bare.listen(echoEnds);
  const streams = new WsListener(runtime, identity, { host: '127.0.0.1', port: 0 });
  const budget = new CreditBudget();
  const sink: SessionConfig['onStream'] = async (_session, stream) => {
    while ((await stream.next()) !== undefined);
    await stream.sendControl(Uint8Array.of(1));
  };
  await streams.listen((connection) => void openSession(runtime, connection, budget, sessionConfig(sink)));
  const host = await openWireHost('far host', { offerBytes: 64 * 1024 * MiB });
  process.stdout.write(
    `${JSON.stringify({ plain: (plain.address() as { port: number }).port, bare: bare.localAddress.port, streams: streams.localAddress.port, host: host.address.port })}\n`,
  );
  await once(process.stdin.resume(), 'end');
  await host.close();
  process.exit();
}

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function measure(run: () => Promise<void>): Promise<Measured> {
  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  await run();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - beganMs) / 1000, cpuSeconds: (user + system) / 1e6 };
}

async function plainWs(port: number, total: number): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false, generateMask: (mask) => mask.fill(0) });
  await once(socket, 'open');
  const message = new Uint8Array(MESSAGE_BYTES);
  let unsent = 0;
  let wake: () => void = () => undefined;
  for (let sent = 0; sent < total; sent += MESSAGE_BYTES) {
    unsent += 1;
    socket.send(message, () => {
      unsent -= 1;
      wake();
    });
    while (unsent >= 4) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  socket.send(Uint8Array.of(1));
  await once(socket, 'message');
  socket.close();
}

async function dial(port: number): Promise<Connection> {
  const dialled = await new WsDialer(runtime, identity, { ownHosts: () => ['127.0.0.1'] }).dial({ host: '127.0.0.1', port }, far.nodeId, {
    timeoutMs: 5000,
  });
  if (!dialled.ok) throw new Error(dialled.reason);
  return dialled.value;
}

async function bareConnection(port: number, total: number): Promise<void> {
  const connection = await dial(port);
  const done = new Promise<void>((resolve) => connection.onMessage(() => resolve()));
  const message = new Uint8Array(MESSAGE_BYTES);
  for (let sent = 0; sent < total; sent += MESSAGE_BYTES) await connection.send(message);
  await connection.send(Uint8Array.of(1));
  await done;
  connection.close('done');
}

async function sessionStreams(port: number, total: number): Promise<void> {
  const opened = await openSession(
    runtime,
    await dial(port),
    new CreditBudget(),
    sessionConfig(async () => undefined),
  );
  if (!opened.ok) throw new Error(opened.reason);
  const session: BatSession = opened.value;
  const part = new Uint8Array(total / PARALLEL);
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      const stream = await session.openStream();
      await stream.sendControl(Uint8Array.of(1));
      await stream.sendData(part);
      await stream.end();
      await stream.next();
    }),
  );
  session.close('done');
}

async function runNear(total: number, shardBytes: number): Promise<void> {
  const other: ChildProcess = spawn(process.execPath, [...process.execArgv, self, '--far'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: present(other.stdout, 'its output') }), 'line')) as [string];
  const ports = JSON.parse(line) as Record<'plain' | 'bare' | 'streams' | 'host', number>;
  const rows: [string, Measured][] = [];
  const row = async (name: string, run: () => Promise<void>): Promise<void> => void rows.push([name, await measure(run)]);

  await plainWs(ports.plain, 64 * MiB);
  await row('plain ws, zero mask (floor)', () => plainWs(ports.plain, total));
  await row('wss connection', () => bareConnection(ports.bare, total));
  await row(`session, ${PARALLEL} streams`, () => sessionStreams(ports.streams, total));

  const near = await openWireHost('near');
  const to = { keyPair: keyPairFromSeed(bytesNamed('seed of far host', 32)), address: { host: '127.0.0.1', port: ports.host } };
  const client = await near.client(to);
  const count = Math.floor(total / shardBytes);
  const file = makeWireFile(
    near.keyPair,
    'bench',
    Array.from({ length: count }, () => shardBytes),
  );
  const inParallel = async (work: (segment: number) => Promise<boolean>): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) if (!(await work(next++))) throw new Error('a shard failed');
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  };
  await row(`store, durable, shards of ${shardBytes / KiB} KiB`, () =>
    inParallel(async (segment) => {
      const { order, leafHashes, bytes } = present(file.shards[segment], 'a shard');
      return (await client.store(order, leafHashes, bytes)).ok;
    }),
  );
  const into = Array.from({ length: PARALLEL }, () => new Uint8Array(shardBytes));
  await row('fetch, every leaf checked at both ends', () =>
    inParallel(
      async (segment) => (await client.fetch({ ...targetOf(file, segment), into: present(into[segment % PARALLEL], 'a buffer') })).ok,
    ),
  );

  const floor = present(rows[0], 'the floor')[1].seconds;
  console.log(`${total / MiB} MiB between two processes\n`);
  for (const [name, { seconds, cpuSeconds }] of rows) {
    const rate = total / 1e6 / seconds;
    const cpu = (cpuSeconds * 1024 * MiB) / total;
    console.log(
      `${name.padEnd(42)} ${rate.toFixed(0).padStart(6)} MB/s   ${(floor / seconds).toFixed(2)} of the floor   ${cpu.toFixed(2)} CPU s/GiB here`,
    );
  }
  await near.close();
  other.stdin?.end();
  await once(other, 'close');
}

if (process.argv.includes('--far')) await runFar();
else await runNear(Number(process.argv[2] ?? 512) * MiB, Number(process.argv[3] ?? 1024) * KiB);
