// pure: a map of bounded size that forgets the entry that was touched longest ago.

/**
 * Insertion order is the order of use. Grows with its content, unlike `lru-cache`, which takes the memory of a full cache
 * at once: a simulation holds five thousand nodes with several of these each.
 */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #sizeMax: number;
  readonly #onEvict: (value: V, key: K) => void;

  constructor(sizeMax: number, onEvict: (value: V, key: K) => void = () => undefined) {
    this.#sizeMax = sizeMax;
    this.#onEvict = onEvict;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Without touching. */
  peek(key: K): V | undefined {
    return this.#entries.get(key);
  }

  /** The value, now the last to be forgotten. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#sizeMax) return;
    const [oldestKey, oldest] = this.#entries.entries().next().value as [K, V];
    this.#entries.delete(oldestKey);
    this.#onEvict(oldest, oldestKey);
  }

  /** True when it was there; onEvict is not called. */
  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  values(): IterableIterator<V> {
    return this.#entries.values();
  }
}
