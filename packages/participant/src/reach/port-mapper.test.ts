// A router that speaks PCP and NAT-PMP, written from the RFCs, in simulated time.
import { type Address, concatBytes, fail, formatAddress, ipBytes, ok, type Result, uintBytes } from '@batchain/shared';
import { createSimRuntime, SimDatagramSocket, type SimHost, SimNetwork } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { GatewayRoute, NoGateway } from '../adapters/gateway-route.ts';
import { PORT_MAPPING_LIFETIME_MS, PORT_MAPPING_RETRY_MS, PORT_MAPPING_STOP_MS } from '../limits.ts';
import { PortMapper, type PortMapperState } from './port-mapper.ts';

interface Entry {
  readonly external: number;
  readonly nonce: string;
  endsAtMs: number;
}

/** Maps the port that is asked for, or the next free one. */
class TestRouter {
  readonly entries = new Map<string, Entry>();
  external = '203.0.113.5';
  lifetimeMaxS = 7200;
  hasPcp = true;
  hasNatPmp = true;
  isSilent = false;
  /** PCP result code for everything that is asked. */
  refusal = 0;
  requests = 0;
  readonly host: SimHost;
  readonly #socket: SimDatagramSocket;
  readonly #nowMs: () => number;

  constructor(host: SimHost, nowMs: () => number) {
    this.host = host;
    this.#nowMs = nowMs;
    this.#socket = new SimDatagramSocket(host, { port: 5351 });
  }

  open(): Promise<void> {
    return this.#socket.open((bytes, from) => {
      if (this.isSilent) return;
      this.requests++;
      const answer = bytes[0] === 2 ? this.#answerPcp(bytes, from) : this.#answerNatPmp(bytes, from);
      if (answer !== undefined) this.#socket.send(answer, from);
    });
  }

  /** External ports by `udp 4870`. */
  ports(): Record<string, number> {
    const live = [...this.entries].filter(([, { endsAtMs }]) => endsAtMs > this.#nowMs());
    return Object.fromEntries(live.map(([key, { external }]) => [key, external]));
  }

  #change(protocol: string, internal: number, asked: number, seconds: number, nonce: string): Entry | undefined {
    const key = `${protocol} ${internal}`;
    const known = this.entries.get(key);
    const isLive = known !== undefined && known.endsAtMs > this.#nowMs();
    if (isLive && known.nonce !== nonce) return undefined;
    const taken = new Set(Object.values(this.ports()));
    let external = isLive ? known.external : asked;
    while (!isLive && taken.has(external)) external++;
    const entry = { external, nonce, endsAtMs: this.#nowMs() + seconds * 1000 };
    if (seconds === 0) this.entries.delete(key);
    else this.entries.set(key, entry);
    return entry;
  }

  #answerPcp(bytes: Uint8Array, from: Address): Uint8Array | undefined {
    if (!this.hasPcp) return this.hasNatPmp ? Uint8Array.of(0, 0x81, 0, 1, 0, 0, 0, 9) : undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const seconds = Math.min(view.getUint32(4), this.lifetimeMaxS);
    const client = [...bytes.subarray(20, 24)].join('.');
    const protocol = bytes[36] === 17 ? 'udp' : 'tcp';
    const nonce = [...bytes.subarray(24, 36)].join();
    const entry = this.refusal > 0 ? undefined : this.#change(protocol, view.getUint16(40), view.getUint16(42), seconds, nonce);
    const result = client === from.host ? this.refusal || (entry === undefined ? 2 : 0) : 12;
    const external = concatBytes(bytes.slice(44, 56), ipBytes(this.external) ?? new Uint8Array(4));
    const head = concatBytes(Uint8Array.of(2, 0x81, 0, result), uintBytes(seconds, 4), uintBytes(9, 4), new Uint8Array(12));
    return concatBytes(head, bytes.slice(24, 42), uintBytes(entry?.external ?? 0, 2), external);
  }

  #answerNatPmp(bytes: Uint8Array, from: Address): Uint8Array | undefined {
    if (!this.hasNatPmp) return undefined;
    const head = Uint8Array.of(0, 0x80 | (bytes[1] ?? 0), 0, this.refusal === 0 ? 0 : 2, 0, 0, 0, 9);
    if (bytes[1] === 0) return concatBytes(head, ipBytes(this.external) ?? new Uint8Array(4));
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const seconds = Math.min(view.getUint32(8), this.lifetimeMaxS);
    const entry = this.#change(bytes[1] === 1 ? 'udp' : 'tcp', view.getUint16(4), view.getUint16(6), seconds, from.host);
    return concatBytes(head, bytes.slice(4, 6), uintBytes(seconds === 0 ? 0 : (entry?.external ?? 0), 2), uintBytes(seconds, 4));
  }
}

async function makeWorld(seed: string, lossRate = 0) {
  const simulation = createSimRuntime(seed);
  const network = new SimNetwork(simulation, { link: { lossRate, latencyMs: [1, 5] } });
  const home = network.addHost({ name: 'home' });
  const { clock, runtime } = simulation;
  const router = new TestRouter(network.addHost({ name: 'router' }), () => clock.monotonicMs());
  await router.open();
  const told: string[] = [];
  let route: Result<GatewayRoute, NoGateway> = ok({ gateway: router.host.addresses[0] ?? '', ownHost: home.addresses[0] ?? '' });
  const make = (nonceByte = 1): PortMapper =>
    new PortMapper(
      runtime,
      {
        openSocket: (address) => new SimDatagramSocket(home, { address }),
        findGateway: () => Promise.resolve(route),
        nonceKey: new Uint8Array(32).fill(nonceByte),
      },
      {
        onMapped: ({ protocol, internalPort, external, by }) =>
          told.push(`${protocol} ${internalPort} is ${formatAddress(external)} by ${by}`),
        onLost: ({ protocol, external }) => told.push(`${protocol} lost ${formatAddress(external)}`),
      },
    );
  return {
    network,
    clock,
    home,
    router,
    told,
    make,
    pass: (ms: number) => clock.runUntilSettled(clock.sleep(ms), { deadlineMs: ms + 1 }),
    stop: (mapper: PortMapper) => clock.runUntilSettled(mapper.stop(), { deadlineMs: 10_000 }),
    setRoute: (next: typeof route) => {
      route = next;
    },
  };
}

const PORTS = { udpPort: 4870, tcpPort: 4880 };
const outcomes = (state: PortMapperState): string[][] => state.ports.map(({ tried }) => tried.map(({ by, outcome }) => `${by} ${outcome}`));

describe('a router that maps ports', () => {
  it('is asked by PCP for both ports, again before they end, and to take them back', async () => {
    const { router, told, make, pass, stop } = await makeWorld('pcp');
    const mapper = make();
    mapper.start(PORTS);
    await pass(1000);
    expect(told).toEqual(['udp 4870 is 203.0.113.5:4870 by pcp', 'tcp 4880 is 203.0.113.5:4880 by pcp']);
    expect(mapper.state()).toMatchObject({ gateway: { ok: true }, ports: [{ external: { port: 4870 } }, { external: { port: 4880 } }] });
    await pass(3 * PORT_MAPPING_LIFETIME_MS);
    expect(router.ports()).toEqual({ 'udp 4870': 4870, 'tcp 4880': 4880 });
    expect(router.requests).toBe(2 + 2 * 6);
    await stop(mapper);
    expect(router.ports()).toEqual({});
    expect(told).toHaveLength(2);
  });

  it('may know NAT-PMP only', async () => {
    const { router, told, make, pass, stop } = await makeWorld('nat-pmp');
    router.hasPcp = false;
    const mapper = make();
    mapper.start(PORTS);
    await pass(2000);
    expect(told).toEqual(['udp 4870 is 203.0.113.5:4870 by nat-pmp', 'tcp 4880 is 203.0.113.5:4880 by nat-pmp']);
    expect(outcomes(mapper.state())).toEqual([['pcp unsupported', 'nat-pmp mapped'], ['nat-pmp mapped']]);
    await pass(2 * PORT_MAPPING_LIFETIME_MS);
    expect(router.ports()).toEqual({ 'udp 4870': 4870, 'tcp 4880': 4880 });
    await stop(mapper);
    expect(router.ports()).toEqual({});
  });

  it('is asked again when packets are lost', async () => {
    let mapped = 0;
    for (let seed = 0; seed < 20; seed++) {
      const { told, make, pass } = await makeWorld(`loss ${seed}`, 0.2);
      make().start(PORTS);
      await pass(30_000);
      mapped += told.length;
    }
    // Four tries, there and back: 1 - 0.64 of them is lost each time, all of them in 2 of 100 questions.
    expect(mapped).toBeGreaterThanOrEqual(38);
  });

  it('that gives another port, and grants less time, is believed', async () => {
    const { router, told, make, pass } = await makeWorld('other');
    router.entries.set('udp 1', { external: 4870, nonce: 'a neighbour', endsAtMs: Number.POSITIVE_INFINITY });
    router.lifetimeMaxS = 120;
    make().start(PORTS);
    await pass(20 * 60_000);
    expect(told).toEqual(['udp 4870 is 203.0.113.5:4871 by pcp', 'tcp 4880 is 203.0.113.5:4880 by pcp']);
    expect(router.ports()).toMatchObject({ 'udp 4870': 4871, 'tcp 4880': 4880 });
  });

  it('that restarts with another address tells it at the next renewal, or at once when it is asked for', async () => {
    const { router, told, make, pass } = await makeWorld('restart');
    const mapper = make();
    mapper.start({ udpPort: 4870 });
    await pass(1000);
    router.entries.clear();
    router.external = '198.51.100.9';
    mapper.refresh();
    await pass(1000);
    expect(told).toEqual(['udp 4870 is 203.0.113.5:4870 by pcp', 'udp lost 203.0.113.5:4870', 'udp 4870 is 198.51.100.9:4870 by pcp']);
  });

  it('that falls silent keeps the mapping as long as it promised, no longer', async () => {
    const { router, told, make, pass } = await makeWorld('silent');
    const mapper = make();
    mapper.start({ udpPort: 4870 });
    await pass(1000);
    router.isSilent = true;
    await pass(PORT_MAPPING_LIFETIME_MS - 20_000);
    expect(told).toHaveLength(1);
    await pass(60_000);
    expect(told).toEqual(['udp 4870 is 203.0.113.5:4870 by pcp', 'udp lost 203.0.113.5:4870']);
    router.isSilent = false;
    await pass(PORT_MAPPING_RETRY_MS + 30_000);
    expect(told[2]).toBe('udp 4870 is 203.0.113.5:4870 by pcp');
  });

  it('gives its mapping back to a participant that was killed, and to nobody else', async () => {
    const { router, told, make, pass } = await makeWorld('killed');
    make(1).start({ udpPort: 4870 });
    await pass(1000);
    const again = make(1);
    again.start({ udpPort: 4870 });
    await pass(1000);
    expect(told).toEqual(['udp 4870 is 203.0.113.5:4870 by pcp', 'udp 4870 is 203.0.113.5:4870 by pcp']);
    router.hasNatPmp = false;
    const stranger = make(2);
    stranger.start({ udpPort: 4870 });
    await pass(20_000);
    expect(outcomes(stranger.state())).toEqual([['pcp refused', 'nat-pmp no-answer', 'upnp no-answer']]);
    expect(stranger.state().ports[0]?.tried[0]?.detail).toBe('not authorized');
  });
});

describe('a router that maps none', () => {
  it('is told by what was tried, does not hold up the stop, and is asked again later', async () => {
    const { clock, router, told, make, pass, stop } = await makeWorld('none');
    router.isSilent = true;
    const mapper = make();
    mapper.start(PORTS);
    await pass(60_000);
    expect(outcomes(mapper.state())).toEqual([['pcp no-answer', 'nat-pmp no-answer', 'upnp no-answer'], []]);
    router.isSilent = false;
    await pass(PORT_MAPPING_RETRY_MS);
    expect(told).toHaveLength(2);
    router.isSilent = true;
    const beganMs = clock.monotonicMs();
    await stop(mapper);
    expect(clock.monotonicMs() - beganMs).toBeLessThanOrEqual(PORT_MAPPING_STOP_MS);
  });

  it('does not hold up a stop in the midst of asking', async () => {
    const { clock, router, make, pass, stop } = await makeWorld('midst');
    router.isSilent = true;
    const mapper = make();
    mapper.start(PORTS);
    await pass(100);
    const beganMs = clock.monotonicMs();
    await stop(mapper);
    expect(clock.monotonicMs() - beganMs).toBeLessThanOrEqual(600);
    await stop(mapper);
  });

  it('because its answer came too late for the stop, has nothing left of ours', async () => {
    const { router, told, make, pass, stop } = await makeWorld('late answer');
    const mapper = make();
    mapper.start({ udpPort: 4870 });
    // The request is out, its answer is not in.
    await pass(0);
    await stop(mapper);
    expect(router.requests).toBeGreaterThan(0);
    expect(router.ports()).toEqual({});
    expect(told).toEqual([]);
  });

  it.each(['100.64.3.4', '192.168.0.2', '10.1.1.1'])('to the internet, having the address %s itself, is not believed', async (external) => {
    const { router, told, make, pass } = await makeWorld('double');
    router.external = external;
    const mapper = make();
    mapper.start({ udpPort: 4870 });
    await pass(5000);
    expect(told).toEqual([]);
    expect(mapper.state().ports[0]?.tried).toEqual([{ by: 'pcp', outcome: 'behind-another-nat', detail: external }]);
    expect(router.ports()).toEqual({});
  });

  it.each(['0.0.0.0', '224.0.0.1', '255.255.255.255'])('because it has no address outside but %s, is told as that', async (external) => {
    const { router, told, make, pass } = await makeWorld('no wan');
    router.external = external;
    const mapper = make();
    mapper.start({ udpPort: 4870 });
    await pass(20_000);
    expect(told).toEqual([]);
    expect(outcomes(mapper.state())).toEqual([['pcp malformed', 'nat-pmp malformed', 'upnp no-answer']]);
  });

  it('is not there: nobody is asked', async () => {
    const { router, make, pass, stop, setRoute } = await makeWorld('no route');
    setRoute(fail('public-address'));
    const mapper = make();
    mapper.start(PORTS);
    await pass(60_000);
    expect(mapper.state()).toMatchObject({ gateway: { ok: false, reason: 'public-address' } });
    expect(router.requests).toBe(0);
    await stop(mapper);
  });
});

it('a machine that moves to another network loses its mappings, and has some there', async () => {
  const { network, clock, home, told, make, pass, setRoute } = await makeWorld('moves');
  const other = new TestRouter(network.addHost({ name: 'other' }), () => clock.monotonicMs());
  other.external = '198.51.100.77';
  await other.open();
  const mapper = make();
  mapper.start({ tcpPort: 4880 });
  await pass(1000);
  setRoute(ok({ gateway: other.host.addresses[0] ?? '', ownHost: home.addresses[0] ?? '' }));
  mapper.refresh();
  await pass(1000);
  expect(told).toEqual(['tcp 4880 is 203.0.113.5:4880 by pcp', 'tcp lost 203.0.113.5:4880', 'tcp 4880 is 198.51.100.77:4880 by pcp']);
});

/** Grants whatever is asked for. */
function forgedAnswer(request: Uint8Array): Uint8Array {
  const opcode = 0x80 | (request[1] ?? 0);
  if (request[0] === 2)
    return concatBytes(Uint8Array.of(2, opcode, 0, 0), request.slice(4, 44), request.slice(44, 56), Uint8Array.of(9, 9, 9, 9));
  const head = Uint8Array.of(0, opcode, 0, 0, 0, 0, 0, 9);
  return concatBytes(head, opcode === 0x80 ? Uint8Array.of(9, 9, 9, 9) : request.slice(4, 12));
}

it('others in the LAN cannot answer for the router', async () => {
  const { network, home, router, told, make, pass } = await makeWorld('forged');
  router.isSilent = true;
  const liar = new SimDatagramSocket(network.addHost({ name: 'liar' }), { port: 5351 });
  await liar.open(() => undefined);
  network.tap((event) => {
    if (event.stage !== 'delivered' || event.host !== router.host) return;
    liar.send(forgedAnswer(event.bytes), event.from);
  });
  const mapper = make();
  mapper.start({ udpPort: 4870 });
  await pass(20_000);
  expect(home.counters.receivedDatagrams).toBeGreaterThan(5);
  expect(told).toEqual([]);
  expect(outcomes(mapper.state())).toEqual([['pcp no-answer', 'nat-pmp no-answer', 'upnp no-answer']]);
});
