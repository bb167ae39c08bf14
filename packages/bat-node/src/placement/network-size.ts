// pure: how many hosts a network has, from how close together the nearest ones to a file lie.
import type { NodeId } from '@batchain/shared';
import type { FileId } from '../ids.ts';

/** Candidates are taken from so many ids nearest to the file id. */
export const CANDIDATES_MAX = 64;
/** Leading bytes of a distance that count: more precise than any number of hosts. */
const PREFIX_BYTES = 6;

/** The distance of two ids as a part of the whole id space, 0 to 1. */
function distanceShare(a: Uint8Array, b: Uint8Array): number {
  let share = 0;
  for (let i = PREFIX_BYTES - 1; i >= 0; i--) share = (share + ((a[i] as number) ^ (b[i] as number))) / 256;
  return share;
}

/**
 * Hosts in the network, given the nearest ones to a file id that a search for CANDIDATES_MAX found. Fewer than that are all there
 * are. Otherwise the m nearest of N random ids reach out to m / (N + 1) of the space, and (m - 1) / reach is N on average, with a
 * deviation of 13 %. Hosts that the search missed make the estimate smaller, which is the careful side.
 */
export function estimateHostCount(fileId: FileId, nearest: readonly NodeId[]): number {
  if (nearest.length < CANDIDATES_MAX) return nearest.length;
  const reach = Math.max(...nearest.map((id) => distanceShare(id, fileId)));
  return Math.max(nearest.length, Math.round((nearest.length - 1) / Math.max(reach, Number.EPSILON)));
}
