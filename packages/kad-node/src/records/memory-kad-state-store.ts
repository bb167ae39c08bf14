// driven: keeps a node's state in memory, for tests and simulations of restarts.
import type { KadStateStore } from './kad-state.ts';

export class MemoryKadStateStore implements KadStateStore {
  #parts: readonly Uint8Array[] = [];

  async *load(): AsyncIterableIterator<Uint8Array> {
    yield* this.#parts;
  }

  async save(parts: Iterable<Uint8Array>): Promise<void> {
    this.#parts = [...parts];
  }
}
