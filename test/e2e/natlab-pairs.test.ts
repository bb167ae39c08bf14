// Real daemons behind real address translation, pair by pair: every pair stores and fetches, both ways, whoever opens.
import { afterAll, describe, expect, it } from 'vitest';
import { Lab, labObstacle } from '../natlab/lab.ts';
import { meet, restartPeers, startPeers } from '../natlab/meet.ts';
import { NAMED_PAIRS } from '../natlab/named-pairs.ts';

const obstacle = labObstacle();
const rows: string[] = [];

describe.concurrent('BN-23 two peers behind any two routers', () => {
  for (const { title, topology, paths, openers } of NAMED_PAIRS) {
    it.skipIf(obstacle !== undefined || openers.length === 0)(`${title}: store and fetch both ways`, async () => {
      await using lab = await Lab.up(topology);
      await lab.startPublic();
      let isFirst = true;
      for (const opener of openers) {
        await (isFirst ? startPeers(lab) : restartPeers(lab));
        isFirst = false;
        const met = await meet(lab, opener, paths);
        const path = met.path === met.firstPath ? met.path : `${met.firstPath}, then ${met.path}`;
        rows.push(`${title.padEnd(34)} ${opener} opens  ${path.padEnd(24)} ${Math.round(met.firstByteMs)} ms`);
        expect(paths, `${title}, ${opener} opens`).toContain(met.path);
      }
    });
  }

  afterAll(() => {
    if (rows.length > 0) process.stdout.write(`\n  pair, path, ms to the first byte\n${rows.map((row) => `  ${row}\n`).join('')}\n`);
  });
});
