// Helpers of the tests on real processes.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homePaths, LocalApiClient, type StatusResult, systemSurroundings } from '@batchain/participant/client';

const DISK_BLOCK_BYTES = 4096;

export { type CommandResult, Daemon, Network, runCli } from '../../demos/lib/local-network.ts';

/** Speaks to the daemon of this home, without a command's process in between. */
export function clientOf({ home }: { readonly home: string }): LocalApiClient {
  return new LocalApiClient(homePaths(home, systemSurroundings()).controlPath);
}

/** What the daemon of this home says of itself. */
export function statusOf(home: string): Promise<StatusResult> {
  return clientOf({ home }).status();
}

/** What daemons count of their offers: bytes. */
export async function usedBytes(homes: readonly string[]): Promise<number> {
  const all = await Promise.all(homes.map(statusOf));
  return all.reduce((sum, { offer }) => sum + offer.usedBytes, 0);
}

const SHARD_FILE = /^[0-9a-f]{2}\/[0-9a-f]{64}$/;
const JOURNAL_OR_ROSTER = /^(files|rosters)\/[0-9a-f]{64}/;

async function hostedSizes(home: string, isWanted: (name: string) => boolean): Promise<number[]> {
  const folder = join(home, 'hosted');
  const sizes: number[] = [];
  // One may go meanwhile.
  for (const name of (await readdir(folder, { recursive: true })).filter(isWanted)) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found !== undefined) sizes.push(found.size);
  }
  return sizes;
}

/** Bytes of the shards that hosts keep: of their files alone, without what these take beside of the offer. */
export async function shardBytes(homes: readonly string[]): Promise<number> {
  const sizes = await Promise.all(homes.map((home) => hostedSizes(home, (name) => SHARD_FILE.test(name))));
  return sizes.flat().reduce((sum, size) => sum + size, 0);
}

/** What hosted files take of the disk, in blocks: shards, journals, rosters. */
export async function hostedDiskBytes(home: string): Promise<number> {
  const sizes = await hostedSizes(home, (name) => SHARD_FILE.test(name) || JOURNAL_OR_ROSTER.test(name));
  return sizes.reduce((sum, size) => sum + Math.ceil(size / DISK_BLOCK_BYTES) * DISK_BLOCK_BYTES, 0);
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest('hex');
}

/** Polls until `check` gives a value; fails with `what` after the deadline. For states that have no event. */
export async function until<T>(what: string, check: () => Promise<T | undefined | false>, deadlineMs = 20_000, pauseMs = 100): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** A file of pseudo-random bytes from a seed; the same seed gives the same bytes. Returns its path. */
export async function writeSeededFile(path: string, bytes: number, seed = 1): Promise<string> {
  const block = Buffer.alloc(1024 * 1024);
  let state = seed >>> 0 || 1;
  const parts: Buffer[] = [];
  for (let done = 0; done < bytes; done += block.length) {
    for (let at = 0; at < block.length; at += 4) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      block.writeInt32LE(state | 0, at);
    }
    parts.push(Buffer.from(block.subarray(0, Math.min(block.length, bytes - done))));
  }
  await writeFile(path, Buffer.concat(parts));
  return path;
}
