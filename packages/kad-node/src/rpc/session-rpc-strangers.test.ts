// What a SessionRpc sends to public IPs at which nobody has answered it (T6, T8).
import { type Address, createCrypto, keyPairFromSeed, minute, type NodeId, sha256, utf8Bytes } from '@batchain/shared';
import { createSimRuntime, SimDatagramSocket, type SimHost, SimNetwork, type Simulation } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { KadRequest } from '../wire/messages.ts';
import type { StrangerBudget } from './first-packets.ts';
import { SessionRpc } from './session-rpc.ts';

const PING: KadRequest = { type: 'ping' };
const NONCE = new Uint8Array(8);
const HELLO = 1;

interface TestNode {
  readonly rpc: SessionRpc;
  readonly id: NodeId;
  readonly address: Address;
}

describe('SessionRpc T8 first packets to a public IP', () => {
  let simulation: Simulation;
  let network: SimNetwork;
  let hellos: number;

  const settled = <T>(promise: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(promise, { deadlineMs: minute });

  async function addNode(name: string, options: { budget?: StrangerBudget; host?: SimHost; port?: number } = {}): Promise<TestNode> {
    const { host = network.addHost({ name }), port = 4870, budget } = options;
    const keys = keyPairFromSeed(sha256(utf8Bytes(name)));
    const config = { network: { name: 'test' }, ownHosts: () => host.addresses };
    const rpc = new SessionRpc(simulation.node(name).runtime, new SimDatagramSocket(host, { port }), keys, createCrypto(), {
      ...config,
      ...(budget === undefined ? {} : { strangerBudget: budget }),
    });
    rpc.onRequest(() => ({ type: 'pong' }));
    await rpc.open();
    return { rpc, id: keys.nodeId, address: host.address(port) };
  }

  beforeEach(() => {
    simulation = createSimRuntime('session rpc strangers');
    network = new SimNetwork(simulation);
    hellos = 0;
    network.tap(({ stage, bytes }) => {
      if (stage === 'sent' && bytes[1] === HELLO) hellos++;
    });
  });

  it('are three until somebody answers there; then all who are there are met at once', async () => {
    const ann = await addNode('ann');
    const host = network.addHost({ name: 'a server' });
    const friends = await Promise.all(Array.from({ length: 8 }, (_, n) => addNode(`friend ${n}`, { host, port: 5000 + n })));
    const beganMs = simulation.clock.monotonicMs();
    const asking = friends.map(({ address, id }) => ann.rpc.request(address, id, PING));
    expect(hellos, 'at first').toBe(3);
    for (const answer of await settled(Promise.all(asking))) expect(answer).toMatchObject({ ok: true });
    // Two round trips, and no time-out.
    expect(simulation.clock.monotonicMs() - beganMs).toBeLessThan(500);
    expect(hellos).toBe(8);
  });

  it('are left out beyond what the budget covers, and nobody is said to be silent; what was answered is given back', async () => {
    const given: number[] = [];
    let left = 2;
    const budget = { takeDatagram: () => left-- > 0, giveBack: (_host: string, count: number) => void given.push(count) };
    const ann = await addNode('ann', { budget });
    const [bob, carol] = [await addNode('bob'), await addNode('carol')];
    expect(await settled(ann.rpc.request(bob.address, bob.id, PING))).toMatchObject({ ok: true });
    expect(given).toEqual([1]);
    expect(ann.rpc.sendProbe(carol.address, NONCE), 'the second one').toBe(true);
    expect(ann.rpc.sendProbe(carol.address, NONCE)).toBe(false);
    expect(await settled(ann.rpc.request(carol.address, carol.id, PING))).toEqual({ ok: false, reason: 'held-back' });
    expect(ann.rpc.stats.hellosLeftOut).toBe(3);
    expect(ann.rpc.sendProbe(bob.address, NONCE), 'a node has answered there').toBe(true);
  });

  it('are not held back where the address is our own choice, whoever else waits for it', async () => {
    const ann = await addNode('ann', { budget: { takeDatagram: () => false, giveBack: () => undefined } });
    const bob = await addNode('bob');
    const named = ann.rpc.request(bob.address, bob.id, PING);
    expect(hellos).toBe(0);
    const chosen = ann.rpc.request(bob.address, undefined, PING, { isOurChoice: true });
    expect(hellos).toBe(1);
    for (const answer of await settled(Promise.all([named, chosen]))) expect(answer).toMatchObject({ ok: true });
  });
});
