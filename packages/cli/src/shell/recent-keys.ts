// pure: the keys that this shell has met: for completion, and so that the first digits of a hash do.
import { KEYS_KEPT_MAX, PREFIX_DIGITS_MIN } from './shell-limits.ts';

const HASH = /^[0-9a-f]{64}$/;
const DIGITS = /^[0-9a-f]+$/;

export const isHash = (text: string): boolean => HASH.test(text);

export class RecentKeys {
  readonly #keys = new Set<string>();
  readonly #hashes = new Map<string, string>();

  constructor(first: string) {
    this.add(first);
  }

  add(key: string): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    const [oldest] = this.#keys;
    if (this.#keys.size > KEYS_KEPT_MAX && oldest !== undefined) this.#keys.delete(oldest);
  }

  /** From now on `located` takes the name for the hash. */
  refer(name: string, hash: string): void {
    this.add(hash);
    this.add(name);
    this.#hashes.set(name, hash);
    const [oldest] = this.#hashes.keys();
    if (this.#hashes.size > KEYS_KEPT_MAX && oldest !== undefined) this.#hashes.delete(oldest);
  }

  /** The hash that a name referred to when this shell wrote or read it; else what `complete` makes of the text. */
  located(text: string): string {
    return this.#hashes.get(text) ?? this.complete(text);
  }

  get all(): readonly string[] {
    return [...this.#keys];
  }

  /** The whole hash that begins so, when this shell has met exactly one; else the text as it is. */
  complete(text: string): string {
    const begun = text.toLowerCase();
    if (isHash(begun)) return begun;
    if (this.#keys.has(text) || begun.length < PREFIX_DIGITS_MIN || !DIGITS.test(begun)) return text;
    const found = this.all.filter((key) => isHash(key) && key.startsWith(begun));
    return found.length === 1 ? (found[0] as string) : text;
  }
}
