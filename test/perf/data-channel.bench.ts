// Bulk over a data channel and over ws on loopback, in one run: MB/s and the ratio. `npx tsx --conditions=@batchain/source test/perf/data-channel.bench.ts [MIB]`.
import { DataChannelTransport, WsDialer, WsListener } from '@batchain/bat-node';
import { type Connection, KiB, keyPairFromSeed, MiB } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { openChannel, value } from '../support/channel-pair.ts';

const LOOPBACK = '127.0.0.1';
const MESSAGE_BYTES = 256 * KiB;
const ROUNDS = 3;
const totalBytes = Number(process.argv[2] ?? 256) * MiB;
const runtime = createSystemRuntime();
const makeKey = () => keyPairFromSeed(runtime.entropy.bytes(32));

/** MB/s and CPU seconds of this process, which has both ends. */
async function measure(near: Connection, far: Connection): Promise<{ rate: number; cpuSeconds: number }> {
  const body = new Uint8Array(MESSAGE_BYTES);
  let gotBytes = 0;
  const all = new Promise<void>((resolve) => {
    far.onMessage((message) => {
      gotBytes += message.length;
      if (gotBytes >= totalBytes) resolve();
    });
  });
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  for (let sent = 0; sent < totalBytes; sent += MESSAGE_BYTES) await near.send(body);
  await all;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: totalBytes / 1000 / (performance.now() - startMs), cpuSeconds: (user + system) / 1e6 };
}

async function overWs(): Promise<{ rate: number; cpuSeconds: number }> {
  const listener = new WsListener(runtime, makeKey(), { host: LOOPBACK, port: 0 });
  let take: (connection: Connection) => void = () => undefined;
  const accepted = new Promise<Connection>((resolve) => {
    take = resolve;
  });
  await listener.listen((connection) => take(connection));
  const dialer = new WsDialer(runtime, makeKey(), { ownHosts: () => [LOOPBACK] });
  const near = value(await dialer.dial(listener.localAddress, undefined, { timeoutMs: 5000 }));
  const result = await measure(near, await accepted);
  await listener.close();
  return result;
}

async function overChannel(): Promise<{ rate: number; cpuSeconds: number }> {
  const makeEnd = () => ({
    identity: makeKey(),
    transport: new DataChannelTransport(runtime, { ownHosts: () => [LOOPBACK], bindHost: LOOPBACK }),
  });
  const pair = await openChannel(runtime, makeEnd(), makeEnd());
  const [near, far] = [value(pair.caller), value(await pair.called)];
  const result = await measure(near, far);
  near.close('done');
  await far.closed;
  return result;
}

for (let round = 1; round <= ROUNDS; round++) {
  const [ws, channel] = [await overWs(), await overChannel()];
  const show = ({ rate, cpuSeconds }: typeof ws): string => `${rate.toFixed(0)} MB/s (${cpuSeconds.toFixed(2)} s of CPU)`;
  console.log(`${totalBytes / MiB} MiB: ws ${show(ws)}, data channel ${show(channel)}, ratio ${(channel.rate / ws.rate).toFixed(2)}`);
}
process.exit(0);
