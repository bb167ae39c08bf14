// How many nodes are there? Asked of several nodes of small networks; the one of 1,000 is in kad-lookups.test.ts.
import { describe, expect, it } from 'vitest';
import { KadCluster } from './kad-cluster.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

describe('the size of a network', () => {
  it.each(seedsOf('kad-size-10', ['ten-1', 'ten-2']))('BD-18 of 10 nodes is counted, seed %s', async (seed) => {
    const cluster = new KadCluster(beginSimulation('kad-size-10', seed));
    await cluster.grow(10);
    for (const { node } of cluster.members) {
      expect(await cluster.settle(node.measureSize())).toEqual({ nodes: 10, errorRatio: 0 });
      expect(node.estimateSize()).toEqual({ nodes: 10, errorRatio: 0 });
    }
  });

  it.each(seedsOf('kad-size-30', ['thirty-1']))(
    'BD-18 of 30 nodes is counted as long as a table has room for all, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-size-30', seed));
      await cluster.grow(30);
      const sizes = [];
      for (const { node } of cluster.members.slice(0, 5)) sizes.push(await cluster.settle(node.measureSize()));
      for (const { nodes, errorRatio } of sizes) {
        if (errorRatio === 0) expect(nodes).toBe(30);
        else expect(Math.abs(nodes - 30)).toBeLessThanOrEqual(4 * errorRatio * nodes);
      }
      expect(sizes.filter(({ errorRatio }) => errorRatio === 0).length).toBeGreaterThanOrEqual(3);
    },
  );

  it.each(seedsOf('kad-size-100', ['hundred-1']))(
    'BD-18 of 100 nodes is estimated within 20 percent after a few lookups, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-size-100', seed));
      await cluster.grow(100);
      for (const { node } of cluster.members.slice(0, 3)) {
        const { nodes, errorRatio } = await cluster.settle(node.measureSize());
        say(`  measured ${nodes}, error ${(100 * errorRatio).toFixed(1)} %`);
        expect(Math.abs(nodes - 100)).toBeLessThanOrEqual(20);
        expect(Math.abs(nodes - 100)).toBeLessThanOrEqual(4 * errorRatio * nodes);
        expect(errorRatio).toBeLessThan(0.08);
      }
    },
  );
});
