// driven: the file that an upload reads: opened once, read by position, checked for changes at the end.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BatChainError } from '@batchain/shared';
import { diskWords } from './disk-words.ts';
import { errnoOf } from './file-system.ts';

/** A regular file opened for reading. */
export class SourceFile {
  readonly path: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  readonly mode: number;
  readonly #handle: FileHandle;
  readonly #ctimeMs: number;

  private constructor(path: string, handle: FileHandle, stat: { size: number; mtimeMs: number; ctimeMs: number; mode: number }) {
    this.path = path;
    this.#handle = handle;
    this.bytes = stat.size;
    this.mtimeMs = stat.mtimeMs;
    this.#ctimeMs = stat.ctimeMs;
    this.mode = stat.mode & 0o777;
  }

  /** Opens without waiting on pipes. Throws BAT_E_FILE_NOT_FOUND, BAT_E_NOT_A_FILE, BAT_E_FILE_UNREADABLE. */
  static async open(path: string): Promise<SourceFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') {
        throw new BatChainError('BAT_E_FILE_NOT_FOUND', { what: `no such file: ${path}`, why: 'nothing is at that path', cause: error });
      }
      throw new BatChainError('BAT_E_FILE_UNREADABLE', { what: `can not read ${path}`, why: diskWords(error), cause: error });
    }
    const stat = await handle.stat();
    if (!stat.isFile()) {
      await handle.close();
      throw new BatChainError('BAT_E_NOT_A_FILE', { what: `${path} is not a regular file` });
    }
    const source = new SourceFile(path, handle, stat);
    try {
      await source.#assertEnd();
      return source;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** What the kernel makes up while it is read (/proc) is said to have no bytes, and would be stored so. */
  async #assertEnd(): Promise<void> {
    const count = await this.#readSome(new Uint8Array(1), this.bytes);
    // A file that grows is found out at the end.
    if (count === 0 || (await this.#handle.stat()).size !== this.bytes) return;
    throw new BatChainError('BAT_E_NOT_A_FILE', {
      what: `${this.path} is not a regular file`,
      why: `its size is ${this.bytes} bytes, but there are more to read`,
      fix: 'store a copy of it',
    });
  }

  async #readSome(target: Uint8Array, position: number): Promise<number> {
    try {
      return (await this.#handle.read(target, 0, target.length, position)).bytesRead;
    } catch (error) {
      throw new BatChainError('BAT_E_FILE_UNREADABLE', {
        what: `can not read ${this.path}`,
        why: diskWords(error),
        cause: error,
      });
    }
  }

  /** Fills `target` from `position` on. Throws BAT_E_SOURCE_CHANGED when the file is shorter than it was. */
  async read(target: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < target.length) {
      const count = await this.#readSome(target.subarray(done), position + done);
      if (count === 0) throw this.#changed('it became shorter');
      done += count;
    }
  }

  /** Throws BAT_E_SOURCE_CHANGED when size or modification time differ from those at the start. */
  async assertUnchanged(): Promise<void> {
    const stat = await this.#handle.stat();
    if (stat.size !== this.bytes) throw this.#changed(`its size went from ${this.bytes} to ${stat.size} bytes`);
    if (stat.mtimeMs !== this.mtimeMs || stat.ctimeMs !== this.#ctimeMs) throw this.#changed('it was written to');
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #changed(why: string): BatChainError {
    return new BatChainError('BAT_E_SOURCE_CHANGED', { what: `${this.path} changed while it was being read`, why });
  }
}
