// Others ask us to reach them: nobody can have a third party flooded that way, and liars do not decide what we think of ourselves (T6, T8).
import type { KadRequest, KadResponse } from '@batchain/kad-node';
import { type Address, type DatagramHandler, type DatagramSocket, type NodeId, second } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { BAT_PORT, buildReachWorld, type Placed, PORT, type ReachWorld } from './reach-world.ts';
import { say, seedsOf } from './simulator.ts';

const PROBE_KIND = 7;
const FLOOD_MS = 15 * second;
const ROUND_MS = 100;

/** Most events with the same key within any second. */
function mostPerSecond(events: readonly { readonly key: string; readonly atMs: number }[]): number {
  return Math.max(
    0,
    ...events.map((first) => events.filter(({ key, atMs }) => key === first.key && atMs >= first.atMs && atMs < first.atMs + 1000).length),
  );
}

/** Probe datagrams that members send to this IP. */
function watchProbes(world: ReachWorld, victim: string): { readonly key: string; readonly atMs: number; readonly sizeBytes: number }[] {
  const seen: { key: string; atMs: number; sizeBytes: number }[] = [];
  world.network.tap(({ stage, host, to, bytes, atMs }) => {
    if (stage === 'sent' && to.host === victim && bytes[1] === PROBE_KIND && bytes[0] === 0xbc)
      seen.push({ key: host?.name ?? '', atMs, sizeBytes: bytes.length });
  });
  return seen;
}

type Attacker = Awaited<ReturnType<ReachWorld['addRpc']>>;

/** All attackers ask all members, as fast as sessions allow; gives the answers by word. */
async function flood(world: ReachWorld, attackers: readonly Attacker[], request: () => KadRequest): Promise<Record<string, number>> {
  const words: Record<string, number> = {};
  const { clock } = world.simulation;
  const ask = async ({ rpc }: Attacker, { address, node }: Placed): Promise<void> => {
    const result = await rpc.request(address, node.nodeId as NodeId, request(), { tries: 1 });
    const response: KadResponse | undefined = result.ok ? result.value.response : undefined;
    const word = response !== undefined && 'outcome' in response ? `${response.outcome}` : result.ok ? 'other' : result.reason;
    words[word] = (words[word] ?? 0) + 1;
  };
  const asked: Promise<void>[] = [];
  for (let ms = 0; ms < FLOOD_MS; ms += ROUND_MS) {
    for (const attacker of attackers) for (const member of world.members) asked.push(ask(attacker, member));
    await clock.runFor(ROUND_MS);
  }
  await world.settle(Promise.all(asked));
  return words;
}

describe.each(seedsOf('kad-reach-hostile', ['hostile-1']))('with seed %s', (seed) => {
  it('T6 T8 PROBE brings a third party one small datagram in 10 s from each node, whoever asks', async () => {
    const world = await buildReachWorld(seed, 8, false);
    const victim = world.network.addHost({ name: 'victim' });
    const probes = watchProbes(world, victim.addresses[0] as string);
    const attackers = await Promise.all(
      [0, 1, 2, 3].map((n) => world.addRpc(`attacker ${n}`, world.network.addHost({ name: `attacker ${n}` }), PORT)),
    );
    let port = 0;
    const words = await flood(world, attackers, () => ({
      type: 'probe',
      address: victim.address(1 + (port++ % 60_000)),
      nonce: new Uint8Array(8),
    }));
    say(`  ${JSON.stringify(words)}: the victim got ${probes.length} probes, ${mostPerSecond(probes)} in a second from one node`);
    expect(words.sent).toBe(probes.length);
    expect(probes.length, '15 s make two from each').toBe(2 * world.members.length);
    expect(mostPerSecond(probes)).toBe(1);
    expect(new Set(probes.map(({ sizeBytes }) => sizeBytes))).toEqual(new Set([10]));
  }, 120_000);

  it('T6 T8 DIAL_BACK brings an IP at most 3 small datagrams and 1 dial a second from each node, whoever asks from there', async () => {
    const world = await buildReachWorld(seed, 8, false);
    const shared = world.network.addHost({ name: 'shared' });
    const ip = shared.addresses[0] as string;
    const probes = watchProbes(world, ip);
    const attackers = await Promise.all(Array.from({ length: 12 }, (_, n) => world.addRpc(`attacker ${n}`, shared, 5000 + n)));
    const kinds = ['udp', 'bat', 'udp-other'] as const;
    let n = 0;
    const words = await flood(world, attackers, () => {
      const kind = kinds[n++ % 3] as (typeof kinds)[number];
      return { type: 'dial-back', kind, port: kind === 'bat' ? BAT_PORT : 0, nonce: world.simulation.runtime.random.bytes(8) };
    });
    const dials = world.dials.filter(({ to }) => to === ip).map(({ by, atMs }) => ({ key: by, atMs }));
    say(
      `  ${JSON.stringify(words)}: ${probes.length} probes, ${mostPerSecond(probes)} in a second from one node; ` +
        `${dials.length} dials, ${mostPerSecond(dials)} in a second from one node`,
    );
    expect(words.started ?? 0, 'all ids of an IP together: 4, and one in 10 s').toBeLessThanOrEqual(world.members.length * 6);
    expect(probes.length).toBeGreaterThan(0);
    expect(mostPerSecond(probes)).toBeLessThanOrEqual(3);
    expect(dials.length).toBeGreaterThan(0);
    expect(mostPerSecond(dials)).toBe(1);
  }, 120_000);

  it('T6 nothing is sent into private ranges, to multicast or to port 0 for others', async () => {
    const world = await buildReachWorld(seed, 1);
    const attacker = await world.addRpc('attacker', world.network.addHost({ name: 'attacker' }), PORT);
    const { address, node } = world.members[0] as Placed;
    for (const [host, port] of [
      ['192.168.1.1', 80],
      ['127.0.0.1', PORT],
      ['224.0.0.251', 5353],
      ['255.255.255.255', 9],
      ['11.0.0.99', 0],
    ] as const) {
      const request: KadRequest = { type: 'probe', address: { host, port }, nonce: new Uint8Array(8) };
      const result = await world.settle(attacker.rpc.request(address, node.nodeId, request));
      expect([host, result.ok && result.value.response]).toEqual([host, { type: 'probed', outcome: 'refused' }]);
    }
  });

  it('T7 probes that nobody waits for are dropped without an answer', async () => {
    const world = await buildReachWorld(seed, 1);
    const { address, host, node } = world.members[0] as Placed;
    const { random } = world.simulation.runtime;
    const [before, view] = [host.counters.sentDatagrams, node.selfView()];
    for (let n = 0; n < 1000; n++) {
      world.network.inject({ host: `12.0.${n & 255}.1`, port: 1 + n }, address, Uint8Array.of(0xbc, PROBE_KIND, ...random.bytes(n % 20)));
    }
    await world.simulation.clock.runFor(second);
    expect([host.counters.sentDatagrams, node.selfView()]).toEqual([before, view]);
    expect(host.counters.receivedDatagrams).toBeGreaterThanOrEqual(1000);
  });

  it('T8 who sees our address wrongly is outvoted by two who do not, whatever it says', async () => {
    const world = await buildReachWorld(seed, 3);
    const liars: Address[] = [];
    for (let n = 0; n < 2; n++) {
      // Both in one network, as one operator's are.
      const host = world.network.addHost({ name: `liar ${n}`, address: `66.6.6.${n + 1}` });
      const liar = await world.addRpc(`liar ${n}`, host, PORT, (socket) => new MisreadingSocket(socket, '99.99.99.99'));
      liar.rpc.onRequest(({ request }) => pretend(request));
      liars.push(host.address(PORT));
    }
    const placed = await world.join('honest', { nat: 'linux' });
    for (const liar of liars) expect((await world.settle(placed.node.ping(liar))).ok).toBe(true);
    for (const { address } of world.members) await world.settle(placed.node.ping(address));
    for (const liar of liars) await world.settle(placed.node.ping(liar));
    expect(placed.node.observedAddresses().map(({ address: { host } }) => host)).toContain('99.99.99.99');
    const router = placed.node.selfView().external;
    expect(router).toMatchObject({ port: PORT });
    expect([router?.host === '99.99.99.99', placed.node.selfView().mapping]).toEqual([false, 'endpoint-independent']);
  });

  it('T8 who tells wrong results of dials is outvoted', async () => {
    const world = await buildReachWorld(seed, 2);
    const host = world.network.addHost({ name: 'liar' });
    const liar = await world.addRpc('liar', host, PORT);
    let told = 0;
    liar.rpc.onRequest(({ request, peer }) => {
      if (request.type !== 'dial-back') return pretend(request);
      const { nonce } = request;
      void liar.rpc
        .request(peer.address, peer.nodeId, { type: 'dial-back-result', nonce: nonce.slice(), outcome: 'done', port: 0, address: null })
        .then((result) => {
          if (result.ok) told += 1;
        });
      return { type: 'dialling-back', outcome: 'started' };
    });
    const placed = await world.join('honest', { nat: 'linux' });
    expect((await world.settle(placed.node.ping(host.address(PORT)))).ok).toBe(true);
    expect(await world.check(placed)).toMatchObject({ batReachable: false, kadReachable: false, filtering: 'address-and-port-dependent' });
    expect(told, 'the liar had its say').toBeGreaterThan(0);
  });

  it('T8 the word of another node than the one that was asked counts nothing, though it knows the nonce', async () => {
    const world = await buildReachWorld(seed, 0);
    const [liarHost, friendHost] = [world.network.addHost({ name: 'liar' }), world.network.addHost({ name: 'friend' })];
    const liar = await world.addRpc('liar', liarHost, PORT);
    const friend = await world.addRpc('friend', friendHost, PORT);
    friend.rpc.onRequest(({ request }) => pretend(request));
    const told: KadResponse[] = [];
    liar.rpc.onRequest(({ request, peer }) => {
      if (request.type !== 'dial-back') return pretend(request);
      const result: KadRequest = { type: 'dial-back-result', nonce: request.nonce.slice(), outcome: 'done', port: 0, address: null };
      void friend.rpc.request(peer.address, peer.nodeId, result).then((answer) => {
        if (answer.ok) told.push(answer.value.response);
      });
      return { type: 'dialling-back', outcome: 'started' };
    });
    const placed = await world.add('honest');
    for (const host of [liarHost, friendHost]) expect((await world.settle(placed.node.ping(host.address(PORT)))).ok).toBe(true);
    expect((await world.check(placed)).batReachable).toBeUndefined();
    expect(told.length).toBeGreaterThan(0);
  });
});

/** Ordinary answers of nothing. */
function pretend(request: KadRequest): KadResponse {
  switch (request.type) {
    case 'find-node':
      return { type: 'nodes', contacts: [], records: [], pages: 1 };
    case 'find-value':
      return { type: 'values', records: [], holders: [], contacts: [], pages: 1 };
    case 'store':
      return { type: 'stored', outcomes: request.records.map(() => 'stored') };
    case 'get-contact':
      return { type: 'contact', record: null };
    case 'probe':
      return { type: 'probed', outcome: 'sent' };
    case 'dial-back':
      return { type: 'dialling-back', outcome: 'started' };
    case 'dial-back-result':
      return { type: 'result-taken' };
    default:
      return { type: 'pong' };
  }
}

/** Its user believes that everybody speaks from another IP. */
class MisreadingSocket implements DatagramSocket {
  readonly #socket: DatagramSocket;
  readonly #host: string;
  readonly #real = new Map<number, Address>();

  constructor(socket: DatagramSocket, host: string) {
    this.#socket = socket;
    this.#host = host;
  }

  get localAddress(): Address {
    return this.#socket.localAddress;
  }

  open(onDatagram: DatagramHandler): Promise<void> {
    return this.#socket.open((bytes, from) => {
      this.#real.set(from.port, from);
      onDatagram(bytes, { host: this.#host, port: from.port });
    });
  }

  send(bytes: Uint8Array, to: Address): void {
    this.#socket.send(bytes, to.host === this.#host ? (this.#real.get(to.port) ?? to) : to);
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}
