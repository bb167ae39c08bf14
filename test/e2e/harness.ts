// Helpers of the tests on real processes.
import { writeFile } from 'node:fs/promises';

export { Daemon, Network, runCli } from '../../demos/lib/local-network.ts';

/** Polls until `check` gives a value; fails with `what` after the deadline. For states that have no event. */
export async function until<T>(what: string, check: () => Promise<T | undefined | false>, deadlineMs = 20_000): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
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
