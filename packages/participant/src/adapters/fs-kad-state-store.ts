// driven: what a KadNode keeps over a restart, in one file: each part behind its length, replaced as a whole.
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { KadStateStore } from '@batchain/kad-node';
import { MiB, type Random, toHex, uintBytes } from '@batchain/shared';

const LENGTH_BYTES = 4;
/** Far above a part of the kad node; a larger length means that the file is damaged. */
const PART_BYTES_MAX: number = 64 * MiB;

/** Appends in large writes, so that thousands of small parts are few system calls. */
class PartWriter {
  readonly #file: FileHandle;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async add(part: Uint8Array): Promise<void> {
    this.#waiting.push(uintBytes(part.length, LENGTH_BYTES), part);
    this.#waitingBytes += LENGTH_BYTES + part.length;
    if (this.#waitingBytes >= MiB) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#waitingBytes === 0) return;
    await this.#file.appendFile(Buffer.concat(this.#waiting, this.#waitingBytes));
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

async function readExactly(file: FileHandle, length: number): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done);
    if (bytesRead === 0) return undefined;
    done += bytesRead;
  }
  return bytes;
}

export class FsKadStateStore implements KadStateStore {
  readonly #path: string;
  readonly #names: Random;

  constructor(path: string, names: Random) {
    this.#path = path;
    this.#names = names;
  }

  /** Ends at the first part that is not whole: the node then begins with what came before. What a kill amid a save left goes. */
  async *load(): AsyncGenerator<Uint8Array> {
    await this.#sweep();
    const file = await open(this.#path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (file === undefined) return;
    try {
      for (;;) {
        const head = await readExactly(file, LENGTH_BYTES);
        const length = head === undefined ? 0 : Buffer.from(head).readUInt32BE();
        if (length === 0 || length > PART_BYTES_MAX) return;
        const part = await readExactly(file, length);
        if (part === undefined) return;
        yield part;
      }
    } finally {
      await file.close();
    }
  }

  async #sweep(): Promise<void> {
    const folder = dirname(this.#path);
    const names = await readdir(folder).catch((): string[] => []);
    const left = names.filter((name) => name.startsWith(`${basename(this.#path)}.`) && name.endsWith('.tmp'));
    for (const name of left) await rm(join(folder, name), { force: true });
  }

  async save(parts: Iterable<Uint8Array>): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.${toHex(this.#names.bytes(8))}.tmp`;
    const file = await open(temporary, 'wx', 0o600);
    try {
      const writer = new PartWriter(file);
      for (const part of parts) await writer.add(part);
      await writer.flush();
      await file.datasync();
      await file.close();
      await rename(temporary, this.#path);
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
      throw error;
    }
  }
}
