// pure: how many nodes a network has, judged from how densely the nodes nearest to a few points lie.
import { DISTANCE_HEAD_RANGE, distanceHead } from './distance.ts';

/** `count` nodes lie within `reach` of some point, where 1 is the whole key space. */
export interface DensitySample {
  readonly count: number;
  readonly reach: number;
}

export interface SizeEstimate {
  readonly nodes: number;
  /** One standard deviation as a fraction of `nodes`; 0 when the whole network is known. */
  readonly errorRatio: number;
}

/** The sample of ids that are all nodes nearest to `point`, sorted nearest first; undefined when there are none. */
export function densitySample(point: Uint8Array, nearest: readonly Uint8Array[]): DensitySample | undefined {
  const farthest = nearest.at(-1);
  if (farthest === undefined) return undefined;
  return { count: nearest.length, reach: (distanceHead(point, farthest) + 1) / DISTANCE_HEAD_RANGE };
}

/**
 * Ids are uniform, so the distance of the k-th nearest to a point is gamma distributed with shape k and rate `nodes`;
 * for independent points (sum of k - 1) / (sum of reaches) is the unbiased estimate of that rate, with a relative
 * deviation of 1 / sqrt(sum of k - 2).
 */
export function estimateNodes(samples: readonly DensitySample[]): SizeEstimate {
  let count = 0;
  let reach = 0;
  for (const sample of samples) {
    count += sample.count;
    reach += sample.reach;
  }
  if (count < 3) return { nodes: count, errorRatio: 1 };
  return { nodes: Math.round((count - 1) / reach), errorRatio: 1 / Math.sqrt(count - 2) };
}
