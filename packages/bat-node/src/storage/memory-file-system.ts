// driven: a FileSystem in memory that knows what a real disk would have kept: its crash loses what was not synced.
import { basename, dirname } from 'node:path';
import { concatBytes, TiB } from '@batchain/shared';
import type { DiskSpace, FileStat, FileSystem, OpenFile, OpenHow } from './file-system.ts';

/** A change that a crash may lose: a name given or taken away, or bytes of a file. */
export interface UnsyncedChange {
  readonly kind: 'name' | 'write' | 'truncate';
  readonly path: string;
}

/** What becomes of an unsynced change; `tear` keeps the first half of a write. */
export type CrashFate = 'keep' | 'lose' | 'tear';

interface ContentChange {
  readonly kind: 'write' | 'truncate';
  readonly position: number;
  readonly bytes: Uint8Array;
  /** The bytes from `position` on and the whole length before the change, to undo it. */
  readonly before: Uint8Array;
  readonly lengthBefore: number;
}

interface MemoryFile {
  content: Uint8Array;
  modifiedMs: number;
  /** Names that the file has; without one its bytes are free again. */
  links: number;
  unsynced: ContentChange[];
}

type Names = Map<string, MemoryFile>;

/** One call that changed names; its halves become durable folder by folder. */
interface NameChange {
  readonly path: string;
  halves: { readonly folder: string; readonly name: string; readonly file: MemoryFile | undefined }[];
}

export interface MemoryFileSystemOptions {
  readonly totalBytes?: number;
  /** Wall clock of modification times. */
  readonly nowMs?: () => number;
}

const EMPTY = new Uint8Array(0);

function diskError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** Bytes with `bytes` put at `position`, zeros in a gap. */
function overwritten(content: Uint8Array, bytes: Uint8Array, position: number): Uint8Array {
  if (position === content.length) return concatBytes(content, bytes);
  const result = new Uint8Array(Math.max(content.length, position + bytes.length));
  result.set(content);
  result.set(bytes, position);
  return result;
}

function resized(content: Uint8Array, length: number): Uint8Array {
  return length <= content.length ? content.slice(0, length) : overwritten(content, EMPTY, length);
}

/**
 * Folders are durable at once (the stores make theirs before first use), file bytes after `datasync`, names after
 * `syncFolder`; a rename between folders may leave both names, never none, as journalling file systems do.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #totalBytes: number;
  readonly #nowMs: () => number;
  readonly #folders = new Map<string, Names>();
  readonly #durable = new Map<string, Names>();
  #nameChanges: NameChange[] = [];
  #usedBytes = 0;
  #life = 0;

  constructor(options: MemoryFileSystemOptions = {}) {
    this.#totalBytes = options.totalBytes ?? TiB;
    this.#nowMs = options.nowMs ?? ((): number => 0);
  }

  /** Power cut: every change not synced meets its fate, open files are dead. */
  crash(fateOf: (change: UnsyncedChange) => CrashFate): void {
    this.#life++;
    for (const change of this.#nameChanges) {
      if (fateOf({ kind: 'name', path: change.path }) === 'keep') for (const half of change.halves) this.#settleName(half);
    }
    this.#nameChanges = [];
    for (const [folder, names] of this.#durable) {
      this.#folders.set(folder, new Map(names));
      for (const [name, file] of names) this.#settleContent(file, `${folder}/${name}`, fateOf);
    }
    this.#recount();
  }

  /** Flips one bit, as a rotting disk does. */
  rot(path: string, bit: number): void {
    const file = this.#file(path);
    file.content = file.content.slice();
    const at = bit >> 3;
    file.content[at] = (file.content[at] as number) ^ (1 << (bit & 7));
  }

  folders(): string[] {
    return [...this.#folders.keys()];
  }

  async open(path: string, how: OpenHow): Promise<OpenFile> {
    const names = this.#names(path);
    if (how === 'create') {
      if (names.has(basename(path))) throw diskError('EEXIST', path);
      const made: MemoryFile = { content: EMPTY, modifiedMs: this.#nowMs(), links: 0, unsynced: [] };
      this.#change(path, [[path, made]]);
      return this.#handle(made, path);
    }
    return this.#handle(this.#file(path), path);
  }

  async makeFolder(path: string): Promise<void> {
    for (let at = path; !this.#folders.has(at) && at !== dirname(at); at = dirname(at)) {
      this.#folders.set(at, new Map());
      this.#durable.set(at, new Map());
    }
  }

  async list(path: string): Promise<readonly string[]> {
    const names = this.#folders.get(path);
    if (names === undefined) throw diskError('ENOENT', path);
    return [...names.keys()];
  }

  async stat(path: string): Promise<FileStat> {
    const file = this.#file(path);
    return { bytes: file.content.length, modifiedMs: file.modifiedMs };
  }

  async rename(from: string, to: string): Promise<void> {
    const file = this.#file(from);
    if (this.#names(to).get(basename(to)) === file) return;
    this.#change(to, [
      [to, file],
      [from, undefined],
    ]);
  }

  async link(from: string, to: string): Promise<void> {
    const file = this.#file(from);
    if (this.#names(to).has(basename(to))) throw diskError('EEXIST', to);
    this.#change(to, [[to, file]]);
  }

  async remove(path: string): Promise<void> {
    this.#file(path);
    this.#change(path, [[path, undefined]]);
  }

  async syncFolder(path: string): Promise<void> {
    if (!this.#folders.has(path)) throw diskError('ENOENT', path);
    for (const change of this.#nameChanges) {
      for (const half of change.halves) if (half.folder === path) this.#settleName(half);
      change.halves = change.halves.filter((half) => half.folder !== path);
    }
    this.#nameChanges = this.#nameChanges.filter((change) => change.halves.length > 0);
  }

  async space(_path: string): Promise<DiskSpace> {
    const freeBytes = Math.max(0, this.#totalBytes - this.#usedBytes);
    return { freeBytes, totalBytes: this.#totalBytes, freeFiles: 0, totalFiles: 0 };
  }

  #names(path: string): Names {
    const names = this.#folders.get(dirname(path));
    if (names === undefined) throw diskError('ENOENT', path);
    return names;
  }

  #file(path: string): MemoryFile {
    const file = this.#names(path).get(basename(path));
    if (file === undefined) throw diskError('ENOENT', path);
    return file;
  }

  #recount(): void {
    this.#usedBytes = 0;
    const files = [...this.#folders.values()].flatMap((names) => [...names.values()]);
    for (const file of files) file.links = 0;
    for (const file of files) if (file.links++ === 0) this.#usedBytes += file.content.length;
  }

  #change(path: string, parts: readonly (readonly [string, MemoryFile | undefined])[]): void {
    const halves = parts.map(([at, file]) => ({ folder: dirname(at), name: basename(at), file }));
    for (const { folder, name, file } of halves) {
      const names = this.#folders.get(folder) as Names;
      const before = names.get(name);
      if (file === undefined) names.delete(name);
      else {
        names.set(name, file);
        file.links++;
      }
      if (before !== undefined && --before.links === 0) this.#usedBytes -= before.content.length;
    }
    this.#nameChanges.push({ path, halves });
  }

  #settleName(half: NameChange['halves'][number]): void {
    if (half.file === undefined) this.#durable.get(half.folder)?.delete(half.name);
    else this.#durable.get(half.folder)?.set(half.name, half.file);
  }

  #settleContent(file: MemoryFile, path: string, fateOf: (change: UnsyncedChange) => CrashFate): void {
    const changes = file.unsynced;
    file.unsynced = [];
    for (const change of changes.toReversed()) {
      file.content = concatBytes(file.content.subarray(0, Math.min(change.position, change.lengthBefore)), change.before);
    }
    for (const change of changes) {
      const fate = fateOf({ kind: change.kind, path });
      if (fate === 'lose') continue;
      const bytes = fate === 'tear' ? change.bytes.subarray(0, change.bytes.length >> 1) : change.bytes;
      file.content =
        change.kind === 'truncate' ? resized(file.content, change.position) : overwritten(file.content, bytes, change.position);
    }
  }

  #handle(file: MemoryFile, path: string): OpenFile {
    const life = this.#life;
    const alive = (): void => {
      if (life !== this.#life) throw diskError('EBADF', path);
    };
    return {
      read: async (target, position) => {
        alive();
        const bytes = file.content.subarray(position, position + target.length);
        target.set(bytes);
        return bytes.length;
      },
      write: async (bytes, position) => {
        alive();
        const grown = Math.max(0, position + bytes.length - file.content.length);
        const free = this.#totalBytes - this.#usedBytes;
        const taken = grown <= free ? bytes.slice() : bytes.slice(0, Math.max(0, bytes.length - (grown - free)));
        if (taken.length === 0 && bytes.length > 0) throw diskError('ENOSPC', path);
        this.#alter(file, { kind: 'write', position, bytes: taken });
        return taken.length;
      },
      truncate: async (length) => {
        alive();
        this.#alter(file, { kind: 'truncate', position: length, bytes: EMPTY });
      },
      datasync: async () => {
        alive();
        file.unsynced = [];
      },
      size: async () => {
        alive();
        return file.content.length;
      },
      close: async () => undefined,
    };
  }

  #alter(file: MemoryFile, change: Omit<ContentChange, 'before' | 'lengthBefore'>): void {
    const { content } = file;
    file.unsynced.push({ ...change, before: content.slice(change.position), lengthBefore: content.length });
    file.content = change.kind === 'truncate' ? resized(content, change.position) : overwritten(content, change.bytes, change.position);
    file.modifiedMs = this.#nowMs();
    this.#usedBytes += file.content.length - content.length;
  }
}
