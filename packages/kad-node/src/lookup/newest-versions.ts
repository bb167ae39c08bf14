// pure: the newest version of each mutable value that we have seen, so that an older one is never given out after it.
import { toHex } from '@batchain/shared';
import { NEWEST_VERSIONS_MAX } from '../limits.ts';
import { BoundedMap } from '../rpc/bounded-map.ts';

export class NewestVersions {
  readonly #sequences = new BoundedMap<string, number>(NEWEST_VERSIONS_MAX);

  /** False when a newer one was seen before. */
  isNewest(key: Uint8Array, sequence: number): boolean {
    const name = toHex(key);
    const newest = this.#sequences.get(name);
    if (newest !== undefined && newest > sequence) return false;
    this.#sequences.set(name, sequence);
    return true;
  }
}
