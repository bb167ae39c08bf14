import { makeSimDatagramWorld } from './sim-world.ts';
import { datagramSocketSuite } from './suites/datagram-socket.ts';

datagramSocketSuite('simulated', () => makeSimDatagramWorld());
datagramSocketSuite('simulated, over a slow and jittery path', () =>
  makeSimDatagramWorld({ link: { latencyMs: [100, 900], jitterMs: 300, bytesPerSecond: 20_000 } }),
);
