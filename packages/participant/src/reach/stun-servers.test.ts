import { DatagramDemux } from '@batchain/kad-node';
import type { Address } from '@batchain/shared';
import { createSimRuntime, type NatKind, SimDatagramSocket, SimNetwork, type TrafficEvent } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { STUN_KNOWN_MS } from '../limits.ts';
import { StunServers } from './stun-servers.ts';

const KAD_PORT = 4870;

let simulation: ReturnType<typeof createSimRuntime>;
let network: SimNetwork;
let candidates: Address[];
let servers: StunServers;
let sent: TrafficEvent[];

/** A KadNode that answers STUN, whether its firewall lets that in or not. */
async function addKadNode(nat: NatKind): Promise<Address> {
  const host = network.addHost({ nat });
  await new DatagramDemux(simulation.runtime, new SimDatagramSocket(host, { port: KAD_PORT })).open(() => undefined);
  return host.address(KAD_PORT);
}

beforeEach(() => {
  simulation = createSimRuntime('stun-servers');
  network = new SimNetwork(simulation, { link: { latencyMs: [10, 60] } });
  const home = network.addHost({ nat: 'linux' });
  candidates = [];
  sent = [];
  network.tap((event) => {
    if (event.stage === 'sent' && event.host === home) sent.push(event);
  });
  servers = new StunServers(simulation.runtime, { openSocket: () => new SimDatagramSocket(home), candidates: () => candidates });
});

async function timed<T>(work: Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const startMs = simulation.clock.monotonicMs();
  const value = await simulation.clock.runUntilSettled(work, { deadlineMs: simulation.clock.monotonicMs() + 5000 });
  return { value, ms: simulation.clock.monotonicMs() - startMs };
}

describe('the KadNodes that are asked by STUN', () => {
  it('are those that answer a socket they never heard of, not one that a firewall hides from it', async () => {
    const hidden = await addKadNode('fw');
    const [one, two] = [await addKadNode('open'), await addKadNode('open')];
    candidates = [hidden, one, two];
    const { value, ms } = await timed(servers.get());
    expect(value).toEqual([one, two]);
    expect(ms, 'the silent one is not waited for').toBeLessThan(250);
  });

  it('are remembered, and looked for anew after a while or in another network', async () => {
    candidates = [await addKadNode('open')];
    await timed(servers.get());
    const first = sent.length;
    expect((await timed(servers.get())).ms).toBe(0);
    expect(sent).toHaveLength(first);
    await simulation.clock.runFor(STUN_KNOWN_MS);
    await timed(servers.get());
    expect(sent.length).toBeGreaterThan(first);
    servers.forget();
    candidates = [await addKadNode('open')];
    expect((await timed(servers.get())).value).toEqual(candidates);
  });

  it('are none, within a second and with two datagrams each, when nobody answers (T8)', async () => {
    candidates = [await addKadNode('fw'), await addKadNode('fw')];
    const { value, ms } = await timed(servers.get());
    expect(value).toEqual([]);
    expect(ms).toBeLessThanOrEqual(1000);
    expect(sent).toHaveLength(4);
  });

  it('are one of each IP: two ports of one host are one witness', async () => {
    const one = await addKadNode('open');
    candidates = [one, { ...one, port: KAD_PORT + 1 }];
    expect((await timed(servers.get())).value).toEqual([one]);
  });
});
