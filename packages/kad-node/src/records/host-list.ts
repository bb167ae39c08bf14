// pure: the stored contact records of hosts, of which find-hosts answers choose: bounded, those nearest to our own id (T5).
import { HOST_RECORDS_MAX } from '../limits.ts';
import { compareDistance, distanceHead } from '../routing/distance.ts';
import type { RecordFacts } from './record-kind.ts';

/** A host record with the first bits of its distance to the id that it is measured from. */
interface Ranked<T> {
  readonly record: T;
  readonly head: number;
}

/** True when `a` is nearer to `target` than `b`. */
function isNearer(target: Uint8Array, a: Ranked<RecordFacts>, b: Ranked<RecordFacts>): boolean {
  return a.head < b.head || (a.head === b.head && compareDistance(target, a.record.key, b.record.key) < 0);
}

/**
 * Records are asked for by nodes that look near our id. When the list is full a nearer one takes the place of the farthest,
 * so that whoever publishes thousands of records does not hide the hosts that lie between them and us.
 */
export class HostList<T extends RecordFacts> {
  readonly #selfId: Uint8Array;
  readonly #max: number;
  readonly #hosts = new Map<string, Ranked<T>>();
  /** Known while the list is full and unchanged. */
  #farthest: string | undefined;

  constructor(selfId: Uint8Array, max: number = HOST_RECORDS_MAX) {
    this.#selfId = selfId;
    this.#max = max;
  }

  add(name: string, record: T): void {
    const ranked = { record, head: distanceHead(this.#selfId, record.key) };
    if (this.#hosts.size >= this.#max && !this.#hosts.has(name)) {
      const farthest = this.#findFarthest();
      if (!isNearer(this.#selfId, ranked, this.#hosts.get(farthest) as Ranked<T>)) return;
      this.#hosts.delete(farthest);
    }
    this.#hosts.set(name, ranked);
    this.#farthest = undefined;
  }

  /** Does nothing when another record has the name by now. */
  delete(name: string, record: T): void {
    if (this.#hosts.get(name)?.record !== record) return;
    this.#hosts.delete(name);
    this.#farthest = undefined;
  }

  /** Nearest to `key` first, of those for which `isAlive` holds. One pass; only what is among the nearest so far is moved. */
  nearest(key: Uint8Array, count: number, isAlive: (record: T) => boolean): T[] {
    const nearest: Ranked<T>[] = [];
    for (const { record } of this.#hosts.values()) {
      const ranked = { record, head: distanceHead(key, record.key) };
      const last = nearest[count - 1];
      if ((last !== undefined && ranked.head > last.head) || !isAlive(record)) continue;
      let at = nearest.length;
      while (at > 0 && isNearer(key, ranked, nearest[at - 1] as Ranked<T>)) at--;
      nearest.splice(at, 0, ranked);
      if (nearest.length > count) nearest.pop();
    }
    return nearest.map(({ record }) => record);
  }

  #findFarthest(): string {
    if (this.#farthest !== undefined) return this.#farthest;
    let found: readonly [string, Ranked<T>] | undefined;
    for (const entry of this.#hosts) if (found === undefined || isNearer(this.#selfId, found[1], entry[1])) found = entry;
    this.#farthest = (found as readonly [string, Ranked<T>])[0];
    return this.#farthest;
  }
}
