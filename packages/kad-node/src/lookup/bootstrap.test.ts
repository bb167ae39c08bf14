// Joining through addresses that the user gave: they are asked at once, however many lie at one public IP (BN-28, T8).
import { second, utf8Bytes } from '@batchain/shared';
import { createSimCrypto, createSimRuntime, SimDatagramSocket, type SimHost, SimNetwork } from '@batchain/shared/testing';
import { expect, it } from 'vitest';
import { makeKadConfig } from '../kad-config.ts';
import { KadNode } from '../kad-node.ts';
import { SessionRpc } from '../rpc/session-rpc.ts';

it('is not held back by those of the same IP that do not answer', async () => {
  const simulation = createSimRuntime('bootstrap');
  const network = new SimNetwork(simulation);
  const crypto = createSimCrypto(simulation.runtime.entropy.fork('crypto'));
  const start = async (name: string, host: SimHost, port: number): Promise<KadNode> => {
    const { runtime } = simulation.node(name);
    const signer = crypto.signerFromSeed(utf8Bytes(name));
    const socket = new SimDatagramSocket(host, { port, address: host.addresses[0] as string });
    const rpc = new SessionRpc(runtime, socket, signer, crypto, { network: { name: 'test' }, ownHosts: () => host.addresses });
    const node = new KadNode(runtime, { rpc, signer, crypto }, makeKadConfig({}, 'demo'));
    await node.start();
    return node;
  };
  const server = network.addHost({ name: 'server' });
  const member = await start('member', server, 4879);
  const newcomer = await start('newcomer', network.addHost({ name: 'home' }), 4870);
  const beganMs = simulation.clock.monotonicMs();
  const joining = newcomer.bootstrap([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => server.address(4870 + n)));
  while (!newcomer.isJoined && simulation.clock.monotonicMs() - beganMs < 10 * second) await simulation.clock.runFor(50);
  expect(newcomer.isJoined).toBe(true);
  expect(simulation.clock.monotonicMs() - beganMs).toBeLessThan(1.5 * second);
  await simulation.clock.runUntilSettled(Promise.all([joining, newcomer.stop(), member.stop()]), { deadlineMs: 30 * second });
});
