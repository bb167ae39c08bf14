// driven: values by key of one participant: network and local store behind one surface, one change of a key at a time.
import type { KeyValueStore } from '@batchain/bat-node';
import { BatChainError, collectBytes, type JsonValue, type Runtime, toBatChainError } from '@batchain/shared';
import { VALUE_WHOLE_BYTES_MAX } from '../limits.ts';
import { BodyWriter } from './body-writer.ts';
import { splitHashes } from './catalog-row.ts';
import { decodeJsonValue } from './json-text.ts';
import { KeyedTurns } from './keyed-turns.ts';
import { LocalValues } from './local-values.ts';
import { NetworkValues } from './network-values.ts';
import { OwnPieces } from './own-pieces.ts';
import { RowPublisher } from './row-publisher.ts';
import { checkFree, saveContent } from './save-value.ts';
import { openTable, ValueCatalog } from './value-catalog.ts';
import { ValueContent } from './value-content.ts';
import { ValueDigester } from './value-digester.ts';
import { bodyBytes } from './value-envelope.ts';
import { brokenValue, shown, tooLarge } from './value-errors.ts';
import type { ValueFiles } from './value-files.ts';
import { type FoundEnvelope, ValueFinder } from './value-finder.ts';
import { ownKeyOf, parseValueKey } from './value-key.ts';
import type { ByteRange, ValueHosts, ValueNetwork } from './value-network.ts';
import { sourceOf, sourceOfFile, sourceOfStream, type ValueSource } from './value-source.ts';
import type {
  DigestedValue,
  FoundValue,
  OpenedValue,
  RemovedValue,
  StoredValue,
  ValueEntry,
  ValueHead,
  ValueOpenOptions,
  ValuePlaceOptions,
  ValueProgress,
  ValuePutOptions,
  ValueSaveOptions,
  ValuesApi,
  ValuesStats,
} from './values-api.ts';
import { ValuesKeeper } from './values-keeper.ts';

export interface ValuesParts {
  readonly store: KeyValueStore;
  readonly files: ValueFiles;
  readonly network: ValueNetwork;
  readonly hosts: ValueHosts;
}

export class Values implements ValuesApi {
  readonly #runtime: Runtime;
  readonly #store: KeyValueStore;
  readonly #files: ValueFiles;
  readonly #catalog: ValueCatalog;
  readonly #pieces: OwnPieces;
  readonly #networkValues: NetworkValues;
  readonly #localValues: LocalValues;
  readonly #finder: ValueFinder;
  readonly #content: ValueContent;
  readonly #digester: ValueDigester;
  readonly #keeper: ValuesKeeper;
  readonly #turns = new KeyedTurns();
  readonly #localTurns = new KeyedTurns();
  readonly #abort = new AbortController();
  #isOpen = false;

  constructor(runtime: Runtime, { store, files, network, hosts }: ValuesParts) {
    const { clock } = runtime;
    this.#runtime = runtime;
    this.#store = store;
    this.#files = files;
    this.#catalog = new ValueCatalog(store, runtime.log);
    this.#pieces = new OwnPieces(clock, store, network);
    const shared = { catalog: this.#catalog, pieces: this.#pieces, network, hosts, files };
    const publisher = new RowPublisher(runtime, shared);
    this.#networkValues = new NetworkValues(runtime, { ...shared, publisher, writer: new BodyWriter(shared) });
    this.#localValues = new LocalValues(runtime, store, files);
    this.#finder = new ValueFinder(clock, { ...shared, own: this.#networkValues });
    this.#content = new ValueContent(clock, { ...shared, ownPieces: this.#pieces });
    this.#digester = new ValueDigester(clock, network, (key, body, signal) => this.#content.pieces(key, body, signal));
    const turns = { turns: this.#turns, localTurns: this.#localTurns };
    const kept = { networkValues: this.#networkValues, localValues: this.#localValues };
    this.#keeper = new ValuesKeeper(runtime, { ...shared, ...turns, ...kept, publisher }, this.#abort.signal);
  }

  // Life

  /** When files and hash table are open. What a crash left is put in order, in the background where it needs the network. */
  async start(): Promise<void> {
    await openTable(this.#store);
    this.#isOpen = true;
    await this.#catalog.load();
    await this.#pieces.load();
    await this.#localValues.load();
    for (const [, row] of this.#catalog.entries()) this.#pieces.need([...splitHashes(row.pieces), ...splitHashes(row.oldPieces)]);
    await this.#pieces.collectLeftovers();
    await this.#files.collectLeftovers(this.#localValues.fileNames());
    await this.#keeper.start();
  }

  async stop(): Promise<void> {
    this.#abort.abort(new BatChainError('BAT_E_NODE_STOPPED', { what: 'the participant was stopped' }));
    await this.#keeper.stop();
    await Promise.all([this.#turns.idle(), this.#localTurns.idle()]);
    if (this.#isOpen) await this.#store.close();
    this.#isOpen = false;
  }

  /** The network was joined: what waits for it is done. */
  joined(): void {
    if (this.#isOpen) this.#keeper.wake();
  }

  // Putting

  put(key: string, value: JsonValue | Uint8Array, options: ValuePutOptions = {}): Promise<StoredValue> {
    return this.#track(options, async () => {
      const source = sourceOf(value);
      return this.#putSource(key, async () => source, options);
    });
  }

  putFile(key: string, path: string, options: ValuePutOptions = {}): Promise<StoredValue> {
    return this.#putSource(key, () => sourceOfFile(this.#files, path), options);
  }

  async putStream(key: string, bytes: AsyncIterable<Uint8Array>, options: ValuePutOptions = {}): Promise<StoredValue> {
    let spool: string | undefined;
    const spoolPath = (): string => {
      spool = this.#files.spoolPath();
      return spool;
    };
    // Taken in the key's turn: what waits for its turn takes no room.
    return this.#putSource(
      key,
      () => sourceOfStream(this.#files, abortable(bytes, this.#signalOf(options)), spoolPath),
      options,
      async () => {
        if (spool !== undefined) await this.#files.remove(spool);
      },
    );
  }

  putByHash(bytes: Uint8Array, options: Omit<ValuePutOptions, 'ttlMs' | 'isLocal'> = {}): Promise<StoredValue> {
    return this.#putByHash(async () => sourceOf(bytes), options);
  }

  putFileByHash(path: string, options: Omit<ValuePutOptions, 'ttlMs' | 'isLocal'> = {}): Promise<StoredValue> {
    return this.#putByHash(() => sourceOfFile(this.#files, path), options);
  }

  #putByHash(makeSource: () => Promise<ValueSource>, options: Omit<ValuePutOptions, 'ttlMs' | 'isLocal'>): Promise<StoredValue> {
    return this.#track(options, async () => {
      const turn = (key: string, work: () => Promise<StoredValue>): Promise<StoredValue> => this.#turns.run(key, work);
      const put = this.#networkValues.putByHash(await makeSource(), { ...options, signal: this.#signalOf(options) }, turn);
      return put.finally(() => this.#keeper.wake());
    });
  }

  async #putSource(
    text: string,
    makeSource: () => Promise<ValueSource>,
    options: ValuePutOptions,
    clear: () => Promise<void> = async () => undefined,
  ): Promise<StoredValue> {
    return this.#track(options, () => {
      const key = ownKeyOf(text);
      const signal = this.#signalOf(options);
      const put = async (): Promise<StoredValue> => {
        try {
          signal.throwIfAborted();
          const source = await makeSource();
          if (options.isLocal === true) return await this.#localValues.put(key, source, options.ttlMs);
          return await this.#networkValues.put(key, source, { ...options, signal });
        } finally {
          await clear();
        }
      };
      const turns = options.isLocal === true ? this.#localTurns : this.#turns;
      return turns.run(key, put).finally(() => this.#keeper.wake());
    });
  }

  // Reading

  get(key: string, options: ValuePlaceOptions = {}): Promise<FoundValue | undefined> {
    return this.#track(options, async () => {
      const opened = await this.#open(key, options);
      if (opened === undefined) return undefined;
      const { content, offset: _offset, length, ...head } = opened;
      if (length > VALUE_WHOLE_BYTES_MAX)
        throw tooLarge(`${shown(key)} has ${length} bytes`, `whole values are handed out up to ${VALUE_WHOLE_BYTES_MAX}`);
      const bytes = await collectBytes(content);
      if (head.type === 'bytes') return { ...head, type: 'bytes', bytes };
      const decoded = decodeJsonValue(bytes);
      if (!decoded.ok) throw brokenValue(key, decoded.reason);
      return { ...head, type: 'json', value: decoded.value };
    });
  }

  getFile(key: string, path: string, options: ValueSaveOptions = {}): Promise<ValueHead | undefined> {
    return this.#track(options, async () => {
      const { isForced = false, onProgress, ...place } = options;
      if (!isForced) await checkFree(path);
      const opened = await this.#open(key, place);
      if (opened === undefined) return undefined;
      const { content, offset: _offset, length, ...head } = opened;
      await saveContent(this.#runtime.random, { path, isForced }, counted(content, length, onProgress));
      return head;
    });
  }

  open(key: string, options: ValueOpenOptions = {}): Promise<OpenedValue | undefined> {
    return this.#track(options, () => this.#open(key, options));
  }

  async #open(text: string, options: ValueOpenOptions): Promise<OpenedValue | undefined> {
    const key = parseValueKey(text);
    const signal = this.#signalOf(options);
    if (options.isLocal === true) {
      const head = this.#localValues.find(ownKeyOf(text));
      if (head === undefined) return undefined;
      const range = rangeOf(head.bytesTotal, options);
      return { ...head, ...range, content: this.#guarded(this.#localValues.read(key.key, range), signal) };
    }
    const found = await this.#finder.find(key, signal);
    if (found === undefined) return undefined;
    const head = headOf(text, found);
    const range = rangeOf(head.bytesTotal, options);
    return { ...head, ...range, content: this.#guarded(this.#content.read(text, found.envelope.body, range, signal), signal) };
  }

  digest(text: string, options: Omit<ValueOpenOptions, 'isLocal'> = {}): Promise<DigestedValue | undefined> {
    return this.#track(options, async () => {
      const key = parseValueKey(text);
      const signal = this.#signalOf(options);
      const found = await this.#finder.find(key, signal);
      if (found === undefined) return undefined;
      const head = headOf(text, found);
      const range = rangeOf(head.bytesTotal, options);
      return { ...head, ...range, parts: await this.#digester.digest(key.key, found, range, signal) };
    });
  }

  /** Errors as BatChainError, and nothing more once the signal has aborted. */
  async *#guarded(content: AsyncGenerator<Uint8Array, void>, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const part of content) {
        signal.throwIfAborted();
        yield part;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw toBatChainError(error);
    }
  }

  // Removing and listing

  remove(text: string, options: ValuePlaceOptions = {}): Promise<RemovedValue | undefined> {
    return this.#track(options, () => {
      const parsed = parseValueKey(text);
      const key = parsed.kind === 'hash' && options.isLocal !== true ? parsed.key : ownKeyOf(text);
      if (options.isLocal === true)
        return this.#localTurns.run(key, async () =>
          (await this.#localValues.remove(key)) ? { key, sequence: 0, storedOn: 0 } : undefined,
        );
      const remove = (): Promise<RemovedValue | undefined> => this.#networkValues.remove(key, this.#signalOf(options));
      return this.#turns.run(key, remove).finally(() => this.#keeper.wake());
    });
  }

  async list(options: { readonly isLocal?: boolean; readonly prefix?: string } = {}): Promise<readonly ValueEntry[]> {
    this.#checkOpen();
    const entries = options.isLocal === true ? this.#localValues.list() : this.#networkValues.list();
    return entries.filter(({ key }) => key.startsWith(options.prefix ?? '')).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }

  stats(): ValuesStats {
    const values = this.#isOpen ? this.#networkValues.list() : [];
    return {
      network: { values: values.length, bytes: values.reduce((sum, { bytes }) => sum + bytes, 0), pieces: this.#pieces.count },
      local: { values: this.#localValues.count, bytes: this.#localValues.bytes },
    };
  }

  #signalOf({ signal }: { readonly signal?: AbortSignal }): AbortSignal {
    return signal === undefined ? this.#abort.signal : AbortSignal.any([signal, this.#abort.signal]);
  }

  #checkOpen(): void {
    if (!this.#isOpen || this.#abort.signal.aborted)
      throw new BatChainError('BAT_E_NODE_STOPPED', { what: 'the values of this participant are not open' });
  }

  /** What it rejects with is a BatChainError, or the reason of the caller's signal. */
  async #track<T>({ signal }: { readonly signal?: AbortSignal }, work: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      throw toBatChainError(error);
    }
  }
}

function headOf(key: string, { envelope, owner }: FoundEnvelope): ValueHead {
  const { type, sequence, expiresMs, body } = envelope;
  const form = body.form === 'file-in-pieces' ? 'file' : body.form;
  return { key, owner, type, form, sequence, bytesTotal: bodyBytes(body), expiresAtMs: expiresMs === 0 ? undefined : expiresMs };
}

/** The part of the range that is there. BAT_E_USAGE when it begins behind the end. */
function rangeOf(bytesTotal: number, { offset = 0, length = bytesTotal }: ValueOpenOptions): ByteRange {
  const isFit = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0 && offset <= bytesTotal;
  if (isFit) return { offset, length: Math.min(length, bytesTotal - offset) };
  throw new BatChainError('BAT_E_USAGE', { what: `bytes from ${offset}, ${length} of them`, why: `the value has ${bytesTotal} bytes` });
}

async function* abortable(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const part of bytes) {
    signal.throwIfAborted();
    yield part;
  }
}

async function* counted(
  content: AsyncIterable<Uint8Array>,
  totalBytes: number,
  onProgress: (progress: ValueProgress) => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  let doneBytes = 0;
  for await (const part of content) {
    yield part;
    doneBytes += part.length;
    onProgress({ doneBytes, totalBytes });
  }
}
