// MB/s through a relay beside the direct way, and what it costs the relay; caller, relay and called are processes of their own on loopback.
// Usage: node --conditions=@batchain/source --import tsx test/perf/relay.bench.ts [MiB, default 256] [in parallel, default 4]
import { readFileSync } from 'node:fs';
import { openSession } from '@batchain/bat-node';
import { createCrypto, equalBytes, MiB, present } from '@batchain/shared';
import { CreditBudget } from '../../packages/bat-node/src/connection/credit.ts';
import { ShardClient } from '../../packages/bat-node/src/transfer/shard-client.ts';
import { makeWireFile, openWireHost, targetOf } from '../support/wire-host.ts';
import { spawnWirePeer, type WirePeer } from '../support/wire-peer.ts';

const total = Number(process.argv[2] ?? 256) * MiB;
const parallel = Number(process.argv[3] ?? 4);
const SHARD_BYTES = 4 * MiB;
const TICKS_PER_SECOND = 100;

/** CPU seconds that a process has used (Linux). */
function cpuSeconds({ process: { pid } }: WirePeer): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const near = await openWireHost('near');
const { verifier } = createCrypto();
const relay = await spawnWirePeer('relay');
const direct = await spawnWirePeer('host');
const called = await spawnWirePeer('called', 'child relay', String(relay.address.port), 'near');
const session = await near.session(relay);
const joined = await near.relayClient.join(session, new Uint8Array(16).fill(1), called.keyPair.nodeId, 'caller', { timeoutMs: 20_000 });
if (!joined.ok) throw new Error(`not joined: ${joined.reason} ${joined.detail}`);
const opened = await openSession(near.runtime, joined.value, new CreditBudget(), near.sessionConfig);
if (!opened.ok) throw new Error(opened.reason);

async function inParallel(work: (segment: number) => Promise<boolean>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < total / SHARD_BYTES) if (!(await work(next++))) throw new Error('a shard failed');
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

async function row(name: string, run: () => Promise<void>): Promise<void> {
  const relayCpu = cpuSeconds(relay);
  const beganMs = performance.now();
  await run();
  const rate = total / 1000 / (performance.now() - beganMs);
  const cpu = ((cpuSeconds(relay) - relayCpu) * 1024 * MiB) / total;
  console.log(`${name.padEnd(20)} ${rate.toFixed(0).padStart(6)} MB/s   ${cpu.toFixed(2)} CPU s/GiB at the relay`);
}

const parties = { signer: near.keyPair, verifier };
const ways = { direct: await near.client(direct), relayed: new ShardClient(near.runtime, opened.value, parties) };
console.log(`${total / MiB} MiB in shards of ${SHARD_BYTES / MiB} MiB, ${parallel} at a time`);
for (const [way, client] of Object.entries(ways)) {
  const lengths = Array.from({ length: total / SHARD_BYTES }, () => SHARD_BYTES);
  const file = makeWireFile(near.keyPair, `bench ${way}`, lengths);
  const into = Array.from({ length: parallel }, () => new Uint8Array(SHARD_BYTES));
  await row(`${way} store`, () =>
    inParallel(async (segment) => {
      const { order, leafHashes, bytes } = present(file.shards[segment], 'a shard');
      return (await client.store(order, leafHashes, bytes)).ok;
    }),
  );
  await row(`${way} fetch`, () =>
    inParallel(
      async (segment) => (await client.fetch({ ...targetOf(file, segment), into: present(into[segment % parallel], 'a buffer') })).ok,
    ),
  );
  const whole = new Uint8Array(SHARD_BYTES);
  await client.fetch({ ...targetOf(file, 0), into: whole });
  if (!equalBytes(whole, present(file.shards[0], 'a shard').bytes)) throw new Error('other bytes');
}
await near.close();
for (const peer of [relay, direct, called]) peer.process.kill('SIGKILL');
