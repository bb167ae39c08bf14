// pure: the region of a key: where the nodes lie that should keep it, by the network's density and not by who says to be near (T5).
import { DENSITY_DEVIATIONS_MAX, REGION_WIDENING } from '../limits.ts';
import { ID_BITS } from './distance.ts';
import type { DensitySample, SizeEstimate } from './size-estimate.ts';

/**
 * `crowded`: the nodes found lie so much denser than the rest of the network that many of their ids were probably chosen.
 * `sparse`: so much sparser that nearer ones are probably being hidden.
 */
export type DensityVerdict = 'as-expected' | 'crowded' | 'sparse';

/**
 * Compares the nodes found around a key with the density of the whole network. The logarithm of a gamma distributed distance
 * with shape k deviates by about 1 / sqrt(k - 1), that of the estimate by its own relative error.
 */
export function judgeDensity(found: DensitySample, estimate: SizeEstimate): DensityVerdict {
  if (found.count < 3 || estimate.nodes < 1) return 'as-expected';
  const expectedReach = Math.min(1, found.count / estimate.nodes);
  const deviation = Math.sqrt(1 / (found.count - 1) + estimate.errorRatio ** 2);
  const logRatio = Math.log(found.reach / expectedReach) / deviation;
  if (logRatio < -DENSITY_DEVIATIONS_MAX) return 'crowded';
  return logRatio > DENSITY_DEVIATIONS_MAX ? 'sparse' : 'as-expected';
}

/** Leading bits that a key shares with all ids of its region: the smallest that should hold REGION_WIDENING x `count` nodes. */
export function regionBits(nodes: number, count: number): number {
  const bits = Math.floor(Math.log2(Math.max(1, nodes) / (REGION_WIDENING * count)));
  return Math.max(0, Math.min(ID_BITS - 8, bits));
}

/**
 * Points that divide a region into equal parts, one in each: the key itself, and the key with the bits after the shared ones
 * changed. Ids made up to lie near the key are near no other of them. When `count` is no power of two some parts go without.
 */
export function regionPoints(key: Uint8Array, sharedBits: number, count: number): Uint8Array[] {
  const width = Math.ceil(Math.log2(Math.max(1, count)));
  return Array.from({ length: count }, (_, part) => {
    const point = new Uint8Array(key);
    for (let bit = 0; bit < width; bit++) {
      // The lowest bit of the part changes the first bit, so that few parts lie far apart.
      if (((part >> bit) & 1) === 0) continue;
      const at = sharedBits + bit;
      point[at >> 3] = (point[at >> 3] as number) ^ (0x80 >> (at & 7));
    }
    return point;
  });
}
