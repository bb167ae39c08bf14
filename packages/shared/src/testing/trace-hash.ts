// pure: a hash over everything that happened in a simulation, in order; two runs of one seed must agree.
import { createHash } from 'node:crypto';

export type TracePart = string | number | Uint8Array;

/** Hashing is cheap per byte and dear per call, so records are gathered first. */
const BUFFER_BYTES = 64 * 1024;
const TAG = { event: 0, text: 1, number: 2, bytes: 3 } as const;

/** Counts and hashes (SHA-256) what is recorded. Records are self-delimiting, so no two sequences share a hash by accident. */
export class TraceHash {
  readonly #hash = createHash('sha256');
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  readonly #onRecord: ((kind: string, atMs: number, parts: readonly TracePart[]) => void) | undefined;
  #at = 0;
  #eventCount = 0;
  #recordCount = 0;

  /** `onRecord` sees every record as it is made: for finding where two runs part. */
  constructor(onRecord?: (kind: string, atMs: number, parts: readonly TracePart[]) => void) {
    this.#onRecord = onRecord;
  }

  /** Events run by the clock so far. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** Other records so far: datagrams, messages, and what a test added. */
  get recordCount(): number {
    return this.#recordCount;
  }

  #room(length: number): void {
    if (this.#at + length > BUFFER_BYTES) this.#flush();
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#at));
    this.#at = 0;
  }

  #writeNumber(value: number): void {
    this.#room(9);
    this.#buffer[this.#at] = TAG.number;
    this.#buffer.writeDoubleLE(value, this.#at + 1);
    this.#at += 9;
  }

  #writeBytes(tag: number, bytes: Uint8Array): void {
    this.#room(5 + bytes.length);
    this.#buffer[this.#at] = tag;
    this.#buffer.writeUInt32LE(bytes.length, this.#at + 1);
    this.#at += 5;
    if (bytes.length > BUFFER_BYTES - 5) {
      this.#flush();
      this.#hash.update(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #writePart(part: TracePart): void {
    if (typeof part === 'number') this.#writeNumber(part);
    else if (typeof part === 'string') this.#writeBytes(TAG.text, Buffer.from(part));
    else this.#writeBytes(TAG.bytes, part);
  }

  /** One event of the clock: its time and its place in the order of insertion. */
  event(atMs: number, order: number): void {
    this.#eventCount++;
    this.#room(17);
    this.#buffer[this.#at] = TAG.event;
    this.#buffer.writeDoubleLE(atMs, this.#at + 1);
    this.#buffer.writeDoubleLE(order, this.#at + 9);
    this.#at += 17;
  }

  record(kind: string, atMs: number, ...parts: readonly TracePart[]): void {
    this.#recordCount++;
    this.#writePart(kind);
    this.#writeNumber(atMs);
    for (const part of parts) this.#writePart(part);
    this.#onRecord?.(kind, atMs, parts);
  }

  /** 64 hex digits over everything so far; recording may go on. */
  digest(): string {
    this.#flush();
    return this.#hash.copy().digest('hex');
  }
}
