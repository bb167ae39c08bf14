import { fail } from '@batchain/shared';
import { createSimRuntime, SimDatagramSocket, SimNetwork } from '@batchain/shared/testing';
import { expect, it } from 'vitest';
import { KadAttacher } from './kad-attacher.ts';
import { SwitchingSocket } from './switching-socket.ts';

const ROUND_MS = 2_000;

it('BN-27 a node whom nobody carries tries again at once when the network changes, also when that comes while it is trying', async () => {
  const simulation = createSimRuntime('attacher');
  const { runtime, clock } = simulation;
  const host = new SimNetwork(simulation).addHost({ nat: 'udp-blocked' });
  const socket = new SwitchingSocket(runtime, new SimDatagramSocket(host));
  await socket.open(() => undefined);
  const beganMs: number[] = [];
  const open = async () => {
    beganMs.push(clock.monotonicMs());
    await clock.sleep(ROUND_MS);
    return fail('nobody carries');
  };
  const attacher = new KadAttacher(runtime, { socket, open, knownHosts: () => [], knownKad: () => [] }, () => undefined);
  attacher.noteUdpSilent([{ host: '203.0.113.10', port: 4870 }]);
  // Some rounds, until pauses are long.
  while (beganMs.length < 6) await clock.runFor(500);
  const lastMs = beganMs.at(-1) ?? 0;
  attacher.networkChanged();
  await clock.runFor(2 * ROUND_MS);
  expect((beganMs[6] ?? Number.NaN) - lastMs).toBeLessThan(ROUND_MS + 100);
  const stopped = attacher.stop();
  await clock.runFor(10_000);
  await stopped;
});
