// pure: who is said to hold which shard of a file, and which holders a download should ask for a segment.
import { type NodeId, toHex } from '@batchain/shared';

/** A candidate: shard `index` of a segment at this holder. */
export interface Holding {
  readonly index: number;
  readonly holder: string;
}

/** What is known of holders beside what they hold. */
export interface HolderFacts {
  readonly isUsable: (holder: string) => boolean;
  /** Fetches under way. */
  readonly load: (holder: string) => number;
  /** It gave something wrong before. */
  readonly isDoubted: (holder: string) => boolean;
}

/** Knowledge of holders by segment and index; holders are node ids as hex. */
export class HolderMap {
  readonly #segments: Map<number, Set<string>>[];

  constructor(segmentCount: number) {
    this.#segments = Array.from({ length: segmentCount }, () => new Map());
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  add(segment: number, index: number, nodeId: NodeId): void {
    const byIndex = this.#segments[segment];
    if (byIndex === undefined) return;
    const holders = byIndex.get(index) ?? new Set<string>();
    byIndex.set(index, holders.add(toHex(nodeId)));
  }

  holders(segment: number, index: number): readonly string[] {
    return [...(this.#segments[segment]?.get(index) ?? [])];
  }

  /**
   * Every holding of the segment in the order in which to ask: holders that were never wrong first, of these data shards before
   * parity (no decoding needed), and within each the less busy holder first. Only holders that are usable are named.
   */
  plan(segment: number, requiredShards: number, { isUsable, load, isDoubted }: HolderFacts): Holding[] {
    const holdings: Holding[] = [];
    for (const [index, holders] of this.#segments[segment] ?? []) {
      for (const holder of holders) if (isUsable(holder)) holdings.push({ index, holder });
    }
    const rank = ({ index, holder }: Holding): number => (isDoubted(holder) ? 2 : 0) + (index < requiredShards ? 0 : 1);
    return holdings.sort((a, b) => rank(a) - rank(b) || load(a.holder) - load(b.holder) || a.index - b.index);
  }

  /** How many distinct shards of the segment somebody usable holds. */
  count(segment: number, isUsable: (holder: string) => boolean): number {
    let count = 0;
    for (const holders of this.#segments[segment]?.values() ?? []) if ([...holders].some(isUsable)) count++;
    return count;
  }

  /** The fewest distinct shards over all segments. */
  worst(isUsable: (holder: string) => boolean): number {
    let worst = Number.POSITIVE_INFINITY;
    for (let segment = 0; segment < this.#segments.length; segment++) worst = Math.min(worst, this.count(segment, isUsable));
    return worst;
  }
}
