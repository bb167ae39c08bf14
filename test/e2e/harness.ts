// Helpers of the tests on real processes.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { homePaths, LocalApiClient, type StatusResult, systemSurroundings } from '@batchain/participant/client';

export { type CommandResult, Daemon, Network, runCli } from '../../demos/lib/local-network.ts';

/** What the daemon of this home says of itself, without a command's process in between. */
export function statusOf(home: string): Promise<StatusResult> {
  return new LocalApiClient(homePaths(home, systemSurroundings()).controlPath).status();
}

/** Bytes of shards at these hosts. */
export async function usedBytes(homes: readonly string[]): Promise<number> {
  const all = await Promise.all(homes.map(statusOf));
  return all.reduce((sum, { offer }) => sum + offer.usedBytes, 0);
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
