// driven: brings what a row of the catalog says to the network, then lets go of what the values before it left.
import { fromHex, type Runtime, toBatChainError, toHex } from '@batchain/shared';
import { VALUE_PUBLISH_WAIT_MS } from '../limits.ts';
import { type CatalogRow, splitHashes } from './catalog-row.ts';
import type { OwnPieces } from './own-pieces.ts';
import type { ValueCatalog } from './value-catalog.ts';
import { decodeEnvelope } from './value-envelope.ts';
import { kadNameOf, parseValueKey } from './value-key.ts';
import type { ValueHosts, ValueNetwork } from './value-network.ts';
import { withDeadline } from './with-deadline.ts';

const NOTHING = new Uint8Array();

export interface RowPublisherParts {
  readonly catalog: ValueCatalog;
  readonly pieces: OwnPieces;
  readonly network: ValueNetwork;
  readonly hosts: ValueHosts;
}

export class RowPublisher {
  readonly #runtime: Runtime;
  readonly #parts: RowPublisherParts;

  constructor(runtime: Runtime, parts: RowPublisherParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /** The number of nodes that have it now; 0 when nobody was reached, and then it stays to be done. Rejects when the signal aborts. */
  async publish(key: string, signal: AbortSignal): Promise<number> {
    const row = this.#parts.catalog.get(key);
    if (row === undefined) return 0;
    let storedOn = 0;
    try {
      const deadline = { afterMs: VALUE_PUBLISH_WAIT_MS, signal, what: 'storing the record of a value' };
      storedOn = await withDeadline(this.#runtime.clock, deadline, (late) => this.#send(key, row, late));
    } catch (error) {
      signal.throwIfAborted();
      this.#runtime.log.warn('values.publish.failed', { error: toBatChainError(error).message });
    }
    if (storedOn > 0 && this.#parts.catalog.get(key) === row) await this.#reached(key, row);
    return storedOn;
  }

  /** Whether the KadNode keeps alive what the row says. */
  isAtWork(key: string, row: CatalogRow): boolean {
    if (isHashKey(key)) return this.#parts.network.ownsImmutable(fromHex(key) as Uint8Array);
    const own = this.#parts.network.ownMutable(kadNameOf(key));
    if (row.record === null) return !(own instanceof Uint8Array);
    return own instanceof Uint8Array && Buffer.compare(own, row.record) === 0;
  }

  #send(key: string, row: CatalogRow, signal: AbortSignal): Promise<number> {
    const { network } = this.#parts;
    if (row.record === null) return network.deleteMutable(kadNameOf(key), { signal });
    if (isHashKey(key)) return network.putImmutable(row.record, { signal });
    const envelope = decodeEnvelope(row.record);
    const expiresMs = envelope.ok ? envelope.value.expiresMs : 0;
    const lifetimeMs = Math.max(1000, expiresMs - this.#runtime.clock.nowMs());
    return network.putMutable(kadNameOf(key), row.record, { signal, ...(expiresMs === 0 ? {} : { lifetimeMs }) });
  }

  /** The network has the new state: pieces of older ones go at once, files when their hosts were told. */
  async #reached(key: string, row: CatalogRow): Promise<void> {
    const state = row.record === null ? 'removed' : 'live';
    if (row.state === state && row.oldPieces.length === 0) return;
    await this.#parts.catalog.set(key, { ...row, state, oldPieces: NOTHING });
    await this.#parts.pieces.letGo(splitHashes(row.oldPieces));
  }

  /** Releases the backing files of older values; one that can not be released now stays to be done. */
  async releaseFiles(key: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const row = this.#parts.catalog.get(key);
      const [fileId] = row === undefined || !isSettled(row) ? [] : splitHashes(row.oldFiles);
      if (row === undefined || fileId === undefined) return;
      await this.releaseFile(fileId, signal);
      await this.#parts.catalog.set(key, { ...row, oldFiles: row.oldFiles.slice(fileId.length) });
    }
  }

  /** A file that is not ours any more counts as released. */
  async releaseFile(fileId: Uint8Array, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.hosts.release(toHex(fileId), { signal });
    } catch (error) {
      if (toBatChainError(error).code !== 'BAT_E_REF_NOT_FOUND') throw error;
    }
  }
}

export function isSettled({ state }: CatalogRow): boolean {
  return state === 'live' || state === 'removed';
}

export function isHashKey(key: string): boolean {
  return parseValueKey(key).kind === 'hash';
}
