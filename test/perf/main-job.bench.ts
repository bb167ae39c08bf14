// The main job at size: six hosts and an owner as processes, one big file up with 4 of 6, two hosts killed, down again, audited.
// Usage: node --conditions=@batchain/source --import tsx test/perf/main-job.bench.ts [MiB, default 1024]
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Daemon, Network, until, writeSeededFile } from '../e2e/harness.ts';

const MIB = 1024 * 1024;
const megabytes = Number(process.argv[2] ?? 1024);

const seconds = (sinceMs: number): number => (performance.now() - sinceMs) / 1000;
const rate = (bytes: number, time: number): string => `${(bytes / 1e6 / time).toFixed(0)} MB/s`;

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: MIB })) hash.update(part as Buffer);
  return hash.digest('hex');
}

/** What the bare machine does with 256 MiB: hash, and durable write. */
async function printFloor(folder: string): Promise<void> {
  const block = Buffer.alloc(16 * MIB, 7);
  let started = performance.now();
  for (let i = 0; i < 16; i++) createHash('sha256').update(block).digest();
  console.log(`floor: sha256 on one core          ${rate(256 * MIB, seconds(started))}`);
  started = performance.now();
  const path = join(folder, 'floor');
  const handle = await open(path, 'w');
  for (let i = 0; i < 16; i++) await handle.write(block);
  await handle.datasync();
  await handle.close();
  console.log(`floor: write and sync to disk      ${rate(256 * MIB, seconds(started))}`);
  await rm(path);
}

async function main(): Promise<void> {
  const network = await Network.create();
  try {
    await printFloor(network.folder);
    const hosts = await network.startHosts(6, '4GiB');
    const owner = await network.start({ name: 'owner', offer: '0' });
    await until('the owner sees six hosts', async () => (await owner.run(['status'])).last.peers?.online >= 6);
    const bytes = megabytes * MIB;
    const source = await writeSeededFile(join(network.folder, 'source.bin'), bytes, 42);
    const expected = await hashFile(source);

    const cpu = async (daemons: readonly Daemon[]): Promise<number> => {
      const all = await Promise.all(daemons.filter((daemon) => daemon.isRunning).map((daemon) => daemon.cpuSeconds()));
      return all.reduce((sum, seconds) => sum + seconds, 0);
    };
    const gib = bytes / 1024 ** 3;
    let before = [await cpu([owner]), await cpu(hosts)];
    const printCpu = async (): Promise<void> => {
      const now = [await cpu([owner]), await cpu(hosts)];
      const perGib = now.map((seconds, i) => ((seconds - (before[i] as number)) / gib).toFixed(1));
      console.log(`     processor time per GiB of file: owner ${perGib[0]} s, all hosts ${perGib[1]} s`);
    };
    let started = performance.now();
    const put = await owner.run(['put', source, '--policy', '4of6'], { timeoutMs: 600_000 });
    if (put.code !== 0) throw new Error(`put: ${put.stdout}${put.stderr}`);
    console.log(`put  ${megabytes} MiB with 4 of 6           ${rate(bytes, seconds(started))}   placed ${put.last.placed}`);
    await printCpu();

    const dead = hosts.slice(0, 2);
    const hostPeaks = await Promise.all(hosts.map((host) => host.peakRssBytes()));
    for (const host of dead) await host.kill('SIGKILL');
    before = [await cpu([owner]), await cpu(hosts)];

    started = performance.now();
    const target = join(network.folder, 'back.bin');
    const get = await owner.run(['get', put.last.id, '-o', target], { timeoutMs: 600_000 });
    if (get.code !== 0) throw new Error(`get: ${get.stdout}${get.stderr}`);
    console.log(`get  with two hosts killed         ${rate(bytes, seconds(started))}`);
    await printCpu();
    console.log(`identical bytes                    ${(await hashFile(target)) === expected}`);

    started = performance.now();
    const audit = await owner.run(['audit', put.last.id], { timeoutMs: 600_000 });
    const rows = audit.last.files[0].shards as { host: string; outcome: string }[];
    const offline = [...new Set(rows.filter((row) => row.outcome !== 'passed').map((row) => `${row.host.slice(0, 8)} ${row.outcome}`))];
    console.log(
      `audit exit ${audit.code} in ${seconds(started).toFixed(1)} s: ${offline.join(', ')}; killed: ${dead.map((d) => d.nodeId.slice(0, 8)).join(', ')}`,
    );

    const alive: Daemon[] = [...hosts.slice(2), owner];
    const peaks = await Promise.all(alive.map((daemon) => daemon.peakRssBytes()));
    console.log(
      `peak memory: owner ${((peaks.at(-1) ?? 0) / MIB).toFixed(0)} MiB, hosts ${(Math.max(...hostPeaks, ...peaks.slice(0, -1)) / MIB) | 0} MiB at most`,
    );
  } finally {
    await network.close();
  }
}

await main();
