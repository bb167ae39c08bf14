// driven: the cautious time of a store, kept across restarts in HOME/hosted/clock.
import { bytesOf, equalBytes, makeCodec, type Runtime, recordOf, sha256, tupleOf, uintOf } from '@batchain/shared';
import { CLOCK_SAVE_MS } from '../limits.ts';
import { atomicWriteFile, readWhole } from './atomic-write.ts';
import { type FileSystem, isMissing } from './file-system.ts';
import { advanceCautiousTime, type CautiousTime, type SavedTime, startCautiousTime } from './leases.ts';

const CLOCK_BYTES_MAX = 256;
const CHECK_BYTES = 16;

const savedShape = recordOf({ atMs: uintOf(), wallMs: uintOf(), wallHighMs: uintOf() });
const savedCodec = makeCodec<SavedTime>('saved time', CLOCK_BYTES_MAX, savedShape);
/** With a checksum: one flipped bit must not end every lease. */
const clockCodec = makeCodec('clock file', CLOCK_BYTES_MAX, tupleOf<readonly [SavedTime, Uint8Array]>(savedShape, bytesOf(CHECK_BYTES)));

const checkOf = (saved: SavedTime): Uint8Array => sha256(savedCodec.encode(saved)).subarray(0, CHECK_BYTES);

export class LeaseClock {
  readonly #runtime: Runtime;
  readonly #fs: FileSystem;
  readonly #path: string;
  #time: CautiousTime | undefined;
  #savedAtMs = Number.NEGATIVE_INFINITY;

  constructor(runtime: Runtime, fs: FileSystem, path: string) {
    this.#runtime = runtime;
    this.#fs = fs;
    this.#path = path;
  }

  /** Goes on from the saved time; without one from `fallback`, without that from the wall clock. */
  async open(fallback: SavedTime | undefined): Promise<void> {
    const { clock } = this.#runtime;
    this.#time = startCautiousTime((await this.#load()) ?? fallback, Math.round(clock.nowMs()), clock.monotonicMs());
  }

  now(): CautiousTime {
    return this.observe(this.#runtime.clock.nowMs());
  }

  /** The time now, by this reading of the wall clock. */
  observe(wallMs: number): CautiousTime {
    const monotonicMs = this.#runtime.clock.monotonicMs();
    const time = this.#time ?? startCautiousTime(undefined, wallMs, monotonicMs);
    this.#time = advanceCautiousTime(time, Math.round(wallMs), monotonicMs);
    return this.#time;
  }

  /** Rejects with what the disk says. */
  async saveIfDue(): Promise<void> {
    if (this.now().atMs - this.#savedAtMs >= CLOCK_SAVE_MS) await this.save();
  }

  async save(): Promise<void> {
    const { atMs, wallMs, wallHighMs } = this.now();
    const saved = { atMs: Math.round(atMs), wallMs: Math.max(0, wallMs), wallHighMs: Math.max(0, wallHighMs) };
    const bytes = clockCodec.encode([saved, checkOf(saved)]);
    await atomicWriteFile(this.#fs, this.#runtime.random, this.#path, bytes, { existing: 'replace' });
    this.#savedAtMs = atMs;
  }

  async #load(): Promise<SavedTime | undefined> {
    try {
      const bytes = await readWhole(this.#fs, this.#path, CLOCK_BYTES_MAX);
      const clock = bytes.ok ? clockCodec.decode(bytes.value) : bytes;
      return clock.ok && equalBytes(clock.value[1], checkOf(clock.value[0])) ? clock.value[0] : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}
