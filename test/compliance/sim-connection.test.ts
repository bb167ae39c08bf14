import { makeSimConnectionWorld } from './sim-world.ts';
import { connectionSuite, dialledSuite } from './suites/connection.ts';

connectionSuite('simulated', () => makeSimConnectionWorld());
dialledSuite('simulated', () => makeSimConnectionWorld());
connectionSuite('simulated, over a path that loses, jitters and is narrow', () =>
  makeSimConnectionWorld({ link: { latencyMs: [5, 60], jitterMs: 200, lossRate: 0.05, bytesPerSecond: 4_000_000 } }),
);
dialledSuite('simulated, over a path that loses, jitters and is narrow', () =>
  makeSimConnectionWorld({ link: { latencyMs: [5, 60], jitterMs: 200, lossRate: 0.05, bytesPerSecond: 4_000_000 } }),
);
