// driven: private files of values: what is on its way to the hosts, large local values, and the manifests of backing files.
import { constants, existsSync } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BatChainError, type Random, toHex } from '@batchain/shared';
import { ensurePrivateDir } from '../home/private-files.ts';
import { VALUE_CHUNK_BYTES } from '../limits.ts';

const LOCAL_NAME = /^[0-9a-f]{32}$/;
const NAME_SHOWN_MAX = 60;

/** Everything lies in one folder of the home, 0700, which is made when it is needed first. */
export class ValueFiles {
  readonly #folder: string;
  readonly #random: Random;

  constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#random = random;
  }

  /** A new place where bytes wait to be uploaded; whoever asks for it removes what lies there. */
  spoolPath(): string {
    return join(this.#make('spool'), toHex(this.#random.bytes(16)));
  }

  isSpool(path: string): boolean {
    return path.startsWith(join(this.#folder, 'spool'));
  }

  /** A place that no upload used before, beside the other manifests of values. */
  manifestPath(): string {
    return join(this.#make('manifests'), `${toHex(this.#random.bytes(16))}.batchain`);
  }

  isManifest(path: string): boolean {
    return path.startsWith(join(this.#folder, 'manifests'));
  }

  /** The name of a backing file in `batchain ls`. */
  fileName(key: string): string {
    const readable = key.replace(/[^\w.=+@-]/g, '_').slice(0, NAME_SHOWN_MAX);
    return `kv-${readable}`.replace(/\.+$/, '_');
  }

  newLocalName(): string {
    return toHex(this.#random.bytes(16));
  }

  localPath(name: string): string {
    return join(this.#make('local'), name);
  }

  /** Writes all that comes, durably, and counts it; whatever was there before is gone. `bytesMax` ends it with an error of the caller's. */
  async write(path: string, bytes: AsyncIterable<Uint8Array>, onBytes: (total: number) => void): Promise<number> {
    const file = await open(path, 'w', 0o600).catch((error: unknown) => {
      throw unwritable(path, error);
    });
    let total = 0;
    try {
      for await (const part of bytes) {
        onBytes(total + part.length);
        let at = 0;
        while (at < part.length) {
          const { bytesWritten } = await file.write(part, at).catch((error: unknown) => {
            throw unwritable(path, error);
          });
          at += bytesWritten;
        }
        total += part.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return total;
  }

  /** A range of a file, in chunks. */
  async *read(path: string, { offset, length }: { readonly offset: number; readonly length: number }): AsyncGenerator<Uint8Array, void> {
    const file = await openSource(path);
    try {
      for (let done = 0; done < length; ) {
        const part = new Uint8Array(Math.min(VALUE_CHUNK_BYTES, length - done));
        const { bytesRead } = await file.read(part, 0, part.length, offset + done);
        if (bytesRead === 0) throw new BatChainError('BAT_E_FILE_UNREADABLE', { what: `${path} is shorter than it was` });
        done += bytesRead;
        yield part.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  /** Length of the regular file at a path. BAT_E_FILE_NOT_FOUND, BAT_E_NOT_A_FILE, BAT_E_FILE_UNREADABLE. */
  async size(path: string): Promise<number> {
    const file = await openSource(path);
    try {
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  }

  async remove(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  /** What was spooled before a crash, and local values that no row names. */
  async collectLeftovers(localNames: ReadonlySet<string>): Promise<void> {
    for (const name of await this.#names('spool')) await rm(join(this.#folder, 'spool', name), { force: true });
    for (const name of await this.#names('local'))
      if (LOCAL_NAME.test(name) && !localNames.has(name)) await rm(join(this.#folder, 'local', name), { force: true });
  }

  async #names(part: string): Promise<readonly string[]> {
    const folder = join(this.#folder, part);
    return existsSync(folder) ? readdir(folder) : [];
  }

  #make(part: string): string {
    const folder = join(this.#folder, part);
    ensurePrivateDir(folder);
    return folder;
  }
}

async function openSource(path: string): Promise<Awaited<ReturnType<typeof open>>> {
  // Without waiting: a pipe in the place of a file must not hold a thread.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = error instanceof Error ? error.message : String(error);
    throw new BatChainError(isMissing ? 'BAT_E_FILE_NOT_FOUND' : 'BAT_E_FILE_UNREADABLE', {
      what: `${path} can not be read`,
      why,
      cause: error,
    });
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new BatChainError('BAT_E_NOT_A_FILE', { what: `${path} is no regular file` });
}

function unwritable(path: string, error: unknown): BatChainError {
  const why = error instanceof Error ? error.message : String(error);
  return new BatChainError('BAT_E_HOME_UNUSABLE', { what: `${path} can not be written`, why, cause: error });
}
