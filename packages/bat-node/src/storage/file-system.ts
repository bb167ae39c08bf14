// pure: the FileSystem port: the few calls of a disk that the stores need, so that a test can crash and fail every one of them.

/** `read` and `update` want an existing file, `create` a name that is free. None follows a symbolic link. */
export type OpenHow = 'read' | 'update' | 'create';

/** An open file. Positions and lengths are bytes. */
export interface OpenFile {
  /** Fills `target` from `position` on; fewer bytes than its length only at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** The number of bytes written, which may be fewer than given. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  truncate(length: number): Promise<void>;
  /** The file's bytes and length are on the disk when it resolves (fdatasync). */
  datasync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface FileStat {
  readonly bytes: number;
  /** Wall clock. */
  readonly modifiedMs: number;
}

export interface DiskSpace {
  /** What an ordinary user may still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeFiles: number;
  /** 0 where the file system does not count files. */
  readonly totalFiles: number;
}

/** Every call rejects with an error that carries the system's `code` (`ENOENT`, `ENOSPC`, `EIO`, ...). */
export interface FileSystem {
  /** New files get mode 0600. */
  open(path: string, how: OpenHow): Promise<OpenFile>;
  /** With its parents, mode 0700; no error when it is there. */
  makeFolder(path: string): Promise<void>;
  /** Names of the regular files in a folder. */
  list(path: string): Promise<readonly string[]>;
  stat(path: string): Promise<FileStat>;
  /** Replaces the target at once. */
  rename(from: string, to: string): Promise<void>;
  /** A second name for the same file; `EEXIST` when it is taken. */
  link(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Names that were added to and removed from the folder are on the disk when it resolves. */
  syncFolder(path: string): Promise<void>;
  space(path: string): Promise<DiskSpace>;
}

/** The system's code of an error (`ENOENT`), or '' when it has none. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const FULL_CODES: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** True when the disk, a quota of the system or a file size limit has no more room. */
export function isDiskFull(error: unknown): boolean {
  return FULL_CODES.includes(errnoOf(error));
}

export function isMissing(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT';
}
