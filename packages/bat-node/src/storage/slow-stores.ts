// pure: which stores under way are too slow to keep their room when others wait for it (T15).
import { STORE_PACE_GRACE_MS, STORE_PACE_MS, STORE_PACE_SLOWEST_BYTES_PER_SECOND } from '../limits.ts';

export interface StoreUnderWay {
  /** Bytes that it was to send when it began. */
  readonly announcedBytes: number;
  readonly receivedBytes: number;
  readonly elapsedMs: number;
  /** Of the offer. */
  readonly reservedBytes: number;
}

/** The average pace below which a store of so many bytes gives way. */
function leastBytesPerSecond(announcedBytes: number): number {
  return Math.min((announcedBytes * 1000) / STORE_PACE_MS, STORE_PACE_SLOWEST_BYTES_PER_SECOND);
}

/** What part of the pace it has kept to; below 1 it is too slow. */
function paceOf({ announcedBytes, receivedBytes, elapsedMs }: StoreUnderWay): number {
  if (elapsedMs < STORE_PACE_GRACE_MS) return Number.POSITIVE_INFINITY;
  return (receivedBytes * 1000) / (elapsedMs * leastBytesPerSecond(announcedBytes));
}

/** The stores that are too slow, slowest first. */
export function findSlow<T extends StoreUnderWay>(stores: Iterable<T>): T[] {
  return [...stores].filter((store) => paceOf(store) < 1).sort((a, b) => paceOf(a) - paceOf(b));
}
