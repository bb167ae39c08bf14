// driven: the KeyValueStore port in memory; what was written outlives close, as on a disk.
import { compareBytes, fromHex, ok, type Result, toHex } from '@batchain/shared';
import type { KeyRange, KeyValueChange, KeyValueStore } from './key-value-store.ts';

export class MemoryKeyValueStore implements KeyValueStore {
  readonly #values = new Map<string, Uint8Array>();

  async open(): Promise<Result<void, 'locked' | 'corrupt'>> {
    return ok(undefined);
  }

  async close(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#values.clear();
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#values.get(toHex(key));
  }

  async write(changes: readonly KeyValueChange[]): Promise<void> {
    for (const change of changes) {
      if (change.type === 'put') this.#values.set(toHex(change.key), change.value.slice());
      else this.#values.delete(toHex(change.key));
    }
  }

  async *entries({ from, to }: KeyRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    const found: (readonly [Uint8Array, Uint8Array])[] = [];
    for (const [hex, value] of this.#values) {
      const key = fromHex(hex) as Uint8Array;
      if (compareBytes(key, from) >= 0 && compareBytes(key, to) < 0) found.push([key, value]);
    }
    yield* found.sort(([a], [b]) => compareBytes(a, b));
  }
}
