// pure: the hosted files in memory: their records and which places are filled; rows of shards stay in the index.
import { toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import type { FileRecord, Place } from './hosted-records.ts';

/** One hosted file. Changed only when the change is durable, but for a file of which nothing is durable yet. */
export interface HostedEntry {
  /** File id, hex. */
  readonly id: string;
  /** Owner key, hex. */
  readonly owner: string;
  file: FileRecord;
  /** In ascending order. */
  readonly places: Place[];
  /** 0 while nothing of it is on disk. */
  journalBytes: number;
  /** Stores under way. */
  writers: number;
  /** Out of grace: kept, but not shown. */
  isTrashed: boolean;
}

/** Index of the first element that is not below `value`. */
function lowerBound(list: readonly number[], value: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function hasPlace(entry: HostedEntry, place: Place): boolean {
  return entry.places[lowerBound(entry.places, place)] === place;
}

/** False when it was filled already. */
export function addPlace(entry: HostedEntry, place: Place): boolean {
  const at = lowerBound(entry.places, place);
  if (entry.places[at] === place) return false;
  entry.places.splice(at, 0, place);
  return true;
}

/** False when it was empty already. */
export function removePlace(entry: HostedEntry, place: Place): boolean {
  const at = lowerBound(entry.places, place);
  if (entry.places[at] !== place) return false;
  entry.places.splice(at, 1);
  return true;
}

/** Up to `max` filled places behind `after`. */
export function placesAfter(entry: HostedEntry, after: Place | undefined, max: number): readonly Place[] {
  const from = after === undefined ? 0 : lowerBound(entry.places, after + 1);
  return entry.places.slice(from, from + max);
}

export class HostedLedger {
  readonly #entries = new Map<string, HostedEntry>();

  get(fileId: FileId): HostedEntry | undefined {
    return this.#entries.get(toHex(fileId));
  }

  /** True while this very entry stands for its file (a released file may have come again). */
  has(entry: HostedEntry): boolean {
    return this.#entries.get(entry.id) === entry;
  }

  add(file: FileRecord, journalBytes = 0): HostedEntry {
    const owner = toHex(file.ownerKey);
    const entry: HostedEntry = { id: toHex(file.fileId), owner, file, places: [], journalBytes, writers: 0, isTrashed: false };
    this.#entries.set(entry.id, entry);
    return entry;
  }

  remove(entry: HostedEntry): void {
    this.#entries.delete(entry.id);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** In the order in which they came. */
  entries(): Iterable<HostedEntry> {
    return this.#entries.values();
  }
}
