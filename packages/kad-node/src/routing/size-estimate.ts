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

/** Samples share nodes in a small network, and its ids are one draw: what no number of samples takes away is about 1 / sqrt(12 x nodes). */
const SHARED_NODES_VARIANCE: number = 1 / 12;

/**
 * Ids are uniform, so the distance of the k-th nearest to a point is gamma distributed with shape k and rate `nodes`;
 * for independent points (sum of k - 1) / (sum of reaches) is the unbiased estimate of that rate, with a relative
 * deviation of 1 / sqrt(sum of k - 2), and what samples of one network have in common on top of it. Samples that differ more
 * than chance allows, as those of a network that grew do, widen the error as much.
 */
export function estimateNodes(samples: readonly DensitySample[]): SizeEstimate {
  let count = 0;
  let reach = 0;
  for (const sample of samples) {
    count += sample.count;
    reach += sample.reach;
  }
  if (count < 3) return { nodes: count, errorRatio: 1 };
  const nodes = (count - 1) / reach;
  const variance = Math.max(1, dispersion(samples, nodes)) / (count - 2) + SHARED_NODES_VARIANCE / nodes;
  return { nodes: Math.round(nodes), errorRatio: Math.min(1, Math.sqrt(variance)) };
}

/** 1 on the average when all samples are of one network of so many nodes. */
function dispersion(samples: readonly DensitySample[], nodes: number): number {
  const sum = samples.reduce((total, { count, reach }) => total + (nodes * reach - count) ** 2 / count, 0);
  return samples.length < 2 ? 1 : sum / (samples.length - 1);
}
