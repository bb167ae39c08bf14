// driven: the local store of this home: the same verbs, nothing leaves this machine (BD-06).
import type { KeyValueStore } from '@batchain/bat-node';
import {
  bytesOf,
  type Codec,
  type Extensions,
  extensionsOf,
  makeCodec,
  NO_EXTENSIONS,
  nullable,
  type Runtime,
  recordOf,
  textOf,
  uintOf,
  utf8Text,
  wordOf,
} from '@batchain/shared';
import { LOCAL_VALUE_ROW_BYTES_MAX, LOCAL_VALUES_BYTES_MAX, LOCAL_VALUES_MAX, VALUE_FILE_BYTES_MAX } from '../limits.ts';
import { expiryOf, isExpired } from './network-values.ts';
import { tooMany } from './value-errors.ts';
import type { ValueFiles } from './value-files.ts';
import { inChunks, sourceBytes, type ValueSource } from './value-source.ts';
import { keyOfRow, rowKey, rowsOf } from './value-table.ts';
import type { StoredValue, ValueEntry, ValueHead, ValueType } from './values-api.ts';

const ROW_VERSION = 1;

interface LocalRow {
  readonly type: ValueType;
  readonly sequence: number;
  readonly expiresMs: number;
  readonly changedMs: number;
  readonly bytes: number;
  /** The bytes themselves, or null when they lie in a file. */
  readonly data: Uint8Array | null;
  readonly file: string | null;
}

const codec: Codec<LocalRow & { readonly version: number; readonly extensions: Extensions }> = makeCodec(
  'local value',
  LOCAL_VALUE_ROW_BYTES_MAX + 1024,
  recordOf({
    version: uintOf(ROW_VERSION, ROW_VERSION),
    type: wordOf(['json', 'bytes'] as const satisfies readonly ValueType[]),
    sequence: uintOf(),
    expiresMs: uintOf(),
    changedMs: uintOf(),
    bytes: uintOf(VALUE_FILE_BYTES_MAX),
    data: nullable(bytesOf(0, LOCAL_VALUE_ROW_BYTES_MAX)),
    file: nullable(textOf(64)),
    extensions: extensionsOf(),
  }),
);

/** What is known of every row without reading it. */
type LocalFacts = Omit<LocalRow, 'data'>;

/** Calls for one key must come one after the other. */
export class LocalValues {
  readonly #runtime: Runtime;
  readonly #store: KeyValueStore;
  readonly #files: ValueFiles;
  readonly #rows = new Map<string, LocalFacts>();
  #bytes = 0;

  constructor(runtime: Runtime, store: KeyValueStore, files: ValueFiles) {
    this.#runtime = runtime;
    this.#store = store;
    this.#files = files;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#rows.size;
  }

  async load(): Promise<void> {
    for await (const [rawKey, value] of this.#store.entries(rowsOf('local'))) {
      const key = utf8Text(keyOfRow(rawKey));
      const row = codec.decode(value);
      if (key !== undefined && row.ok) this.#note(key, row.value);
      else this.#runtime.log.error('values.local.damaged', { key: key ?? 'no text', reason: row.ok ? 'key' : row.reason });
    }
  }

  /** Names of the files that rows answer for. */
  fileNames(): ReadonlySet<string> {
    return new Set([...this.#rows.values()].flatMap(({ file }) => file ?? []));
  }

  async put(key: string, source: ValueSource, ttlMs: number | undefined): Promise<StoredValue> {
    const bytes = sourceBytes(source);
    const before = this.#rows.get(key);
    this.#checkRoom(before, bytes);
    const nowMs = this.#runtime.clock.nowMs();
    const sequence = Math.max((before?.sequence ?? 0) + 1, Math.floor(nowMs));
    const facts = { type: source.type, sequence, expiresMs: expiryOf(ttlMs, nowMs), changedMs: nowMs, bytes };
    const isRow = source.kind === 'bytes' && bytes <= LOCAL_VALUE_ROW_BYTES_MAX;
    const row: LocalRow = isRow
      ? { ...facts, data: source.bytes, file: null }
      : { ...facts, data: null, file: await this.#writeFile(source) };
    try {
      const value = codec.encode({ ...row, version: ROW_VERSION, extensions: NO_EXTENSIONS });
      await this.#store.write([{ type: 'put', key: rowKey('local', key), value }]);
    } catch (error) {
      if (row.file !== null) await this.#files.remove(this.#files.localPath(row.file));
      throw error;
    }
    this.#note(key, row);
    if (before !== undefined && before.file !== null) await this.#files.remove(this.#files.localPath(before.file));
    return { ...viewOf(key, row), storedOn: 0 };
  }

  async #writeFile(source: ValueSource): Promise<string> {
    const name = this.#files.newLocalName();
    const path = this.#files.localPath(name);
    try {
      const content = source.kind === 'file' ? this.#files.read(source.path, { offset: 0, length: source.size }) : inChunks(source.bytes);
      await this.#files.write(path, content, () => undefined);
    } catch (error) {
      await this.#files.remove(path);
      throw error;
    }
    return name;
  }

  #checkRoom(before: LocalFacts | undefined, bytes: number): void {
    if (before === undefined && this.#rows.size >= LOCAL_VALUES_MAX)
      throw tooMany(`${this.#rows.size} values are in the local store already`, `at most ${LOCAL_VALUES_MAX}`);
    const after = this.#bytes - (before?.bytes ?? 0) + bytes;
    if (after > LOCAL_VALUES_BYTES_MAX) throw tooMany(`the local store would have ${after} bytes`, `at most ${LOCAL_VALUES_BYTES_MAX}`);
  }

  /** Undefined when there is none, or it has expired. */
  find(key: string): ValueHead | undefined {
    const row = this.#living(key);
    if (row === undefined) return undefined;
    const { type, sequence, bytesTotal, form, expiresAtMs } = headOf(row);
    return { key, owner: undefined, type, form, sequence, bytesTotal, expiresAtMs };
  }

  /** Of the value that `find` told of just now, whatever is put before the bytes are taken; the range must lie within it. */
  read(key: string, range: { readonly offset: number; readonly length: number }): AsyncGenerator<Uint8Array, void> {
    const row = this.#living(key);
    if (row === undefined || row.file === null) return this.#readRow(this.#store.get(rowKey('local', key)), range);
    return this.#files.read(this.#files.localPath(row.file), range);
  }

  async *#readRow(value: Uint8Array | undefined, { offset, length }: { readonly offset: number; readonly length: number }) {
    const decoded = value === undefined || length === 0 ? undefined : codec.decode(value);
    if (decoded?.ok === true && decoded.value.data !== null) yield decoded.value.data.subarray(offset, offset + length);
  }

  /** False when there was none. */
  async remove(key: string): Promise<boolean> {
    const row = this.#rows.get(key);
    if (row === undefined) return false;
    await this.#store.write([{ type: 'del', key: rowKey('local', key) }]);
    this.#rows.delete(key);
    this.#bytes -= row.bytes;
    if (row.file !== null) await this.#files.remove(this.#files.localPath(row.file));
    return !isExpired(row, this.#runtime.clock.nowMs());
  }

  list(): readonly ValueEntry[] {
    const nowMs = this.#runtime.clock.nowMs();
    return [...this.#rows].flatMap(([key, row]) => (isExpired(row, nowMs) ? [] : [viewOf(key, row)]));
  }

  /** Keys whose time is over. */
  expired(): readonly string[] {
    const nowMs = this.#runtime.clock.nowMs();
    return [...this.#rows].filter(([, row]) => isExpired(row, nowMs)).map(([key]) => key);
  }

  /** When the next one expires, wall clock. */
  nextExpiryMs(): number | undefined {
    return nextExpiry([...this.#rows.values()].map(({ expiresMs }) => expiresMs));
  }

  #living(key: string): LocalFacts | undefined {
    const row = this.#rows.get(key);
    return row === undefined || isExpired(row, this.#runtime.clock.nowMs()) ? undefined : row;
  }

  #note(key: string, { data: _data, ...facts }: LocalRow): void {
    this.#bytes += facts.bytes - (this.#rows.get(key)?.bytes ?? 0);
    const { type, sequence, expiresMs, changedMs, bytes, file } = facts;
    this.#rows.set(key, { type, sequence, expiresMs, changedMs, bytes, file });
  }
}

export function nextExpiry(times: readonly number[]): number | undefined {
  return times.reduce<number | undefined>((next, time) => (time === 0 || (next !== undefined && next <= time) ? next : time), undefined);
}

function headOf(row: LocalFacts): Pick<ValueHead, 'type' | 'form' | 'sequence' | 'bytesTotal' | 'expiresAtMs'> {
  const form = row.file === null ? 'inline' : 'file';
  return {
    type: row.type,
    form,
    sequence: row.sequence,
    bytesTotal: row.bytes,
    expiresAtMs: row.expiresMs === 0 ? undefined : row.expiresMs,
  };
}

function viewOf(key: string, row: LocalFacts): ValueEntry {
  const { type, form, sequence, bytesTotal, expiresAtMs } = headOf(row);
  return { key, type, form, bytes: bytesTotal, sequence, pieces: 0, addedAtMs: row.changedMs, expiresAtMs, isLocal: true };
}
