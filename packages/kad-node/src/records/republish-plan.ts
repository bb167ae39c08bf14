// pure: which of our own records to publish again at nowMs, spread over the interval in key order.

/** Something of ours that storers forget unless it is published again. */
export interface Republishable {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** When it was last stored by anybody; undefined when it never was. */
  readonly publishedMs: number | undefined;
}

export interface RepublishPlanOptions {
  readonly intervalMs: number;
  /** At most so many in one round, so that a node with many files keeps a steady pace. */
  readonly countMax: number;
}

/** A key's place in the key space, from 0 to 1. */
function fractionOf(key: Uint8Array): number {
  return (((key[0] as number) * 256 + (key[1] as number)) * 256 + (key[2] as number)) / 0x1_00_00_00;
}

function compareKeys(a: Republishable, b: Republishable): number {
  return Buffer.compare(a.key, b.key);
}

/**
 * Each key has a moment of its own in every interval, given by its place in the key space; neighbours in that order share
 * storers, so one round's records go out in few datagrams (as IPFS "reprovide sweep" does). Due is what was not published
 * since its last moment, but not before half an interval has passed, so no gap is longer than one interval. When there is
 * too much, what was never published comes first, then the longest silent. Each answer is in key order.
 */
export function planRepublish<T extends Republishable>(items: Iterable<T>, nowMs: number, options: RepublishPlanOptions): T[] {
  const { intervalMs, countMax } = options;
  const due: T[] = [];
  for (const item of items) {
    if (item.publishedMs === undefined) {
      due.push(item);
      continue;
    }
    const sinceMs = nowMs - item.publishedMs;
    const phaseMs = nowMs - fractionOf(item.key) * intervalMs;
    const momentMs = nowMs - (((phaseMs % intervalMs) + intervalMs) % intervalMs);
    if (item.publishedMs < momentMs && sinceMs >= intervalMs / 2) due.push(item);
  }
  const urgency = (item: T): number => item.publishedMs ?? Number.NEGATIVE_INFINITY;
  const chosen = due.length <= countMax ? due : due.sort((a, b) => urgency(a) - urgency(b) || compareKeys(a, b)).slice(0, countMax);
  return chosen.sort(compareKeys);
}
