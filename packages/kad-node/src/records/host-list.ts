// pure: the stored contact records of hosts, of which find-hosts answers choose: bounded, those nearest to our own id (T5).
import { HOST_RECORDS_MAX, HOSTS_PER_GROUP_MAX } from '../limits.ts';
import { compareDistance, distanceHead } from '../routing/distance.ts';
import { highBits, lowBits } from '../routing/table-contact.ts';
import type { RecordFacts } from './record-kind.ts';

/** A host record with the first bits of its distance to the id that it is measured from. */
interface Ranked<T> {
  readonly record: T;
  readonly head: number;
}

/** A host record with the first bits of its key, so that an answer looks at numbers, not at keys. */
interface Listed<T> extends Ranked<T> {
  readonly high: number;
  readonly low: number;
}

/** True when `a` is nearer to `target` than `b`. */
function isNearer(target: Uint8Array, a: Ranked<RecordFacts>, b: Ranked<RecordFacts>): boolean {
  return a.head < b.head || (a.head === b.head && compareDistance(target, a.record.key, b.record.key) < 0);
}

/**
 * Records are asked for by nodes that look near our id. When the list, or the part of one network in it, is full a nearer
 * host takes the place of the farthest, so that whoever has many keys does not hide the hosts that lie between them and us.
 */
export class HostList<T extends RecordFacts> {
  readonly #selfId: Uint8Array;
  readonly #max: number;
  readonly #hosts = new Map<string, Listed<T>>();
  /** Names of the hosts of each network. */
  readonly #groups = new Map<string, Set<string>>();
  /** Known while the list is full and unchanged. */
  #farthest: string | undefined;
  #changes = 0;

  constructor(selfId: Uint8Array, max: number = HOST_RECORDS_MAX) {
    this.#selfId = selfId;
    this.#max = max;
  }

  get size(): number {
    return this.#hosts.size;
  }

  /** Grows with every change. */
  get changes(): number {
    return this.#changes;
  }

  add(name: string, record: T): void {
    const known = this.#hosts.get(name);
    if (known !== undefined) this.delete(name, known.record);
    const { key } = record;
    const ranked = { record, head: distanceHead(this.#selfId, key), high: highBits(key), low: lowBits(key) };
    const group = this.#groups.get(record.hostGroup ?? '') ?? new Set();
    if (record.hostGroup !== undefined && group.size >= HOSTS_PER_GROUP_MAX && !this.#replace(ranked, this.#findFarthest(group))) return;
    if (this.#hosts.size >= this.#max && !this.#replace(ranked, this.#findFarthestOfAll())) return;
    this.#hosts.set(name, ranked);
    this.#changes += 1;
    this.#farthest = undefined;
    if (record.hostGroup !== undefined) this.#groups.set(record.hostGroup, group.add(name));
  }

  /** Does nothing when another record has the name by now. */
  delete(name: string, record: T): void {
    if (this.#hosts.get(name)?.record !== record) return;
    this.#hosts.delete(name);
    this.#changes += 1;
    this.#farthest = undefined;
    const group = this.#groups.get(record.hostGroup ?? '');
    group?.delete(name);
    if (group?.size === 0) this.#groups.delete(record.hostGroup ?? '');
  }

  /** Nearest to `key` first, of those for which `isAlive` holds. One pass; only what is among the nearest so far is moved. */
  nearest(key: Uint8Array, count: number, isAlive: (record: T) => boolean): T[] {
    const nearest: Ranked<T>[] = [];
    const high = highBits(key);
    const low = lowBits(key);
    for (const host of this.#hosts.values()) {
      const head = ((host.high ^ high) >>> 0) * 65536 + (host.low ^ low);
      const last = nearest[count - 1];
      if ((last !== undefined && head > last.head) || !isAlive(host.record)) continue;
      const ranked = { record: host.record, head };
      let at = nearest.length;
      while (at > 0 && isNearer(key, ranked, nearest[at - 1] as Ranked<T>)) at--;
      nearest.splice(at, 0, ranked);
      if (nearest.length > count) nearest.pop();
    }
    return nearest.map(({ record }) => record);
  }

  /** True when the farther one has made room for the new one. */
  #replace(newer: Ranked<T>, name: string): boolean {
    const other = this.#hosts.get(name) as Ranked<T>;
    if (!isNearer(this.#selfId, newer, other)) return false;
    this.delete(name, other.record);
    return true;
  }

  #findFarthestOfAll(): string {
    this.#farthest ??= this.#findFarthest(this.#hosts.keys());
    return this.#farthest;
  }

  #findFarthest(names: Iterable<string>): string {
    let found: readonly [string, Ranked<T>] | undefined;
    for (const name of names) {
      const host = this.#hosts.get(name) as Ranked<T>;
      if (found === undefined || isNearer(this.#selfId, found[1], host)) found = [name, host];
    }
    return (found as readonly [string, Ranked<T>])[0];
  }
}
