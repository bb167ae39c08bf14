// pure: which of our own records to publish again at nowMs, spread over the interval in key order.

/** Something of ours that storers forget unless it is published again. */
export interface Republishable {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** When it was last stored by anybody; undefined when it never was. */
  readonly publishedMs: number | undefined;
  /** How long storers keep it, when that is special. */
  readonly lifetimeMs?: number | undefined;
}

export interface RepublishPlanOptions {
  readonly intervalMs: number;
  /** At most so many in one round, so that a node with many files keeps a steady pace. */
  readonly countMax: number;
}

/** Part of its lifetime after which a record is published again: two tries within it, as with 22 of 48 hours. */
const LIFETIME_PART: number = 11 / 24;

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
  const { countMax } = options;
  const due: T[] = [];
  for (const item of items) {
    if (item.publishedMs === undefined) {
      due.push(item);
      continue;
    }
    const { lifetimeMs = Number.POSITIVE_INFINITY } = item;
    const intervalMs = Math.min(options.intervalMs, Math.floor(lifetimeMs * LIFETIME_PART));
    const sinceMs = nowMs - item.publishedMs;
    const phaseMs = nowMs - fractionOf(item.key) * intervalMs;
    const momentMs = nowMs - (((phaseMs % intervalMs) + intervalMs) % intervalMs);
    if (item.publishedMs < momentMs && sinceMs >= intervalMs / 2) due.push(item);
  }
  const urgency = (item: T): number => item.publishedMs ?? Number.NEGATIVE_INFINITY;
  const chosen = due.length <= countMax ? due : due.sort((a, b) => urgency(a) - urgency(b) || compareKeys(a, b)).slice(0, countMax);
  return chosen.sort(compareKeys);
}
