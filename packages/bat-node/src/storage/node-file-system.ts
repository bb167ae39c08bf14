// driven: the FileSystem port over node:fs.
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, statfs, unlink } from 'node:fs/promises';
import type { DiskSpace, FileStat, FileSystem, OpenFile, OpenHow } from './file-system.ts';

const FLAGS: Readonly<Record<OpenHow, number>> = {
  // Without waiting: a pipe in the place of a file must not hold a thread.
  read: constants.O_RDONLY | (constants.O_NONBLOCK ?? 0),
  update: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
};

class NodeOpenFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < target.length) {
      const { bytesRead } = await this.#handle.read(target, done, target.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.write(bytes, 0, bytes.length, position)).bytesWritten;
  }

  async truncate(length: number): Promise<void> {
    await this.#handle.truncate(length);
  }

  async datasync(): Promise<void> {
    await this.#handle.datasync();
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

export const nodeFileSystem: FileSystem = {
  async open(path, how): Promise<OpenFile> {
    return new NodeOpenFile(await open(path, FLAGS[how] | (constants.O_NOFOLLOW ?? 0), 0o600));
  },
  async makeFolder(path): Promise<void> {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  async list(path): Promise<readonly string[]> {
    return (await readdir(path, { withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => entry.name);
  },
  async stat(path): Promise<FileStat> {
    const { size, mtimeMs } = await lstat(path);
    return { bytes: size, modifiedMs: mtimeMs };
  },
  async rename(from, to): Promise<void> {
    await rename(from, to);
  },
  async link(from, to): Promise<void> {
    await link(from, to);
  },
  async remove(path): Promise<void> {
    await unlink(path);
  },
  async syncFolder(path): Promise<void> {
    // Windows opens no folders; there a rename is as durable as it gets.
    if (process.platform === 'win32') return;
    const folder = await open(path, constants.O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  async space(path): Promise<DiskSpace> {
    const { bavail, blocks, bsize, ffree, files } = await statfs(path);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeFiles: ffree, totalFiles: files };
  },
};
