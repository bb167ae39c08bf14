// driven: values over a hash table and hosts in memory, with a fuse: after so many steps the process is as good as killed.
import { readFile } from 'node:fs/promises';
import { type FileEntry, type FileId, type KeyValueStore, MemoryKeyValueStore } from '@batchain/bat-node';
import { settleReal } from '@batchain/lab/simulation';
import { BatChainError, fromHex, type KeyPair, keyPairFromSeed, type NodeId, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { createSimRuntime, type Simulation } from '@batchain/shared/testing';
import { ValueFiles } from '../../packages/participant/src/values/value-files.ts';
import type { ByteRange, HeldRange, ValueHosts, ValueNetwork } from '../../packages/participant/src/values/value-network.ts';
import { Values } from '../../packages/participant/src/values/values.ts';

/** What all participants together keep: the newest of each mutable value, and immutable ones by hash. */
export class SharedTable {
  readonly immutable = new Map<string, Uint8Array>();
  readonly mutable = new Map<string, { readonly sequence: number; readonly value: Uint8Array | null }>();
  /** Every version that was ever taken, in order. */
  readonly history: { readonly name: string; readonly value: Uint8Array | null }[] = [];
  readonly keys = new Map<string, Uint8Array>();
  /** Files on hosts, by id. */
  readonly files = new Map<string, HostedFile>();
  #sequence = 0;

  nextSequence(): number {
    return ++this.#sequence;
  }
}

/** Burns down with each step; when it is out, every step fails, as nothing happens in a process that was killed. */
export class Fuse {
  left = Number.POSITIVE_INFINITY;
  steps = 0;

  step(): void {
    this.steps++;
    if (this.left-- <= 0) throw new Error('killed');
  }
}

export interface OwnRecords {
  readonly immutable: Map<string, Uint8Array>;
  readonly mutable: Map<string, Uint8Array | null>;
}

/** The KadNode's part: what is kept alive, and what the table takes. */
export class MemoryValueNetwork implements ValueNetwork {
  isJoined = true;
  /** Nobody takes anything while this is so. */
  isDeaf = false;
  readonly #table: SharedTable;
  readonly #fuse: Fuse;
  readonly #keyPair: KeyPair;
  readonly own: OwnRecords;

  constructor(table: SharedTable, keyPair: KeyPair, fuse: Fuse, own: OwnRecords) {
    this.#table = table;
    this.#fuse = fuse;
    this.#keyPair = keyPair;
    this.own = own;
    table.keys.set(toHex(keyPair.nodeId), keyPair.publicKey);
  }

  get nodeId(): NodeId {
    return this.#keyPair.nodeId;
  }

  get publicKey(): Uint8Array {
    return this.#keyPair.publicKey;
  }

  #change(name: string, value: Uint8Array | null): number {
    this.#fuse.step();
    this.own.mutable.set(name, value);
    if (this.isDeaf) return 0;
    this.#fuse.step();
    const key = `${toHex(this.publicKey)} ${name}`;
    this.#table.mutable.set(key, { sequence: this.#table.nextSequence(), value });
    this.#table.history.push({ name, value });
    this.#fuse.step();
    if (value === null) this.own.mutable.delete(name);
    return 3;
  }

  async putMutable(name: string, value: Uint8Array): Promise<number> {
    return this.#change(name, value);
  }

  async deleteMutable(name: string): Promise<number> {
    return this.#change(name, null);
  }

  async getMutable(publicKey: Uint8Array, name: string): Promise<Uint8Array | undefined> {
    return this.#table.mutable.get(`${toHex(publicKey)} ${name}`)?.value ?? undefined;
  }

  async putImmutable(value: Uint8Array): Promise<number> {
    this.#fuse.step();
    this.own.immutable.set(toHex(sha256(value)), value);
    if (this.isDeaf) return 0;
    this.#table.immutable.set(toHex(sha256(value)), value);
    this.#fuse.step();
    return 3;
  }

  async getImmutable(hash: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#table.immutable.get(toHex(hash));
  }

  releaseImmutable(hash: Uint8Array): void {
    this.#fuse.step();
    this.own.immutable.delete(toHex(hash));
  }

  ownMutable(name: string): Uint8Array | null | undefined {
    return this.own.mutable.get(name);
  }

  ownsImmutable(hash: Uint8Array): boolean {
    return this.own.immutable.has(toHex(hash));
  }

  async digestMutable(publicKey: Uint8Array, name: string, range: ByteRange): Promise<HeldRange> {
    const value = await this.getMutable(publicKey, name);
    return this.#held(value, range);
  }

  async digestImmutable(hash: Uint8Array, range: ByteRange): Promise<HeldRange> {
    return this.#held(await this.getImmutable(hash), range);
  }

  /** Three keep it: one is right, one makes its answer up, one has something shorter. */
  #held(value: Uint8Array | undefined, { offset, length }: ByteRange): HeldRange {
    if (value === undefined) return { holders: [], silent: 1 };
    const nodeId = (text: string): NodeId => sha256(utf8Bytes(text)) as NodeId;
    const digest = sha256(value.subarray(offset, offset + length));
    const liar = { nodeId: nodeId('liar'), digest: sha256(digest) };
    return { holders: [{ nodeId: nodeId('right'), digest }, liar, { nodeId: nodeId('short'), digest: undefined }], silent: 1 };
  }

  async publicKeyOf(nodeId: NodeId): Promise<Uint8Array | undefined> {
    return this.#table.keys.get(toHex(nodeId));
  }
}

export interface HostedFile {
  readonly bytes: Uint8Array;
  readonly manifestPath: string;
  readonly name: string;
}

/** Hosts that take everything. A capability is the file's id with some more bytes, so that it may or may not fit in a record. */
export class MemoryHosts implements ValueHosts {
  readonly files: Map<string, HostedFile>;
  readonly #fuse: Fuse;
  readonly #capabilityBytes: number;
  readonly #makeId: () => Uint8Array;

  constructor(fuse: Fuse, makeId: () => Uint8Array, capabilityBytes: number, files: Map<string, HostedFile>) {
    this.files = files;
    this.#fuse = fuse;
    this.#makeId = makeId;
    this.#capabilityBytes = capabilityBytes;
  }

  async upload(...[path, options = {}]: Parameters<ValueHosts['upload']>): ReturnType<ValueHosts['upload']> {
    this.#fuse.step();
    const bytes = new Uint8Array(await readFile(path));
    const id = this.#makeId();
    const { name = '', manifestPath = '' } = options;
    this.files.set(toHex(id), { bytes, manifestPath, name });
    options.onProgress?.({ phase: 'transferring', doneBytes: bytes.length, totalBytes: bytes.length, resumedBytes: 0, hosts: [] });
    this.#fuse.step();
    return { fileId: id as FileId, bytes: bytes.length, name } as Awaited<ReturnType<ValueHosts['upload']>>;
  }

  async capability(id: string): Promise<Uint8Array> {
    const capability = new Uint8Array(this.#capabilityBytes);
    capability.set(fromHex(id) as Uint8Array);
    return capability;
  }

  async *downloadStream(...[source, options = {}]: Parameters<ValueHosts['downloadStream']>): ReturnType<ValueHosts['downloadStream']> {
    const file = this.files.get(toHex((source as Uint8Array).subarray(0, 32)));
    if (file === undefined) throw new BatChainError('BAT_E_TOO_FEW_SHARDS', { what: 'no such file' });
    const { offset = 0, length = file.bytes.length } = options;
    yield file.bytes.slice(offset, offset + length);
    return {} as never;
  }

  async release(id: string): ReturnType<ValueHosts['release']> {
    this.#fuse.step();
    if (!this.files.delete(id)) throw new BatChainError('BAT_E_REF_NOT_FOUND', { what: 'no such file' });
    return { fileId: fromHex(id) as FileId, released: 1, unreached: [] };
  }

  async list(): Promise<readonly FileEntry[]> {
    return [...this.files].map(([id, { manifestPath, name }]) => ({ fileId: fromHex(id), manifestPath, name }) as FileEntry);
  }
}

/** The table on the disk: what was written outlives the process. */
function fused(store: KeyValueStore, fuse: Fuse): KeyValueStore {
  return {
    open: () => store.open(),
    close: () => store.close(),
    destroy: () => store.destroy(),
    get: (key) => store.get(key),
    entries: (range) => store.entries(range),
    write: async (changes) => {
      fuse.step();
      await store.write(changes);
      fuse.step();
    },
  };
}

export interface ValueOwner {
  readonly values: Values;
  readonly network: MemoryValueNetwork;
  readonly hosts: MemoryHosts;
  readonly fuse: Fuse;
  readonly store: MemoryKeyValueStore;
  readonly nodeId: string;
}

const PASSES = 12;

export class ValuesWorld {
  readonly simulation: Simulation;
  readonly table: SharedTable = new SharedTable();
  readonly #folder: string;
  readonly #capabilityBytes: number;
  #files = 0;

  constructor(seed: string, folder: string, { capabilityBytes = 100 }: { readonly capabilityBytes?: number } = {}) {
    this.simulation = createSimRuntime(seed);
    this.#folder = folder;
    this.#capabilityBytes = capabilityBytes;
  }

  settle<T>(work: Promise<T>, deadlineMs = 24 * 3_600_000): Promise<T> {
    return settleReal(this.simulation.clock, work, deadlineMs);
  }

  /** Time goes by; the disk is waited for in between. */
  async passes(durationMs: number): Promise<void> {
    for (let step = 0; step < PASSES; step++) {
      await this.settle(Promise.resolve());
      await this.simulation.clock.runFor(durationMs / PASSES);
      await this.settle(new Promise((resolve) => setImmediate(resolve)));
    }
  }

  async begin(name: string): Promise<ValueOwner> {
    return this.#start(name, new MemoryKeyValueStore(), { immutable: new Map(), mutable: new Map() });
  }

  /** A new process over what the last one left. `own`: what its KadNode had saved when it died. */
  restart(name: string, before: ValueOwner, own: OwnRecords): Promise<ValueOwner> {
    return this.#start(name, before.store, own);
  }

  async #start(name: string, store: MemoryKeyValueStore, own: OwnRecords): Promise<ValueOwner> {
    const fuse = new Fuse();
    const keyPair = keyPairFromSeed(sha256(utf8Bytes(name)));
    const { runtime } = this.simulation.node(name);
    const network = new MemoryValueNetwork(this.table, keyPair, fuse, own);
    const hosts = new MemoryHosts(fuse, () => sha256(utf8Bytes(`file ${++this.#files}`)), this.#capabilityBytes, this.table.files);
    const parts = { store: fused(store, fuse), files: new ValueFiles(`${this.#folder}/${name}`, runtime.random), network, hosts };
    const values = new Values(runtime, parts);
    await this.settle(values.start());
    return { values, network, hosts, fuse, store, nodeId: toHex(keyPair.nodeId) };
  }
}

export function copyOwn({ immutable, mutable }: OwnRecords): OwnRecords {
  return { immutable: new Map(immutable), mutable: new Map(mutable) };
}
