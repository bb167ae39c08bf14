// driven: how much the disk has room for, asked of the system at most once a second, own writes counted in between.
import { GiB, type Runtime } from '@batchain/shared';
import { DISK_SPACE_AGE_MS_MAX } from '../limits.ts';
import type { DiskSpace, FileSystem } from './file-system.ts';
import { diskRoom } from './quota.ts';

/** Default of keep-free: the larger of these (T16). */
const KEEP_FREE_BYTES_MIN: number = GiB;
const KEEP_FREE_SHARE = 0.05;
/** Below this many free inodes a file system that counts them is full. */
const FREE_FILES_MIN = 1024;

/** Bytes promised to stores under way and what is left beside them. */
export class DiskGauge {
  readonly #runtime: Runtime;
  readonly #fs: FileSystem;
  readonly #path: string;
  readonly #keepFreeBytes: number | undefined;
  #sample: DiskSpace | undefined;
  #sampledAtMs = 0;
  #asking: Promise<void> | undefined;
  #writtenSince = 0;
  #promisedBytes = 0;

  /** `keepFreeBytes` undefined: 1 GiB or 5 % of the disk, whichever is more. */
  constructor(runtime: Runtime, fs: FileSystem, path: string, keepFreeBytes: number | undefined) {
    this.#runtime = runtime;
    this.#fs = fs;
    this.#path = path;
    this.#keepFreeBytes = keepFreeBytes;
  }

  /** Makes the answers of `room` and `canWrite` fresh enough. Rejects with what the disk says. */
  async refresh(): Promise<void> {
    const ageMs = this.#runtime.clock.monotonicMs() - this.#sampledAtMs;
    if (this.#sample !== undefined && ageMs < DISK_SPACE_AGE_MS_MAX) return;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  /** The next `refresh` asks again. */
  forgetSample(): void {
    this.#sample = undefined;
  }

  /** Bytes that a store of now would find; never negative. */
  room(): number {
    return Math.max(0, this.#room(this.#promisedBytes));
  }

  /** Whether a promised write may still be done without going below what must stay free. */
  canWrite(bytes: number): boolean {
    return bytes <= this.#room(0);
  }

  promise(bytes: number): void {
    this.#promisedBytes += bytes;
  }

  /** Ends the promise of bytes that will not be written. */
  release(bytes: number): void {
    this.#promisedBytes -= bytes;
  }

  /** Promised bytes were written. */
  written(bytes: number): void {
    this.#promisedBytes -= bytes;
    this.#writtenSince += bytes;
  }

  #room(promisedBytes: number): number {
    const sample = this.#sample;
    if (sample === undefined) return 0;
    if (sample.totalFiles > 0 && sample.freeFiles < FREE_FILES_MIN) return 0;
    const keepFreeBytes = this.#keepFreeBytes ?? Math.max(KEEP_FREE_BYTES_MIN, sample.totalBytes * KEEP_FREE_SHARE);
    return diskRoom(sample.freeBytes - this.#writtenSince, keepFreeBytes, promisedBytes);
  }

  async #ask(): Promise<void> {
    // Writes that end while the system is asked may be counted twice, which errs to the safe side.
    this.#writtenSince = 0;
    const askedAtMs = this.#runtime.clock.monotonicMs();
    this.#sample = await this.#fs.space(this.#path);
    this.#sampledAtMs = askedAtMs;
  }
}
