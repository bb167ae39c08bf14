// What the scenarios share: a lab that is always taken down, hosts with routers of their own, a file, a timed transfer.
import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProgressLine } from '@batchain/participant/client';
import { Lab, labObstacle } from '../lab.ts';

const SKIP_STATUS = 77;
const BLOCK_BYTES: number = 4 * 1024 * 1024;
export const MiB: number = 1024 * 1024;

/** Runs the scenarios of one script: exit status 0, 1 when one of them threw, 77 where no lab can be built. */
export async function runScenario(name: string, story: () => Promise<void>): Promise<never> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  if (labObstacle() !== undefined) process.exit(SKIP_STATUS);
  console.log(`== ${name}`);
  try {
    await story();
  } catch (error) {
    console.error(`FAILED ${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
  process.exit(0);
}

/** Builds the lab, tells the story, takes it down; what the daemons wrote last comes with an error, and strays are one. */
export async function withLab<T>(topology: string, story: (lab: Lab) => Promise<T>): Promise<T> {
  await using lab = await Lab.up(topology);
  try {
    const result = await story(lab);
    const strays = await lab.strayTraffic();
    if (strays.length > 0) throw new Error(`traffic of addresses that are not of the lab: ${JSON.stringify(strays)}`);
    return result;
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${await lab.logs()}`, { cause: error });
  }
}

/** A file of random bytes in the lab's folder; its path. */
export async function writeRandomFile(lab: Lab, name: string, bytes: number): Promise<string> {
  const path = join(lab.folder, name);
  const file = await open(path, 'w');
  try {
    const block = Buffer.alloc(BLOCK_BYTES);
    for (let done = 0; done < bytes; done += block.length) {
      randomFillSync(block);
      await file.write(block, 0, Math.min(block.length, bytes - done));
    }
  } finally {
    await file.close();
  }
  return path;
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest('hex');
}

/** Watches one transfer: since when bytes move, how many, and the longest time without any. */
export class TransferWatch {
  readonly #startedMs = performance.now();
  #firstMs: number | undefined;
  #lastMs: number | undefined;
  #firstBytes = 0;
  #bytes = 0;
  #longestStillMs = 0;

  /** Of the wire as far as hosts are told, of the file otherwise. */
  readonly note = (progress: ProgressLine): void => {
    const bytes = Math.max(
      progress.hosts.reduce((sum, { doneBytes }) => sum + doneBytes, 0),
      progress.doneBytes,
    );
    if (bytes <= this.#bytes) return;
    const nowMs = performance.now();
    if (this.#firstMs === undefined) {
      this.#firstMs = nowMs;
      this.#firstBytes = bytes;
    }
    if (this.#lastMs !== undefined) this.#longestStillMs = Math.max(this.#longestStillMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.#bytes = bytes;
  };

  get bytes(): number {
    return this.#bytes;
  }

  /** From the request until something moved; undefined when nothing did. */
  get firstByteMs(): number | undefined {
    return this.#firstMs === undefined ? undefined : this.#firstMs - this.#startedMs;
  }

  /** Longest time between two steps forward since the last call, or since the last step when nothing has moved since. */
  takeLongestStillMs(): number {
    const sinceLast = this.#lastMs === undefined ? 0 : performance.now() - this.#lastMs;
    const longest = Math.max(this.#longestStillMs, sinceLast);
    this.#longestStillMs = 0;
    return longest;
  }

  /** 10^6 bytes a second between the first step and the last; from the request on when there was but one. */
  get megabytesPerSecond(): number {
    const { firstMs, lastMs } = { firstMs: this.#firstMs ?? 0, lastMs: this.#lastMs ?? 0 };
    if (lastMs > firstMs) return (this.#bytes - this.#firstBytes) / 1000 / (lastMs - firstMs);
    return this.#bytes === 0 ? 0 : this.#bytes / 1000 / (lastMs - this.#startedMs);
  }
}

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
