// driven: the catalog of our own network values: durable rows, all of them at hand in memory.
import type { KeyValueStore } from '@batchain/bat-node';
import { BatChainError, type Logger, utf8Text } from '@batchain/shared';
import { VALUES_MAX } from '../limits.ts';
import { type CatalogRow, decodeRow, encodeRow } from './catalog-row.ts';
import { tooMany } from './value-errors.ts';
import { keyOfRow, rowKey, rowsOf } from './value-table.ts';

export class ValueCatalog {
  readonly #store: KeyValueStore;
  readonly #log: Logger;
  readonly #rows = new Map<string, CatalogRow>();

  constructor(store: KeyValueStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  async load(): Promise<void> {
    for await (const [rawKey, bytes] of this.#store.entries(rowsOf('network'))) {
      const key = utf8Text(keyOfRow(rawKey));
      const row = decodeRow(bytes);
      if (key !== undefined && row.ok) this.#rows.set(key, row.value);
      else this.#log.error('values.row.damaged', { key: key ?? 'no text', reason: row.ok ? 'key' : row.reason });
    }
  }

  get(key: string): CatalogRow | undefined {
    return this.#rows.get(key);
  }

  /** Durable when it resolves. */
  async set(key: string, row: CatalogRow): Promise<void> {
    await this.#store.write([{ type: 'put', key: rowKey('network', key), value: encodeRow(row) }]);
    this.#rows.set(key, row);
  }

  async delete(key: string): Promise<void> {
    await this.#store.write([{ type: 'del', key: rowKey('network', key) }]);
    this.#rows.delete(key);
  }

  entries(): readonly (readonly [string, CatalogRow])[] {
    return [...this.#rows];
  }

  /** Throws BAT_E_VALUES_FULL for a key that is new and one too many; tombstones count. */
  checkRoom(key: string): void {
    if (this.#rows.has(key) || this.#rows.size < VALUES_MAX) return;
    throw tooMany(`${this.#rows.size} values of yours are in the network already`, `at most ${VALUES_MAX}`);
  }
}

/** Opens the table of values. Throws BAT_E_HOME_UNUSABLE. */
export async function openTable(store: KeyValueStore): Promise<void> {
  const opened = await store.open();
  if (opened.ok) return;
  throw new BatChainError('BAT_E_HOME_UNUSABLE', {
    what: `the table of values is ${opened.reason}`,
    why: opened.detail ?? opened.reason,
    ...(opened.reason === 'corrupt'
      ? { fix: 'put back a copy of the folder db/values of the home, or remove it: values that are only there are lost then' }
      : {}),
  });
}
