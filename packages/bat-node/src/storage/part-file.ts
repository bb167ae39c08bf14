// driven: the file that a download writes: under a temporary name beside the target, renamed when every byte was checked.
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BatChainError } from '@batchain/shared';
import { diskWords } from './disk-words.ts';
import { NAME_BYTES_MAX, shortened } from './file-names.ts';
import { errnoOf } from './file-system.ts';

/** A hidden name beside the target: the same file id continues its own part file and no other. */
export function partPath(targetPath: string, fileIdHex: string): string {
  const end = `.${fileIdHex.slice(0, 16)}.part`;
  return join(dirname(targetPath), `.${shortened(basename(targetPath), NAME_BYTES_MAX - 1 - end.length)}${end}`);
}

const exists = async (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

export class PartFile {
  readonly targetPath: string;
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #isForced: boolean;

  private constructor(targetPath: string, path: string, handle: FileHandle, isForced: boolean) {
    this.targetPath = targetPath;
    this.path = path;
    this.#handle = handle;
    this.#isForced = isForced;
  }

  /**
   * Opens the part file of an interrupted download or makes a new one. Throws BAT_E_TARGET_EXISTS when the target is
   * there (a symbolic link counts) and not forced, BAT_E_TARGET_UNWRITABLE when the folder can not be written.
   */
  static async open(targetPath: string, fileIdHex: string, isForced: boolean): Promise<PartFile> {
    const there = await lstat(targetPath).catch(() => undefined);
    if (there !== undefined && !isForced) throw targetExists(targetPath);
    // Force is for files and links: a device, a pipe or a folder is never replaced.
    if (there !== undefined && !there.isFile() && !there.isSymbolicLink()) throw notReplaceable(targetPath);
    const path = partPath(targetPath, fileIdHex);
    try {
      const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
      const stat = await handle.stat();
      if (!stat.isFile() || stat.nlink !== 1) {
        await handle.close();
        throw new BatChainError('BAT_E_TARGET_UNWRITABLE', {
          what: `${path} is in the way`,
          why: 'it is no part file of BatChain',
          fix: `rm '${path}'`,
        });
      }
      return new PartFile(targetPath, path, handle, isForced);
    } catch (error) {
      if (error instanceof BatChainError) throw error;
      throw unwritable(targetPath, error);
    }
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.read(target, 0, target.length, position)).bytesRead;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    let done = 0;
    try {
      while (done < bytes.length) {
        done += (await this.#handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
      }
    } catch (error) {
      throw unwritable(this.targetPath, error);
    }
  }

  async truncate(bytes: number): Promise<void> {
    await this.#handle.truncate(bytes);
  }

  /**
   * Syncs and puts the file under its final name; without force an existing target is never replaced, not even in a race. What
   * gets the name is the file that was checked: in a folder that others may write to, its part file may have been exchanged.
   */
  async finish(mode: number): Promise<void> {
    try {
      await this.#handle.chmod(mode);
      await this.#handle.sync();
      if (!(await this.#isOurs(this.path))) throw exchanged(this.path);
      if (this.#isForced) await rename(this.path, this.targetPath);
      else await this.#linkToTarget();
      if (!(await this.#isOurs(this.targetPath))) {
        await rm(this.targetPath, { force: true });
        throw exchanged(this.path);
      }
      await this.#handle.close();
      const folder = await open(dirname(this.targetPath), constants.O_RDONLY);
      await folder.sync();
      await folder.close();
    } catch (error) {
      if (error instanceof BatChainError) throw error;
      throw unwritable(this.targetPath, error);
    }
  }

  /** What lies under the part file's name, opened or not; undefined when nothing does. */
  async keptBytes(): Promise<number | undefined> {
    const there = await lstat(this.path).catch(() => undefined);
    return there?.size;
  }

  /** Keeps the part file for a later attempt. */
  async close(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
  }

  async discard(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
  }

  /** True when the very file that is open lies there. */
  async #isOurs(path: string): Promise<boolean> {
    const [there, ours] = [await lstat(path).catch(() => undefined), await this.#handle.stat()];
    return there !== undefined && there.dev === ours.dev && there.ino === ours.ino;
  }

  async #linkToTarget(): Promise<void> {
    try {
      await link(this.path, this.targetPath);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') throw targetExists(this.targetPath);
      // Some file systems have no hard links: look once more, then rename.
      if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes(errnoOf(error))) throw error;
      if (await exists(this.targetPath)) throw targetExists(this.targetPath);
      await rename(this.path, this.targetPath);
      return;
    }
    await rm(this.path, { force: true });
  }
}

function notReplaceable(path: string): BatChainError {
  return new BatChainError('BAT_E_TARGET_EXISTS', {
    what: `${path} is a folder, a device or a pipe`,
    why: 'only regular files and links are replaced',
    fix: 'choose another path with -o, or stream with --stdout',
  });
}

function exchanged(path: string): BatChainError {
  return new BatChainError('BAT_E_TARGET_UNWRITABLE', {
    what: `${path} was exchanged while it was written`,
    why: 'somebody else can write to this folder',
    fix: 'download into a folder that only you can write to',
  });
}

function targetExists(path: string): BatChainError {
  return new BatChainError('BAT_E_TARGET_EXISTS', { what: `${path} is there already` });
}

function unwritable(path: string, error: unknown): BatChainError {
  return new BatChainError('BAT_E_TARGET_UNWRITABLE', { what: `can not write ${path}`, why: diskWords(error), cause: error });
}
