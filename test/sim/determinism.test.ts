// A run must follow from its seed alone. Fifty sockets chatter under drawn faults; the hash over everything that
// happened must be the same in a second run, also when other simulations run at the same time in the same process.
import { type Address, present } from '@batchain/shared';
import { createSimRuntime, drawLinkModel, SimDatagramSocket, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { seedsOf } from './simulator.ts';

const SOCKETS = 50;
const DURATION_MS = 60_000;
/** Every seed that ever failed goes first. `SEED=s` replays one; `SEEDS=n` tries n further ones. */
const SEEDS = seedsOf(
  'determinism',
  Array.from({ length: 20 + Number(process.env.SEEDS ?? '0') }, (_, i) => String(i + 1)),
);

interface Chatter {
  readonly digest: string;
  readonly events: number;
  readonly delivered: number;
  readonly seconds: number;
}

/** Every socket talks to random others at random times, answers most of what it hears after a pause, and some crash. */
async function chatter(seed: string, disturb: () => number = () => 0): Promise<Chatter> {
  const simulation = createSimRuntime(seed);
  const { clock, trace, runtime } = simulation;
  const network = new SimNetwork(simulation, {
    link: { ...drawLinkModel(runtime.random.fork('link')), lossRate: 0.1, duplicateRate: 0.05 },
  });
  const addresses: Address[] = [];
  for (let i = 0; i < SOCKETS; i++) {
    const node = simulation.node(`node ${i}`, { skewMs: runtime.random.below(7_200_000) - 3_600_000 });
    const { random, entropy, clock: nodeClock } = node.runtime;
    const host = network.addHost({ nat: i % 5 === 0 ? 'linux' : 'open' });
    const socket = new SimDatagramSocket(host, { port: 4870 });
    await socket.open((bytes, from) => {
      const answer = async (): Promise<void> => {
        await nodeClock.sleep(random.below(50));
        if (bytes.length > 16 && random.below(4) > 0) socket.send(bytes.subarray(8), from);
      };
      void answer();
    });
    addresses.push(host.address(4870));
    const talk = (): void => {
      const to = present(addresses[random.below(addresses.length)], 'an address');
      socket.send(entropy.bytes(16 + random.below(200)), to);
      nodeClock.setTimer(100 + random.below(900) + disturb(), talk);
    };
    talk();
    if (random.below(10) === 0) {
      clock.setTimer(random.below(DURATION_MS), () => {
        network.kill(host);
        node.clock.halt();
      });
    }
  }
  const healAll = network.partition(network.hosts.slice(0, 20), network.hosts.slice(20), { isOneWay: runtime.random.below(2) === 0 });
  clock.setTimer(DURATION_MS / 2, healAll);
  const startMs = performance.now();
  await clock.runFor(DURATION_MS);
  const seconds = (performance.now() - startMs) / 1000;
  return { digest: trace.digest(), events: trace.eventCount, delivered: trace.recordCount, seconds };
}

describe(`determinism, seeds ${SEEDS[0]} to ${SEEDS.at(-1)}`, () => {
  it('gives the same trace for the same seed, again and again, and another one for every other seed', async () => {
    const digests = new Set<string>();
    let events = 0;
    let seconds = 0;
    for (const seed of SEEDS) {
      const alone = await chatter(seed);
      expect(alone.delivered).toBeGreaterThan(1000);
      // The second run shares the process with a third, of another seed.
      const [again] = await Promise.all([chatter(seed), chatter(`${seed} beside`)]);
      expect(again.digest, `seed ${seed}`).toBe(alone.digest);
      digests.add(alone.digest);
      events += alone.events;
      seconds += alone.seconds;
    }
    expect(digests.size).toBe(SEEDS.length);
    console.log(`simulator: ${events} events, ${Math.round(events / seconds)} events/s`);
  });

  it('would notice randomness that does not come from the seed', async () => {
    const disturbed = [await chatter('1', Math.random), await chatter('1', Math.random)];
    expect(disturbed[0]?.digest).not.toBe(disturbed[1]?.digest);
  });
});
