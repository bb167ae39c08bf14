// driven: our values in the network: put under a key or under their hash, and taken back.
import { present, type Runtime, sha256, toHex } from '@batchain/shared';
import { VALUE_TTL_MAX_MS, VALUE_TTL_MIN_MS } from '../limits.ts';
import type { BodyWriter, WrittenBody } from './body-writer.ts';
import { type CatalogRow, joinHashes, leftBehind, splitHashes } from './catalog-row.ts';
import type { OwnPieces } from './own-pieces.ts';
import type { RowPublisher } from './row-publisher.ts';
import type { ValueCatalog } from './value-catalog.ts';
import { bodyBytes, encodeByHash, encodeEnvelope, envelopeKey, fitsRecord, type ValueEnvelope } from './value-envelope.ts';
import { badTtl, noMembers } from './value-errors.ts';
import { isHashKey } from './value-key.ts';
import type { ValueNetwork } from './value-network.ts';
import type { ValueSource } from './value-source.ts';
import type { RemovedValue, StoredValue, ValueEntry, ValuePutOptions } from './values-api.ts';

export interface NetworkValuesParts {
  readonly catalog: ValueCatalog;
  readonly pieces: OwnPieces;
  readonly writer: BodyWriter;
  readonly publisher: RowPublisher;
  readonly network: ValueNetwork;
}

type PutOptions = Pick<ValuePutOptions, 'ttlMs' | 'pieceBytes' | 'onProgress'> & { readonly signal: AbortSignal };

/** Calls for one key must come one after the other. */
export class NetworkValues {
  readonly #runtime: Runtime;
  readonly #parts: NetworkValuesParts;

  constructor(runtime: Runtime, parts: NetworkValuesParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  async put(key: string, source: ValueSource, options: PutOptions): Promise<StoredValue> {
    const { catalog, writer } = this.#parts;
    this.#checkMembers();
    catalog.checkRoom(key);
    const nowMs = this.#runtime.clock.nowMs();
    const sequence = nextSequence(catalog.get(key), nowMs);
    const expiresMs = expiryOf(options.ttlMs, nowMs);
    const encode = (body: WrittenBody['body']): Uint8Array =>
      encodeEnvelope({ type: source.type, key: envelopeKey(key), sequence, expiresMs, body });
    const written = await writer.write(key, source, (body) => fitsRecord(encode(body)), options);
    try {
      options.signal.throwIfAborted();
      await catalog.set(key, {
        state: 'publishing',
        sequence,
        record: encode(written.body),
        changedMs: nowMs,
        pieces: joinHashes(written.pieces.map(({ hash }) => hash)),
        fileId: written.fileId,
        ...leftBehind(catalog.get(key)),
      });
    } catch (error) {
      await writer.undo(written);
      throw error;
    }
    return this.#publish(key, written, options.signal);
  }

  /** `turn` gives the key its turn as soon as it is known. */
  async putByHash(
    source: ValueSource,
    options: PutOptions,
    turn: (key: string, work: () => Promise<StoredValue>) => Promise<StoredValue>,
  ): Promise<StoredValue> {
    const { writer, pieces } = this.#parts;
    this.#checkMembers();
    const place = source.kind === 'bytes' ? `by hash ${toHex(sha256(source.bytes))}` : source.path;
    const written = await writer.write(place, source, (body) => fitsRecord(encodeByHash(body)), options);
    const record = encodeByHash(written.body);
    const root = { hash: sha256(record), bytes: record };
    const whole = { ...written, pieces: [...written.pieces, root] };
    pieces.need([root.hash]);
    return turn(toHex(root.hash), () => this.#keepByHash(toHex(root.hash), record, whole, options.signal));
  }

  async #keepByHash(key: string, record: Uint8Array, written: WrittenBody, signal: AbortSignal): Promise<StoredValue> {
    const { catalog, writer, pieces } = this.#parts;
    try {
      const isKnown = catalog.get(key) !== undefined;
      catalog.checkRoom(key);
      await pieces.keep(written.pieces);
      signal.throwIfAborted();
      if (isKnown) await writer.undo(written);
      else {
        const hashes = joinHashes(written.pieces.map(({ hash }) => hash));
        const rest = { changedMs: this.#runtime.clock.nowMs(), pieces: hashes, fileId: written.fileId, ...leftBehind(undefined) };
        await catalog.set(key, { state: 'publishing', sequence: 0, record, ...rest });
      }
    } catch (error) {
      await writer.undo(written);
      throw error;
    }
    return this.#publish(key, written, signal);
  }

  async #publish(key: string, { storedOn: piecesOn }: WrittenBody, signal: AbortSignal): Promise<StoredValue> {
    const { catalog, publisher } = this.#parts;
    const storedOn = await publisher.publish(key, signal);
    const row = present(catalog.get(key), 'what was put is in the catalog');
    const envelope = present(catalog.envelope(key), 'what was put can be read');
    return { ...viewRow(key, row, envelope), storedOn: Math.min(storedOn, piecesOn ?? storedOn) };
  }

  async remove(key: string, signal: AbortSignal): Promise<RemovedValue | undefined> {
    const { catalog, publisher } = this.#parts;
    const row = catalog.get(key);
    if (row === undefined || row.record === null) return undefined;
    if (isHashKey(key)) return this.#removeByHash(key, row, signal);
    const nowMs = this.#runtime.clock.nowMs();
    const sequence = nextSequence(row, nowMs);
    const nothing = { record: null, pieces: new Uint8Array(), fileId: null };
    await catalog.set(key, { state: 'removing', sequence, changedMs: nowMs, ...nothing, ...leftBehind(row) });
    return { key, sequence, storedOn: await publisher.publish(key, signal) };
  }

  /** There is no tombstone for a hash: the value is no longer published again, and goes. */
  async #removeByHash(key: string, row: CatalogRow, signal: AbortSignal): Promise<RemovedValue> {
    const { catalog, pieces, publisher } = this.#parts;
    await catalog.delete(key);
    await pieces.letGo(splitHashes(row.pieces));
    if (row.fileId !== null) await publisher.releaseFile(row.fileId, signal);
    return { key, sequence: 0, storedOn: 0 };
  }

  /** The newest of our own values under a key, or under its hash; undefined when there is none, or it has expired. */
  find(key: string): { readonly envelope: ValueEnvelope; readonly record: Uint8Array } | undefined {
    const { catalog } = this.#parts;
    const envelope = catalog.envelope(key);
    const record = catalog.get(key)?.record ?? undefined;
    if (envelope === undefined || record === undefined || isExpired(envelope, this.#runtime.clock.nowMs())) return undefined;
    return { envelope, record };
  }

  list(): readonly ValueEntry[] {
    return this.#parts.catalog.entries().flatMap(([key, row]) => {
      const found = this.find(key);
      return found === undefined ? [] : [viewRow(key, row, found.envelope)];
    });
  }

  #checkMembers(): void {
    if (!this.#parts.network.isJoined) throw noMembers('nobody is there to keep the value; nothing was stored');
  }
}

export function isExpired({ expiresMs }: Pick<ValueEnvelope, 'expiresMs'>, nowMs: number): boolean {
  return expiresMs !== 0 && expiresMs <= nowMs;
}

export function expiryOf(ttlMs: number | undefined, nowMs: number): number {
  if (ttlMs === undefined) return 0;
  if (!Number.isSafeInteger(ttlMs) || ttlMs < VALUE_TTL_MIN_MS || ttlMs > VALUE_TTL_MAX_MS) throw badTtl(ttlMs);
  return Math.floor(nowMs) + ttlMs;
}

function nextSequence(row: CatalogRow | undefined, nowMs: number): number {
  return Math.max((row?.sequence ?? 0) + 1, Math.floor(nowMs));
}

function viewRow(key: string, row: CatalogRow, envelope: ValueEnvelope): ValueEntry {
  const { type, sequence, expiresMs, body } = envelope;
  return {
    key,
    type,
    form: body.form === 'file-in-pieces' ? 'file' : body.form,
    bytes: bodyBytes(body),
    sequence,
    pieces: body.form === 'pieces' ? Math.ceil(body.bytes / body.pieceBytes) : 0,
    addedAtMs: row.changedMs,
    expiresAtMs: expiresMs === 0 ? undefined : expiresMs,
    isLocal: false,
  };
}

/** Backing files that the row still answers for, hex. */
export function fileIdsOf(row: CatalogRow): readonly string[] {
  return [...(row.fileId === null ? [] : [row.fileId]), ...splitHashes(row.oldFiles)].map(toHex);
}
