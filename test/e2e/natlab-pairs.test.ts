// Real daemons behind real address translation, pair by pair: every pair stores and fetches, both ways, whoever opens.
import { afterAll, describe, expect, it } from 'vitest';
import { NAMED } from '../natlab/kinds.ts';
import { Lab, labObstacle } from '../natlab/lab.ts';
import { meet, restartPeers, startPeers } from '../natlab/meet.ts';

const obstacle = labObstacle();
const rows: string[] = [];

describe.concurrent('BN-23 two peers behind any two routers', () => {
  for (const { key, topology, paths } of NAMED) {
    it.skipIf(obstacle !== undefined)(`${key}: store and fetch both ways`, async () => {
      await using lab = await Lab.up(topology);
      await lab.startPublic();
      for (const opener of ['a', 'b'] as const) {
        await (opener === 'a' ? startPeers(lab) : restartPeers(lab));
        let met = await meet(lab, opener, paths);
        if (!paths.includes(met.path)) {
          // A birthday burst finds the port 49 times in 50, and no second one is made within the hour: new processes may.
          rows.push(`${key.padEnd(34)} ${opener} opens  ${met.path}: once more`);
          await restartPeers(lab);
          met = await meet(lab, opener, paths);
        }
        const path = met.path === met.firstPath ? met.path : `${met.firstPath}, then ${met.path}`;
        rows.push(`${key.padEnd(34)} ${opener} opens  ${path.padEnd(24)} ${Math.round(met.firstByteMs)} ms`);
        expect(paths, `${key}, ${opener} opens`).toContain(met.path);
      }
      expect(await lab.strayTraffic()).toEqual([]);
    });
  }

  afterAll(() => {
    if (rows.length > 0) process.stdout.write(`\n  pair, path, ms to the first byte\n${rows.map((row) => `  ${row}\n`).join('')}\n`);
  });
});
