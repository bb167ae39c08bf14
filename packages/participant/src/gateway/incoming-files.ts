// driven: bodies on their way to the peers lie in private files, within what the disk has room for, and are gone afterwards (T16, T18).
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskGauge, isDiskFull, nodeFileSystem } from '@batchain/bat-node';
import { BatChainError, KiB, MiB, type Runtime, systemReason, toHex } from '@batchain/shared';
import { GatewayError } from './gateway-error.ts';

/** Asked of the disk at a time, for a body that does not tell its length. */
const STEP_BYTES: number = 16 * MiB;

/** As much as a value that is never spooled. */
const UNMETERED_BYTES: number = 64 * KiB;

export interface IncomingFile {
  readonly path: string;
  readonly bytes: number;
  remove(): Promise<void>;
}

/** One for a daemon: all gateways share the disk. */
export class IncomingFiles {
  readonly #runtime: Runtime;
  readonly #folder: string;
  readonly #gauge: DiskGauge;
  #opening: Promise<void> | undefined;

  constructor(runtime: Runtime, folder: string, keepFreeBytes: number | undefined) {
    this.#runtime = runtime;
    this.#folder = folder;
    this.#gauge = new DiskGauge(runtime, nodeFileSystem, folder, keepFreeBytes);
  }

  /** What a killed daemon left is of no use: nobody knows whose it was. */
  async #open(): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      for (const name of await readdir(this.#folder)) await rm(join(this.#folder, name), { force: true, recursive: true });
    } catch (error) {
      this.#opening = undefined;
      throw unusable(this.#folder, error);
    }
  }

  /** `announcedBytes`: undefined when the sender does not tell. Throws 507 when the disk has no room for it. */
  async receive(body: AsyncIterable<Uint8Array>, announcedBytes: number | undefined): Promise<IncomingFile> {
    await this.#ready();
    const path = join(this.#folder, toHex(this.#runtime.entropy.bytes(16)));
    const remove = (): Promise<void> => rm(path, { force: true });
    try {
      return { path, bytes: await this.#write(path, body, announcedBytes), remove };
    } catch (error) {
      await remove().catch(() => undefined);
      if (isDiskFull(error)) throw noRoom(error);
      throw typeof (error as NodeJS.ErrnoException).syscall === 'string' ? unusable(path, error) : error;
    }
  }

  /** The bytes as they come, within what the disk has room for; `announcedBytes` as for `receive`. Throws 507. */
  async *metered(body: AsyncIterable<Uint8Array>, announcedBytes: number | undefined): AsyncGenerator<Uint8Array, void> {
    await this.#ready();
    // What is small need not wait for a disk that is nearly full: it passes through memory.
    let promisedBytes = (announcedBytes ?? 0) > UNMETERED_BYTES ? await this.#promise(announcedBytes as number) : 0;
    let bytes = 0;
    try {
      for await (const part of body) {
        bytes += part.length;
        if (bytes > UNMETERED_BYTES && part.length > promisedBytes) promisedBytes += await this.#promise(STEP_BYTES);
        yield part;
        if (promisedBytes === 0) continue;
        this.#gauge.written(part.length);
        promisedBytes -= part.length;
      }
    } finally {
      this.#gauge.release(promisedBytes);
    }
  }

  async #write(path: string, body: AsyncIterable<Uint8Array>, announcedBytes: number | undefined): Promise<number> {
    let bytes = 0;
    const parts = this.metered(body, announcedBytes);
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const part of parts) {
        await file.appendFile(part);
        bytes += part.length;
      }
    } finally {
      await file.close();
    }
    return bytes;
  }

  #ready(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #promise(bytes: number): Promise<number> {
    await this.#gauge.refresh();
    if (bytes > this.#gauge.room()) throw noRoom(undefined);
    this.#gauge.promise(bytes);
    return bytes;
  }
}

const noRoom = (cause: unknown): GatewayError =>
  new GatewayError(507, {
    what: 'there is no room for the body on the disk of this node',
    why: 'it lies there until the peers have it, and some of the disk stays free',
    fix: 'free some space, or send it to a node with more of it',
    cause,
  });

const unusable = (path: string, error: unknown): BatChainError =>
  new BatChainError('BAT_E_HOME_UNUSABLE', { what: `can not write ${path}`, why: systemReason(error), cause: error });
