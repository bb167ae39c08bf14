import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { compareDistance } from './distance.ts';
import { type DensitySample, densitySample, estimateNodes } from './size-estimate.ts';

const rms = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);

/** How far off estimates from the surroundings of `points` random keys are: as a fraction, and as a multiple of the error they name. */
function tryOut(
  nodes: number,
  points: number,
  networks: number,
): { readonly off: number; readonly timesError: number; readonly bias: number } {
  const { random } = createSimRuntime(`size ${nodes} ${points}`).runtime;
  const off: number[] = [];
  const timesError: number[] = [];
  for (let n = 0; n < networks; n++) {
    const ids = Array.from({ length: nodes }, () => random.bytes(32));
    const samples = Array.from({ length: points }, (): DensitySample => {
      const key = random.bytes(32);
      const nearest = ids.sort((a, b) => compareDistance(key, a, b)).slice(0, 20);
      return densitySample(key, nearest) as DensitySample;
    });
    const estimate = estimateNodes(samples);
    off.push((estimate.nodes - nodes) / nodes);
    timesError.push((estimate.nodes - nodes) / (estimate.errorRatio * estimate.nodes));
  }
  return { off: rms(off), timesError: rms(timesError), bias: off.reduce((sum, value) => sum + value, 0) / networks };
}

describe('estimateNodes', () => {
  it.each([
    { nodes: 100, points: 1 },
    { nodes: 100, points: 17 },
    { nodes: 100, points: 64 },
    { nodes: 1000, points: 1 },
    { nodes: 1000, points: 17 },
  ])('BD-18 names the error that it has: $points keys among $nodes nodes', ({ nodes, points }) => {
    const { timesError, bias, off } = tryOut(nodes, points, 40);
    expect(timesError, 'one standard deviation').toBeGreaterThan(0.65);
    expect(timesError).toBeLessThan(1.4);
    expect(Math.abs(bias)).toBeLessThan(2 * off);
    if (points >= 17) expect(off).toBeLessThan(0.1);
  });

  it('BD-18 admits a large error when its samples are of different networks', () => {
    const small = { count: 20, reach: 0.5 };
    const large = { count: 20, reach: 0.02 };
    const alike = estimateNodes(Array.from({ length: 20 }, () => large));
    expect(alike.errorRatio).toBeLessThan(0.06);
    const mixed = estimateNodes([small, ...Array.from({ length: 19 }, () => large)]);
    expect(mixed.errorRatio).toBeGreaterThan(3 * alike.errorRatio);
  });

  it('knows nothing from two nodes', () => {
    expect(estimateNodes([{ count: 2, reach: 0.1 }])).toEqual({ nodes: 2, errorRatio: 1 });
  });
});
