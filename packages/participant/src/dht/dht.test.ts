// The console of the hash table over production KadNodes on a simulated network.
import { KadNode, makeKadConfig, SessionRpc, sharedPrefixBits } from '@batchain/kad-node';
import {
  type Address,
  BatChainError,
  type Crypto,
  formatAddress,
  isPrivateHost,
  type NodeId,
  type Signer,
  second,
  sha256,
  toHex,
  utf8Bytes,
} from '@batchain/shared';
import { createSimCrypto, createSimRuntime, SimDatagramSocket, type SimHost, SimNetwork, type Simulation } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { literalAddress } from '../adapters/join-addresses.ts';
import { StrangerPace } from '../reach/stranger-pace.ts';
import { KadDht } from './kad-dht.ts';
import { KadNetwork } from './kad-network.ts';

interface Member {
  readonly node: KadNode;
  readonly dht: KadDht;
  readonly network: KadNetwork;
  readonly host: SimHost;
  readonly kad: string;
  readonly id: string;
  /** What the local network shows it. */
  readonly sighted: { readonly nodeId: NodeId; readonly kadAddress: Address }[];
}

let simulation: Simulation;
let world: SimNetwork;
let crypto: Crypto & { signerFromSeed(seed: Uint8Array): Signer };
const never = new AbortController().signal;
/** A k-bucket of 8, so that a network of 24 is a large one. */
const config = makeKadConfig({ bucketSize: 8, findValueAnswers: 8 }, 'demo');

beforeEach(() => {
  simulation = createSimRuntime('dht');
  world = new SimNetwork(simulation);
  crypto = createSimCrypto(simulation.runtime.entropy.fork('crypto'));
});

const settle = <T>(work: Promise<T>, deadlineMs = 120_000): Promise<T> => simulation.clock.runUntilSettled(work, { deadlineMs });
const errorOf = (work: Promise<unknown>): Promise<BatChainError> =>
  settle(
    work.then(
      () => expect.fail('it went through'),
      (error: unknown) => error as BatChainError,
    ),
  );

async function start(name: string, host: SimHost = world.addHost({ name }), port = 4870, network = 'ours'): Promise<Member> {
  const { runtime } = simulation.node(name);
  const signer = crypto.signerFromSeed(utf8Bytes(name));
  const address = host.addresses[0] as string;
  const rpc = new SessionRpc(runtime, new SimDatagramSocket(host, { port, address }), signer, crypto, {
    network: { name: network },
    ownHosts: () => host.addresses,
    strangerBudget: new StrangerPace(runtime),
  });
  const node = new KadNode(runtime, { rpc, signer, crypto }, config);
  await node.start();
  const idOf = (prefix: string): NodeId => {
    const known = [node.nodeId, ...node.routes().buckets.flatMap(({ contacts }) => contacts.map(({ nodeId }) => nodeId))];
    const found = known.find((nodeId) => toHex(nodeId).startsWith(prefix));
    if (found === undefined) throw new BatChainError('BAT_E_PEER_UNKNOWN', { what: `no peer ${prefix}` });
    return found;
  };
  const sighted: Member['sighted'] = [];
  return {
    node,
    host,
    sighted,
    kad: formatAddress({ host: address, port }),
    id: toHex(node.nodeId),
    dht: new KadDht(runtime, { kad: node, bucketSize: config.bucketSize, idOf, resolve: literalAddress }),
    network: new KadNetwork(runtime, {
      kad: node,
      resolve: literalAddress,
      searchLan: async () => sighted,
      join: async (addresses) => (await node.bootstrap(addresses)).isJoined,
      forgetJoins: (addresses) => node.forgetBootstrap(addresses),
    }),
  };
}

async function startAll(count: number): Promise<Member[]> {
  const members: Member[] = [];
  for (let i = 0; i < count; i++) members.push(await start(`member ${i}`));
  const [first] = members as [Member];
  await settle(Promise.all(members.slice(1).map(({ node }) => node.bootstrap([first.node.localAddress]))));
  await simulation.clock.runFor(3 * second);
  return members;
}

/** Ids by true distance, as numbers of 256 bits. */
const byDistance = (key: Uint8Array, members: readonly Member[]): string[] => {
  const far = ({ id }: Member): bigint => BigInt(`0x${id}`) ^ BigInt(`0x${toHex(key)}`);
  return members.toSorted((a, b) => (far(a) < far(b) ? -1 : 1)).map(({ id }) => id);
};

describe('the size of the network', () => {
  it('BD-18 sends messages and counts the few that there are; alone it says that nobody else is known', async () => {
    const alone = await start('alone');
    expect(await settle(alone.dht.size({ signal: never }))).toMatchObject({ estimate: 1, error: 0, basis: 'alone', requests: 0 });
    const members = await startAll(7);
    const size = await settle((members[3] as Member).dht.size({ signal: never }));
    expect(size).toMatchObject({ estimate: 7, error: 0, basis: 'counted', contacts: 6 });
    expect(size.requests).toBeGreaterThanOrEqual(6);
    await settle((members[6] as Member).node.stop());
    expect(await settle((members[3] as Member).dht.size({ signal: never }))).toMatchObject({ estimate: 6 });
  });

  it('BD-18 of many it tells an estimate whose error covers the truth', async () => {
    const members = await startAll(24);
    const { estimate, error, basis } = await settle((members[7] as Member).dht.size({ signal: never }));
    expect(basis).toBe('density');
    expect(error).toBeGreaterThan(0);
    // What the 17 lookups of the KadNode's own measure leave; three would leave 6.
    expect(error).toBeLessThanOrEqual(4);
    expect(Math.abs(estimate - 24)).toBeLessThanOrEqual(3 * error);
  });
});

describe('finding nodes', () => {
  it('BD-05 gives the nearest to an id first, with true distances, as many as are wanted', async () => {
    const members = await startAll(12);
    const asker = members[4] as Member;
    const key = sha256(utf8Bytes('a key'));
    const found = await settle(asker.dht.find({ id: toHex(key).toUpperCase(), count: 5 }, { signal: never }));
    const others = members.filter((member) => member !== asker);
    expect(found.contacts.map(({ nodeId }) => nodeId)).toEqual(byDistance(key, others).slice(0, 5));
    for (const { nodeId, distance, rttMs } of found.contacts) {
      const far = BigInt(`0x${nodeId}`) ^ BigInt(`0x${toHex(key)}`);
      expect(far >> BigInt(distance.log2 as number)).toBe(1n);
      expect(rttMs).toBeGreaterThan(0);
    }
    expect(found).toMatchObject({ target: toHex(key), own: { nodeId: asker.id }, isComplete: true });
  });

  it('takes the beginning of the id of a known node, and says that it knows no other', async () => {
    const members = await startAll(4);
    const [asker, other] = members as [Member, Member];
    const found = await settle(asker.dht.find({ id: other.id.slice(0, 12) }, { signal: never }));
    expect(found.contacts[0]).toMatchObject({ nodeId: other.id, kad: other.kad, distance: { sharedBits: 256, log2: null } });
    expect(await errorOf(asker.dht.find({ id: 'abcdef01' }, { signal: never }))).toMatchObject({ code: 'BAT_E_PEER_UNKNOWN', exit: 4 });
  });

  it('BD-04 shows the k-buckets, and the next ids above and below', async () => {
    const members = await startAll(9);
    const [asker] = members as [Member];
    const { buckets, contacts, above, below, bucketSize } = asker.dht.routes();
    const ring = members.map(({ id }) => id).sort();
    const at = ring.indexOf(asker.id);
    expect([above?.nodeId, below?.nodeId]).toEqual([ring[(at + 1) % ring.length], ring[(at + ring.length - 1) % ring.length]]);
    expect(contacts.map(({ nodeId }) => nodeId).sort()).toEqual(ring.filter((id) => id !== asker.id));
    for (const { nodeId, bucket } of contacts) {
      const member = members.find(({ id }) => id === nodeId) as Member;
      expect(bucket).toBe(sharedPrefixBits(asker.node.nodeId, member.node.nodeId));
    }
    expect(buckets.reduce((sum, one) => sum + one.contacts, 0)).toBe(8);
    expect(bucketSize).toBe(8);
  });
});

describe('a ping', () => {
  it('BD-05 tells who answers at an address or at the node of an id, how fast, and how it sees us', async () => {
    const [asker, other] = (await startAll(3)) as [Member, Member];
    const answer = { nodeId: other.id, kad: other.kad, rttMs: expect.any(Number), observed: asker.kad };
    expect(await settle(asker.dht.ping({ to: other.kad }, { signal: never }))).toEqual(answer);
    expect(await settle(asker.dht.ping({ to: other.id.slice(0, 10) }, { signal: never }))).toEqual(answer);
  });

  it('says why there is no answer', async () => {
    const [asker, other] = (await startAll(2)) as [Member, Member];
    const stranger = await start('stranger', undefined, 4870, 'theirs');
    const why = async (to: string): Promise<string> => {
      const { code, why: reason } = await errorOf(asker.dht.ping({ to }, { signal: never }));
      return `${code}: ${reason}`;
    };
    expect(await why('11.200.7.1:4870')).toBe('BAT_E_NO_ANSWER: nothing came back');
    expect(await why(stranger.kad)).toBe('BAT_E_NO_ANSWER: a participant of another network is there');
    expect(await why('no.such.name:4870')).toBe('BAT_E_NO_ANSWER: no.such.name can not be looked up');
    expect(await why(asker.kad)).toBe('BAT_E_NO_ANSWER: this is ourselves');
    expect(await why('192.168.77.1:4870')).toBe('BAT_E_NO_ANSWER: no datagram can go there from this computer');
    expect(await why(asker.id)).toMatch(/^BAT_E_PEER_UNKNOWN: /);
    expect(await why(`${other.kad}0000`)).toMatch(/^BAT_E_USAGE: a port is 1 to 65535/);
    expect(await why('what?')).toMatch(/^BAT_E_USAGE: /);
    await settle(other.node.stop());
    expect(await why(other.id)).toBe(`BAT_E_NO_ANSWER: nothing came back from ${other.kad}`);
  });
});

describe('a traced lookup', () => {
  it('BD-15 leads to the nodes responsible for the id that was given, not for another', async () => {
    const members = await startAll(24);
    const asker = members[11] as Member;
    const keys = ['one', 'two', 'three'].map((text) => sha256(utf8Bytes(text)));
    for (const key of keys) {
      const trace = await settle(asker.dht.trace({ id: toHex(key) }, { signal: never }));
      const nearest = byDistance(key, members).slice(0, config.bucketSize);
      expect(trace.target).toBe(toHex(key));
      expect(trace.responsible.map(({ nodeId }) => nodeId)).toEqual(nearest);
      expect(trace.own.isResponsible).toBe(nearest.includes(asker.id));
      const flagged = trace.hops.filter(({ isResponsible }) => isResponsible).map(({ nodeId }) => nodeId);
      expect(new Set(flagged)).toEqual(new Set(nearest.filter((id) => id !== asker.id)));
    }
  });

  it('BD-15 shows each hop with its distance, its time and what it named, and who holds the value', async () => {
    const members = await startAll(24);
    const [owner, asker] = [members[3], members[19]] as [Member, Member];
    const { key } = await settle(owner.node.putImmutable(utf8Bytes('a value')));
    const trace = await settle(asker.dht.trace({ id: toHex(key) }, { signal: never }));
    const holders = trace.hops.filter(({ holds }) => holds?.includes('immutable') === true).map(({ nodeId }) => nodeId);
    const nearest = byDistance(key, members).slice(0, config.bucketSize);
    expect(new Set([...holders, ...(trace.own.holds.includes('immutable') ? [asker.id] : [])])).toEqual(new Set(nearest));
    expect(trace.hops.map(({ hop }) => hop)).toEqual(trace.hops.map((_, i) => i + 1));
    const times = trace.hops.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const { outcome, named, nearer, rttMs, distance, nodeId } of trace.hops) {
      expect(outcome).toBe('ok');
      expect(named).toBeGreaterThan(0);
      expect(nearer).toBeLessThanOrEqual(named);
      expect(rttMs).toBeGreaterThan(0);
      expect((BigInt(`0x${nodeId}`) ^ BigInt(`0x${toHex(key)}`)) >> BigInt(distance.log2 as number)).toBe(1n);
    }
    const closest = trace.hops.find(({ nodeId }) => nodeId === nearest.find((id) => id !== asker.id));
    expect(closest?.nearer, 'nobody nearer was known to the nearest, but perhaps we are').toBeLessThanOrEqual(1);
  });

  it('does not call a deleted value one that is held, and tells a silent node from one that holds nothing', async () => {
    const members = await startAll(6);
    const [owner, asker, gone] = members as [Member, Member, Member];
    const { key } = await settle(owner.node.putMutable('name', utf8Bytes('first')));
    await settle(gone.node.stop());
    const before = await settle(asker.dht.trace({ id: toHex(key) }, { signal: never }));
    expect(before.hops.filter(({ holds }) => holds?.includes('mutable') === true).length).toBeGreaterThanOrEqual(3);
    expect(before.hops.find(({ nodeId }) => nodeId === gone.id)).toMatchObject({ outcome: 'timeout', holds: null, named: 0 });
    await settle(owner.node.deleteMutable('name'));
    const after = await settle(asker.dht.trace({ id: toHex(key) }, { signal: never }));
    expect(after.hops.filter(({ holds }) => holds?.includes('mutable') === true)).toEqual([]);
  });

  it('ends when its caller goes', async () => {
    const [asker] = (await startAll(5)) as [Member];
    const caller = new AbortController();
    const ended = asker.dht.trace({ id: 'ab'.repeat(32) }, { signal: caller.signal }).catch((error: unknown) => error);
    caller.abort(new Error('gone'));
    expect(await settle(ended)).toMatchObject({ message: 'gone' });
  });
});

describe('finding a network', () => {
  /** A machine in a home, with participants at some of its ports, and another machine beside it. */
  async function makeHome(): Promise<{ seeker: Member; machine: SimHost; ours: Member[] }> {
    const router = world.addNat({ kind: 'port-restr' });
    const machine = world.addHost({ name: 'machine', behind: router });
    const ours = [await start('a', machine, 5001), await start('b', machine, 5040), await start('c', machine, 5900)];
    await start('of another network', machine, 5003, 'theirs');
    return { seeker: await start('seeker', world.addHost({ name: 'beside', behind: router })), machine, ours };
  }

  it('BD-14 asks a host and its ports, tells whose network is there, and joins nobody', async () => {
    const { seeker, machine, ours } = await makeHome();
    const [host] = machine.addresses as [string];
    expect(isPrivateHost(host)).toBe(true);
    const beganMs = simulation.clock.elapsedMs;
    const found = await settle(seeker.network.find({ host, ports: { from: 5000, to: 6023 } }, { signal: never }));
    expect(simulation.clock.elapsedMs - beganMs).toBeLessThan(10_000);
    expect(found).toMatchObject({ asked: 1024, silent: 1020, isComplete: true });
    const [last] = found.found.slice(-1);
    expect(last).toEqual({ kad: `${host}:5003`, nodeId: null, isOurNetwork: false, foundBy: 'ports', rttMs: null });
    expect(new Set(found.found.slice(0, -1).map(({ nodeId }) => nodeId))).toEqual(new Set(ours.map(({ id }) => id)));
    await simulation.clock.runFor(10 * second);
    expect(seeker.node.isJoined || seeker.node.stats().contacts > 0, 'finding is not joining').toBe(false);
    expect(seeker.node.stats().isOffline, 'silence of ports is no silence of the network').toBe(false);
    const one = await settle(seeker.network.find({ host, ports: { from: 5040, to: 5040 } }, { signal: never }));
    expect(one.found).toMatchObject([{ nodeId: ours[1]?.id, foundBy: 'host' }]);
    expect(await settle(seeker.network.find({ host }, { signal: never }))).toMatchObject({ found: [], asked: 1, silent: 1 });
  });

  it('BD-13 asks those on the local network and those that are known when nothing is named, each once', async () => {
    const { seeker, ours } = await makeHome();
    const [a, b, c] = ours as [Member, Member, Member];
    for (const { node } of [a, c]) seeker.sighted.push({ nodeId: node.nodeId, kadAddress: node.localAddress });
    seeker.sighted.push({ nodeId: b.node.nodeId, kadAddress: { host: '192.168.1.99', port: 4870 } });
    await settle(b.node.bootstrap([a.node.localAddress]));
    await simulation.clock.runFor(5 * second);
    await settle(seeker.network.join({ addresses: [a.kad] }, { signal: never }));
    await simulation.clock.runFor(5 * second);
    const { found, silent } = await settle(seeker.network.find({}, { signal: never }));
    const ways = Object.fromEntries(found.map(({ nodeId, foundBy }) => [nodeId, foundBy]));
    expect(ways).toEqual({ [a.id]: 'lan', [c.id]: 'lan', [b.id]: 'known' });
    expect(silent).toBe(1);
  });

  it('T6 T8 a public host gets no more first packets than any stranger, however many ports are to be asked', async () => {
    const seeker = await start('seeker');
    const victim = world.addHost({ name: 'victim' });
    const [host] = victim.addresses as [string];
    const sentMs: number[] = [];
    world.tap(({ stage, to, atMs }) => {
      if (stage === 'sent' && to.host === host) sentMs.push(atMs);
    });
    const found = await settle(seeker.network.find({ host, ports: { from: 1, to: 1024 }, withinMs: 30_000 }, { signal: never }));
    expect(found).toMatchObject({ found: [], isComplete: false });
    expect(found.asked).toBeGreaterThan(10);
    expect(sentMs.length).toBeLessThanOrEqual(34);
    for (const atMs of sentMs) expect(sentMs.filter((other) => other >= atMs && other < atMs + 1000).length).toBeLessThanOrEqual(3);
    const member = await start('member', victim, 7);
    const second_ = await settle(seeker.network.find({ host, ports: { from: 1, to: 9 }, withinMs: 30_000 }, { signal: never }));
    expect(second_.found).toMatchObject([{ nodeId: member.id }]);
  });

  it('ends when its caller goes, and says what can not be looked up', async () => {
    const seeker = await start('seeker');
    const caller = new AbortController();
    const ended = seeker.network
      .find({ host: '11.7.7.1', ports: { from: 1, to: 9 } }, { signal: caller.signal })
      .catch((error: unknown) => error);
    await simulation.clock.runFor(second);
    caller.abort(new Error('gone'));
    expect(await settle(ended)).toMatchObject({ message: 'gone' });
    expect(await errorOf(seeker.network.find({ host: 'no-such-host' }, { signal: never }))).toMatchObject({ code: 'BAT_E_NO_ANSWER' });
  });
});

describe('joining', () => {
  it('BD-16 SH-07 joins through those that answer, and tells what became of each address', async () => {
    const [first, second_] = (await startAll(2)) as [Member, Member];
    const newcomer = await start('newcomer');
    const addresses = [first.kad, '11.200.7.1:4870', 'no.such.name:4870'];
    const joined = await settle(newcomer.network.join({ addresses }, { signal: never }));
    expect(joined).toMatchObject({
      joined: true,
      addresses: [
        { address: first.kad, nodeId: first.id, reason: null },
        { address: '11.200.7.1:4870', nodeId: null, reason: 'nothing came back' },
        { address: 'no.such.name:4870', nodeId: null, reason: 'no.such.name can not be looked up' },
      ],
    });
    expect(
      newcomer.dht
        .routes()
        .contacts.map(({ nodeId }) => nodeId)
        .sort(),
    ).toEqual([first.id, second_.id].sort());
  });

  it('SH-08 is refused where nobody answers, or another network does, and nothing of it is kept', async () => {
    const newcomer = await start('newcomer');
    const stranger = await start('stranger', undefined, 4870, 'theirs');
    const dead = '11.200.7.1:4870';
    for (const [addresses, why] of [
      [[dead], 'nothing came back'],
      [[stranger.kad], 'a participant of another network is there'],
    ] as const) {
      const error = await errorOf(newcomer.network.join({ addresses: [...addresses] }, { signal: never }));
      expect(error).toMatchObject({ code: 'BAT_E_NO_ANSWER', exit: 5, what: `not joined: nobody answers at ${addresses[0]}`, why });
    }
    let later = 0;
    world.tap(({ stage, host }) => {
      if (stage === 'sent' && host === newcomer.host) later++;
    });
    await simulation.clock.runFor(120 * second);
    expect(later, 'nobody is asked there again').toBe(0);
    expect(newcomer.node.isJoined).toBe(false);
  });
});
