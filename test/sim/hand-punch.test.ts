// The pairs that ICE loses, in simulated networks: which open, by which method, in which time and with how many packets.
import { DatagramDemux } from '@batchain/kad-node';
import { type Address, formatAddress, type NatMapping } from '@batchain/shared';
import {
  NAT_KINDS,
  type NatKind,
  SimDatagramSocket,
  type SimHost,
  SimNetwork,
  type Simulation,
  type TrafficEvent,
} from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { HandPuncher } from '../../packages/participant/src/reach/hand-punch/hand-puncher.ts';
import { type NatFacts, planHandPunch } from '../../packages/participant/src/reach/hand-punch/plan-hand-punch.ts';
import { encodePunchPacket } from '../../packages/participant/src/reach/hand-punch/punch-packet.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

const KEY = new Uint8Array(32).fill(7);
const STUN_PORT = 3478;

/** `inner/outer` is a home behind a carrier's router. */
type Situation = NatKind | 'linux/symmetric';

const outerKind = (situation: Situation): NatKind => (situation === 'linux/symmetric' ? 'symmetric' : situation);

/** What a node finds out about itself by asking several KadNodes; the mapping of a node without a NAT is `none`. */
function factsOf(situation: Situation): NatFacts {
  const { isTranslating, mapping, filtering, ports } = NAT_KINDS[outerKind(situation)];
  const own: NatMapping = isTranslating ? mapping : 'none';
  return { mapping: own, filtering, preservesPort: ports === 'preserve', portDelta: ports === 'sequential' ? 1 : undefined };
}

function makeWorld(simulation: Simulation) {
  const network = new SimNetwork(simulation, { link: { latencyMs: [10, 60] } });
  const observers: Address[] = [];
  const addObserver = async (): Promise<void> => {
    const host = network.addHost();
    observers.push(host.address(STUN_PORT));
    await new DatagramDemux(simulation.runtime, new SimDatagramSocket(host, { port: STUN_PORT })).open(() => undefined);
  };
  const addHost = (situation: Situation): SimHost => {
    if (situation !== 'linux/symmetric') return network.addHost({ nat: situation });
    const carrier = network.addNat({ kind: 'symmetric' });
    return network.addHost({ behind: network.addNat({ kind: 'linux', behind: carrier, address: '100.64.1.2' }) });
  };
  const addPuncher = (host: SimHost): HandPuncher =>
    new HandPuncher(simulation.runtime.fork(host.name), { openSocket: () => new SimDatagramSocket(host), ownHosts: () => host.addresses });
  return { network, clock: simulation.clock, observers, addObserver, addHost, addPuncher };
}

interface Punched {
  readonly result: string;
  readonly ms: number;
  /** Packets of the caller and of the called one towards the other, before a path was heard and after. */
  readonly sent: readonly [number, number];
  readonly perSecondMax: number;
}

async function punch(simulation: Simulation, caller: Situation, called: Situation, isVouched = true): Promise<Punched> {
  const world = makeWorld(simulation);
  await world.addObserver();
  await world.addObserver();
  const hosts = [world.addHost(caller), world.addHost(called)] as const;
  const { signal } = new AbortController();
  const prepare = async (host: SimHost, situation: Situation) => {
    const prepared = await world.addPuncher(host).prepare(factsOf(situation), world.observers, signal);
    if (!prepared.ok) throw new Error(prepared.reason);
    return prepared.value;
  };
  const [ana, bo] = await Promise.all([prepare(hosts[0], caller), prepare(hosts[1], called)]);
  const sent: number[][] = [[], []];
  world.network.tap(({ stage, host, atMs, bytes }: TrafficEvent) => {
    const at = host === undefined ? -1 : hosts.indexOf(host);
    if (stage !== 'sent' || at < 0) return;
    expect(bytes.length).toBeLessThanOrEqual(64);
    sent[at]?.push(atMs);
  });
  const startMs = world.clock.elapsedMs;
  // The called one has both sets of facts first: its answer takes a while to the caller.
  const called1 = bo.run(ana.facts, { signal, role: 'called', key: KEY, isVouched });
  await world.clock.sleep(80);
  const [a, b] = await Promise.all([ana.run(bo.facts, { signal, role: 'caller', key: KEY, isVouched }), called1]);
  const ms = world.clock.elapsedMs - startMs;
  expect(a.ok, `${caller} - ${called}`).toBe(b.ok);
  const perSecondMax = Math.max(
    ...sent.map((times) => Math.max(0, ...times.map((from, i) => times.slice(i).filter((at) => at < from + 1000).length))),
  );
  const counts = [sent[0]?.length ?? 0, sent[1]?.length ?? 0] as const;
  if (!a.ok || !b.ok) return { result: a.ok ? 'half' : a.reason, ms, sent: counts, perSecondMax };
  // Handed over: new sockets on the same ports hear one another.
  const heard = await Promise.all(
    (
      [
        [hosts[0], a.value, 'ana'],
        [hosts[1], b.value, 'bo'],
      ] as const
    ).map(async ([host, path, name]) => {
      const socket = new SimDatagramSocket(host, { port: path.localPort });
      const said = new Promise<string>(
        (resolve) =>
          void socket.open((bytes, from) => resolve(`${Buffer.from(bytes)} ${formatAddress(from) === formatAddress(path.remote)}`)),
      );
      for (let i = 0; i < 3; i++) {
        socket.send(Buffer.from(name), path.remote);
        await world.clock.sleep(100);
      }
      return said;
    }),
  );
  expect(heard).toEqual(['bo true', 'ana true']);
  return { result: a.value.method, ms, sent: counts, perSecondMax };
}

const OPENING: readonly (readonly [Situation, Situation, string])[] = [
  ['port-restr', 'port-restr', 'simultaneous'],
  ['linux', 'linux', 'ordered'],
  ['linux', 'port-restr', 'ordered'],
  ['fw', 'linux', 'ordered'],
  ['addr-restr', 'symmetric', 'simultaneous'],
  ['full-cone', 'symmetric-ip', 'simultaneous'],
  ['port-restr', 'symmetric-seq', 'predict'],
  ['linux', 'symmetric-seq', 'predict'],
  ['fw', 'symmetric-seq', 'predict'],
  ['symmetric-seq', 'symmetric-seq', 'predict'],
  ['port-restr', 'symmetric', 'birthday'],
  ['port-restr', 'symmetric-ip', 'birthday'],
  ['port-restr', 'linux/symmetric', 'birthday'],
  ['linux', 'symmetric', 'birthday'],
  ['linux', 'symmetric-ip', 'birthday'],
  ['fw', 'symmetric', 'birthday'],
];

const CLOSED: readonly (readonly [Situation, Situation])[] = [
  ['symmetric', 'symmetric'],
  ['symmetric-seq', 'symmetric'],
  ['symmetric-ip', 'symmetric'],
  ['udp-blocked', 'linux'],
  ['udp-blocked', 'open'],
];

describe('hand punch', () => {
  for (const seed of seedsOf('hand-punch', ['1', '2', '3'])) {
    it(`opens every pair but those that need a relay, within the limits (seed ${seed})`, async () => {
      const lines: string[] = [];
      for (const [a, b, method] of OPENING) {
        for (const [caller, called] of [
          [a, b],
          [b, a],
        ] as const) {
          const simulation = beginSimulation('hand-punch', `${seed} ${caller} ${called}`);
          const punched = await simulation.clock.runUntilSettled(punch(simulation, caller, called), { deadlineMs: 60_000 });
          expect(punched.result, `${caller} - ${called}`).toBe(method);
          expect(punched.ms).toBeLessThan(6_500);
          expect(Math.max(...punched.sent)).toBeLessThanOrEqual(method === 'birthday' ? 2_100 : 100);
          expect(punched.perSecondMax).toBeLessThanOrEqual(method === 'birthday' || method === 'predict' ? 520 : 30);
          lines.push(`${caller} - ${called}: ${method} in ${Math.round(punched.ms)} ms, ${punched.sent.join(' and ')} packets`);
        }
      }
      say(lines.join('\n'));
    });
  }

  it('says at once that a pair needs a relay, and sends nothing', async () => {
    for (const [a, b] of CLOSED) {
      for (const [caller, called] of [
        [a, b],
        [b, a],
      ] as const) {
        const simulation = beginSimulation('hand-punch', `${caller} ${called}`);
        const punched = await simulation.clock.runUntilSettled(punch(simulation, caller, called), { deadlineMs: 60_000 });
        expect(punched, `${caller} - ${called}`).toMatchObject({ result: 'no-way', sent: [0, 0] });
      }
    }
  });

  it('T8 sends no burst to an address that nobody vouches for: 10 packets, at most 3 a second', async () => {
    const run = async (caller: Situation, called: Situation): Promise<Punched> => {
      const simulation = beginSimulation('hand-punch', `unvouched ${caller} ${called}`);
      return simulation.clock.runUntilSettled(punch(simulation, caller, called, false), { deadlineMs: 60_000 });
    };
    expect(await run('port-restr', 'symmetric')).toMatchObject({ result: 'no-way', sent: [0, 0] });
    // Counting ports are found with so few as well.
    expect((await run('port-restr', 'symmetric-seq')).result).toBe('predict');
  });

  it('T8 sends a peer that is not there at most 3 packets a second and 10 in all, without a voucher', async () => {
    for (const there of ['port-restr', 'linux', 'symmetric-seq'] as const) {
      const simulation = beginSimulation('hand-punch', `alone ${there}`);
      const world = makeWorld(simulation);
      const story = async (): Promise<void> => {
        await world.addObserver();
        await world.addObserver();
        const { signal } = new AbortController();
        const host = world.addHost('port-restr');
        const prepared = await world.addPuncher(host).prepare(factsOf('port-restr'), world.observers, signal);
        if (!prepared.ok) throw new Error(prepared.reason);
        const victim = world.network.addHost();
        const lanes = [[victim.address(40_000), victim.address(there === 'symmetric-seq' ? 40_001 : 40_000)], [victim.address(50_000)]];
        const times: number[] = [];
        world.network.tap(({ stage, to, atMs }) => {
          if (stage === 'sent' && to.host === victim.addresses[0]) times.push(atMs);
        });
        const options = { signal, role: 'caller', key: KEY, isVouched: false } as const;
        const outcome = await prepared.value.run({ ...factsOf(there), observed: lanes }, options);
        expect(outcome).toMatchObject({ ok: false, reason: 'timeout' });
        expect(times).toHaveLength(10);
        for (const [i, at] of times.entries()) expect(times.slice(i).filter((later) => later < at + 1000).length).toBeLessThanOrEqual(3);
      };
      await simulation.clock.runUntilSettled(story(), { deadlineMs: 60_000 });
    }
  });

  it('T8 does not catch up in a burst what it held back for a path that then did not open', async () => {
    const simulation = beginSimulation('hand-punch', 'held');
    const world = makeWorld(simulation);
    const story = async (): Promise<void> => {
      await world.addObserver();
      const { signal } = new AbortController();
      const prepared = await world.addPuncher(world.addHost('open')).prepare(factsOf('fw'), world.observers, signal);
      if (!prepared.ok) throw new Error(prepared.reason);
      const [to] = prepared.value.facts.observed[0] ?? [];
      // The peer's end knocks once and is never heard of again.
      const host = world.network.addHost();
      const socket = new SimDatagramSocket(host);
      await socket.open(() => undefined);
      const times: number[] = [];
      world.network.tap(({ stage, to: target, atMs }) => {
        if (stage === 'sent' && target.host === host.addresses[0]) times.push(atMs);
      });
      const theirs = { ...factsOf('symmetric'), observed: [[host.address(40_000), host.address(50_000)]] };
      expect(planHandPunch(prepared.value.facts, theirs, { role: 'called', isVouched: true }).method).toBe('birthday');
      const running = prepared.value.run(theirs, { signal, role: 'called', key: KEY, isVouched: true });
      await world.clock.sleep(500);
      socket.send(encodePunchPacket(KEY, 'caller', 'knock'), to as Address);
      expect(await running).toMatchObject({ ok: false, reason: 'timeout' });
      expect(times.length).toBeGreaterThan(2_000);
      expect(times.length).toBeLessThan(2_100);
      let from = 0;
      for (const [i, at] of times.entries()) {
        while ((times[from] as number) <= at - 1000) from++;
        expect(i - from + 1).toBeLessThanOrEqual(520);
      }
      const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
      expect(Math.max(...gaps)).toBeGreaterThan(100);
    };
    await simulation.clock.runUntilSettled(story(), { deadlineMs: 60_000 });
  });

  it('opens with one packet in twenty lost', async () => {
    for (const [caller, called] of [
      ['linux', 'linux'],
      ['port-restr', 'symmetric'],
      ['symmetric-seq', 'port-restr'],
    ] as const) {
      for (let round = 0; round < 5; round++) {
        const simulation = beginSimulation('hand-punch', `lossy ${round} ${caller} ${called}`);
        const world = makeWorld(simulation);
        const story = async (): Promise<boolean[]> => {
          await world.addObserver();
          await world.addObserver();
          const { signal } = new AbortController();
          const parts = await Promise.all(
            [caller, called].map(async (situation) => {
              const host = world.addHost(situation);
              host.link = { ...host.realm.link, lossRate: 0.05 };
              const prepared = await world.addPuncher(host).prepare(factsOf(situation), world.observers, signal);
              if (!prepared.ok) throw new Error(prepared.reason);
              return prepared.value;
            }),
          );
          const [ana, bo] = parts as [(typeof parts)[0], (typeof parts)[0]];
          const options = { signal, key: KEY, isVouched: true };
          const results = await Promise.all([
            ana.run(bo.facts, { ...options, role: 'caller' }),
            bo.run(ana.facts, { ...options, role: 'called' }),
          ]);
          return results.map(({ ok }) => ok);
        };
        expect(await simulation.clock.runUntilSettled(story(), { deadlineMs: 60_000 })).toEqual([true, true]);
      }
    }
  });

  it('ends at once when it is aborted, and leaves no socket behind', async () => {
    const simulation = beginSimulation('hand-punch', 'aborted');
    const world = makeWorld(simulation);
    const story = async (): Promise<void> => {
      await world.addObserver();
      const host = world.addHost('linux');
      const controller = new AbortController();
      const prepared = await world.addPuncher(host).prepare(factsOf('linux'), world.observers, controller.signal);
      if (!prepared.ok) throw new Error(prepared.reason);
      const facts = { ...factsOf('linux'), observed: [[world.network.addHost().address(5)]] };
      const running = prepared.value.run(facts, { signal: controller.signal, role: 'called', key: KEY, isVouched: false });
      await world.clock.sleep(200);
      controller.abort();
      expect(await running).toMatchObject({ ok: false, reason: 'aborted' });
      const late = await world.addPuncher(host).prepare(factsOf('linux'), world.observers, controller.signal);
      expect(late).toMatchObject({ ok: false, reason: 'aborted' });
      for (let port = 49_152; port < 49_200; port++) expect(host.boundTo('udp', port)).toBeUndefined();
    };
    await simulation.clock.runUntilSettled(story(), { deadlineMs: 60_000 });
  });
});
