// driven: a disk in memory that crashes at a chosen call, or fails one, for the tests of stores.
import { type FileSystem, type KeyValueStore, MemoryFileSystem, MemoryKeyValueStore, type OpenFile } from '@batchain/bat-node';

export interface CallFault {
  /** Which call fails, counted from the last `arm`. */
  readonly at: number;
  /** `short` lets a write take half of its bytes; other words are codes of the system. */
  readonly code: 'EIO' | 'ENOSPC' | 'EMFILE' | 'EROFS' | 'short';
  /** Every call of this kind from there on. */
  readonly isLasting?: boolean;
}

function failure(code: string, call: string): Error {
  return Object.assign(new Error(`${code}: ${call}`), { code });
}

/**
 * Not modelled: folders are durable when made, and a write of the table is whole and durable or absent, as the write-ahead
 * log of LevelDB promises; that promise is tried by the process that is killed (host-kill.test.ts).
 */
export class FaultDisk {
  readonly memory: MemoryFileSystem;
  readonly tableMemory = new MemoryKeyValueStore();
  readonly files: FileSystem;
  readonly table: KeyValueStore;
  /** Names of the calls since the last `arm`. */
  calls: string[] = [];
  isCrashed = false;
  #crashAt = Number.POSITIVE_INFINITY;
  #fault: CallFault | undefined;
  #failingKind: string | undefined;

  constructor(memory: MemoryFileSystem = new MemoryFileSystem()) {
    this.memory = memory;
    this.files = this.#wrapFiles();
    this.table = this.#wrapTable();
  }

  /** Counts calls anew; the call with this number and all after it do not happen. */
  arm(options: { readonly crashAt?: number; readonly fault?: CallFault } = {}): void {
    this.calls = [];
    this.#crashAt = options.crashAt ?? Number.POSITIVE_INFINITY;
    this.#fault = options.fault;
    this.#failingKind = undefined;
  }

  /** Power is back. */
  revive(): void {
    this.isCrashed = false;
    this.arm();
  }

  async #call<T>(kind: string, path: string, work: () => Promise<T>): Promise<T> {
    this.#count(kind, path);
    return work();
  }

  /** True when a write must be short. */
  #count(kind: string, path: string): boolean {
    const number = this.calls.length;
    const call = `${kind} ${path}`;
    this.calls.push(call);
    if (number >= this.#crashAt) this.isCrashed = true;
    if (this.isCrashed) throw failure('EIO', `the machine is off: ${call}`);
    const fault = this.#fault;
    if (fault === undefined) return false;
    if (number === fault.at) this.#failingKind = kind;
    const isHit = number === fault.at || (fault.isLasting === true && kind === this.#failingKind);
    if (!isHit) return false;
    if (fault.code === 'short') return kind === 'write';
    throw failure(fault.code, call);
  }

  #wrapFiles(): FileSystem {
    const { memory } = this;
    return {
      open: async (path, how) =>
        this.#wrapFile(path, await this.#call(how === 'create' ? 'create' : 'open', path, () => memory.open(path, how))),
      makeFolder: (path) => this.#call('make-folder', path, () => memory.makeFolder(path)),
      list: (path) => this.#call('list', path, () => memory.list(path)),
      stat: (path) => this.#call('stat', path, () => memory.stat(path)),
      rename: (from, to) => this.#call('rename', to, () => memory.rename(from, to)),
      link: (from, to) => this.#call('link', to, () => memory.link(from, to)),
      remove: (path) => this.#call('remove', path, () => memory.remove(path)),
      syncFolder: (path) => this.#call('sync-folder', path, () => memory.syncFolder(path)),
      space: (path) => this.#call('space', path, () => memory.space(path)),
    };
  }

  #wrapFile(path: string, file: OpenFile): OpenFile {
    return {
      read: (target, position) => this.#call('read', path, () => file.read(target, position)),
      write: async (bytes, position) =>
        file.write(this.#count('write', path) ? bytes.subarray(0, Math.ceil(bytes.length / 2)) : bytes, position),
      truncate: (length) => this.#call('truncate', path, () => file.truncate(length)),
      datasync: () => this.#call('datasync', path, () => file.datasync()),
      size: () => this.#call('size', path, () => file.size()),
      close: () => file.close(),
    };
  }

  #wrapTable(): KeyValueStore {
    const { tableMemory } = this;
    return {
      open: () => tableMemory.open(),
      close: () => tableMemory.close(),
      destroy: () => this.#call('destroy', 'table', () => tableMemory.destroy()),
      get: (key) => tableMemory.get(key),
      write: (changes) => this.#call('table-write', 'table', () => tableMemory.write(changes)),
      entries: (range) => tableMemory.entries(range),
    };
  }
}
