// Memory and rate of the flows: an owner in this process, six hosts as processes of their own, one file up with 4 of 6 and down again.
// Usage: node --conditions=@batchain/source --import tsx test/perf/flow-memory.bench.ts [MiB, default 512] [KofN, default 4of6]
import { type ChildProcess, fork } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parsePolicy } from '@batchain/bat-node';
import { createParticipant, type Participant } from '@batchain/participant';
import { formatAddress, toHex } from '@batchain/shared';
import { until } from '../e2e/harness.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const HOSTS = 6;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const seconds = (sinceMs: number): number => (performance.now() - sinceMs) / 1000;
const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

/** Peak of a process since its start, as the kernel counts it. */
function peakBytes(pid: number | 'self'): number {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}

/** Seconds of processor time of a process; the kernel counts in hundredths. */
function cpuSeconds(pid: number | 'self'): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const start = (home: string, offerBytes: number, known: readonly string[]): Promise<Participant> =>
  createParticipant({ home, offerBytes, host: '127.0.0.1', kadPort: 0, batPort: 0, join: known, profile: 'demo' });

/** A host: tells its kad address and lives until its parent goes. */
async function runHost(home: string, known: readonly string[]): Promise<void> {
  const participant = await start(home, 4 * GIB, known);
  process.send?.(formatAddress(participant.kadAddress));
  process.once('disconnect', () => void participant.stop().then(() => process.exit(0)));
}

async function startHost(home: string, known: readonly string[]): Promise<{ readonly child: ChildProcess; readonly address: string }> {
  const child = fork(fileURLToPath(import.meta.url), ['host', home, ...known], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const address = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve(String(message)));
    child.once('exit', (code) => reject(new Error(`a host ended with ${code}`)));
  });
  return { child, address };
}

/** Highest values of this process while `work` runs. */
async function watched<T>(work: Promise<T>): Promise<{ readonly value: T; readonly peak: NodeJS.MemoryUsage }> {
  const peak: NodeJS.MemoryUsage = process.memoryUsage();
  const timer = setInterval(() => {
    const now = process.memoryUsage();
    for (const key of Object.keys(peak) as (keyof NodeJS.MemoryUsage)[]) peak[key] = Math.max(peak[key], now[key]);
  }, 50);
  try {
    return { value: await work, peak };
  } finally {
    clearInterval(timer);
  }
}

/** In pieces: this process is the one that is measured. */
async function writeRandomFile(path: string, bytes: number): Promise<string> {
  const handle = await open(path, 'w');
  const block = Buffer.allocUnsafe(MIB);
  for (let done = 0; done < bytes; done += block.length) await handle.write(randomFillSync(block));
  await handle.close();
  return path;
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: MIB })) hash.update(part as Buffer);
  return hash.digest('hex');
}

async function main(bytes: number, policy: { readonly k: number; readonly n: number }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'batchain-memory-'));
  const children: ChildProcess[] = [];
  try {
    const known: string[] = [];
    for (let i = 0; i < HOSTS; i++) {
      const { child, address } = await startHost(join(folder, `host-${i}`), known.slice(0, 1));
      children.push(child);
      known.push(address);
    }
    const pids = children.map((child) => child.pid as number);
    const owner = await start(join(folder, 'owner'), 0, known.slice(0, 2));
    const source = await writeRandomFile(join(folder, 'source.bin'), bytes);
    const sha256 = await hashFile(source);
    await until('the owner finds six hosts', async () => (await owner.kad.findHosts(owner.nodeId)).length >= HOSTS);
    say(`idle: owner ${mib(process.memoryUsage.rss())}, hosts ${pids.map((pid) => mib(peakBytes(pid))).join(' ')}`);

    const run = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      const before = [cpuSeconds('self'), ...pids.map(cpuSeconds)];
      const startedMs = performance.now();
      const { value, peak } = await watched(work());
      const took = seconds(startedMs);
      const [own = 0, ...theirs] = [cpuSeconds('self'), ...pids.map(cpuSeconds)].map((now, i) => now - (before[i] as number));
      say(
        `${what}: ${(bytes / 1e6 / took).toFixed(0)} MB/s; owner ${own.toFixed(1)} s of processor, hosts ${theirs.reduce((a, b) => a + b, 0).toFixed(1)} s`,
      );
      const parts = `heap ${mib(peak.heapUsed)}, external ${mib(peak.external)}, of it array buffers ${mib(peak.arrayBuffers)}`;
      say(`  owner's highest resident ${mib(peak.rss)}: ${parts}`);
      return value;
    };
    const up = await run('put', () => owner.files.upload(source, { policy }));
    const target = join(folder, 'back.bin');
    const down = await run('get', () => owner.files.download(toHex(up.fileId), target));
    say(`identical: ${down.sha256 === sha256 && (await hashFile(target)) === sha256}; placed ${up.placed} of ${policy.n}`);
    say(`peak of the processes: owner ${mib(peakBytes('self'))}, hosts ${pids.map((pid) => mib(peakBytes(pid))).join(' ')}`);
    await owner.stop();
  } finally {
    const gone = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of children) child.disconnect();
    await Promise.all(gone);
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[2] === 'host') {
  await runHost(process.argv[3] as string, process.argv.slice(4));
} else {
  const policy = parsePolicy(process.argv[3] ?? '4of6');
  if (policy === undefined) throw new Error('the policy is KofN');
  await main(Number(process.argv[2] ?? 512) * MIB, policy);
}
