import {
  type Address,
  createCrypto,
  type KeyPair,
  keyPairFromSeed,
  minute,
  type NodeId,
  present,
  type Runtime,
  second,
  sha256,
  utf8Bytes,
} from '@batchain/shared';
import {
  createSimRuntime,
  type LinkModel,
  SimDatagramSocket,
  type SimHost,
  SimNetwork,
  type Simulation,
  type TrafficEvent,
} from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeRefusal } from '../wire/envelope.ts';
import type { KadRequest, KadResponse } from '../wire/messages.ts';
import type { NetworkConfig } from '../wire/network.ts';
import type { ProvedPeer, RpcRequest } from './kad-rpc.ts';
import type { RateLimits } from './rate-limiter.ts';
import { SessionRpc } from './session-rpc.ts';

const PORT = 4870;
const KINDS = ['', 'hello', 'welcome', 'challenge', 'session', 'no-session', 'refusal'];
const PING: KadRequest = { type: 'ping' };
const key = sha256(utf8Bytes('a key'));
const FIND_VALUE: KadRequest = { type: 'find-value', kind: 'immutable', key, page: 0 };
const STORE: KadRequest = { type: 'store', kind: 'immutable', records: [{ bytes: Uint8Array.of(1, 2, 3), ageMs: 0 }] };

/** What a node of these tests answers. */
function answerTo(request: KadRequest): KadResponse {
  switch (request.type) {
    case 'find-node':
      return { type: 'nodes', contacts: [], records: [], pages: 1 };
    case 'find-value':
      return { type: 'values', records: [{ bytes: Uint8Array.of(9), ageMs: 5 }], holders: [], contacts: [], pages: 1 };
    case 'store':
      return { type: 'stored', outcomes: request.records.map(() => 'stored' as const) };
    case 'get-contact':
      return { type: 'contact', record: null };
    default:
      return { type: 'pong' };
  }
}

class TestNode {
  readonly host: SimHost;
  readonly keys: KeyPair;
  readonly rpc: SessionRpc;
  readonly address: Address;
  readonly asked: RpcRequest[] = [];
  readonly proved: ProvedPeer[] = [];

  constructor(host: SimHost, runtime: Runtime, keys: KeyPair, config: { network: NetworkConfig; rateLimits?: RateLimits }) {
    this.host = host;
    this.keys = keys;
    this.address = host.address(PORT);
    const socket = new SimDatagramSocket(host, { port: PORT });
    this.rpc = new SessionRpc(runtime, socket, keys, createCrypto(), { ownHosts: () => host.addresses, ...config });
    this.rpc.onRequest((request) => {
      this.asked.push(request);
      return answerTo(request.request);
    });
    this.rpc.onProved((peer) => this.proved.push(peer));
  }

  get id(): NodeId {
    return this.keys.nodeId;
  }
}

describe('SessionRpc', () => {
  let simulation: Simulation;
  let network: SimNetwork;
  let sent: TrafficEvent[];

  const settled = <T>(promise: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(promise, { deadlineMs: minute });
  const kindsSent = () => sent.map((event) => KINDS[event.bytes[1] as number]);

  function useNetwork(link: Partial<LinkModel> = {}): void {
    simulation = createSimRuntime('session rpc');
    network = new SimNetwork(simulation, { link });
    sent = [];
    network.tap((event) => {
      if (event.stage === 'sent') sent.push(event);
    });
  }

  async function addNode(name: string, options: { network?: NetworkConfig; rateLimits?: RateLimits; host?: SimHost } = {}) {
    const host = options.host ?? network.addHost({ name });
    const keys = keyPairFromSeed(sha256(utf8Bytes(name)));
    const { rateLimits } = options;
    const config = { network: options.network ?? { name: 'test' }, ...(rateLimits === undefined ? {} : { rateLimits }) };
    const node = new TestNode(host, simulation.node(name).runtime, keys, config);
    await node.rpc.open();
    return node;
  }

  beforeEach(() => useNetwork());

  it('DF-03 DF-06 gets the first answer within the first exchange, from the node it meant', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    const reply = await settled(ann.rpc.request(bob.address, bob.id, { type: 'find-node', target: key, wantsHosts: false, page: 0 }));
    expect(reply).toMatchObject({
      ok: true,
      value: {
        peer: { nodeId: bob.id, address: bob.address },
        response: { type: 'nodes' },
        observedAddress: ann.address,
      },
    });
    expect(kindsSent()).toEqual(['hello', 'welcome', 'session']);
    expect(sent[0]?.bytes).toHaveLength(1200);
    expect(present(sent[1], 'welcome').bytes.length).toBeLessThanOrEqual(1200);
  });

  it('DF-05 introduces itself once its id is proved, and only then', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    await settled(ann.rpc.request(bob.address, undefined, PING, { introduce: false }));
    await simulation.clock.runFor(second);
    expect(bob.asked).toMatchObject([{ isProved: false, peer: { nodeId: ann.id, address: ann.address } }]);
    expect(bob.proved).toEqual([]);
    await settled(ann.rpc.request(bob.address, bob.id, PING));
    expect(bob.proved).toEqual([{ nodeId: ann.id, address: ann.address }]);
    expect(bob.asked[1]).toMatchObject({ isProved: true });
  });

  it('shows its proof by itself when nothing else follows, and stops when the peer has it', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    await settled(ann.rpc.request(bob.address, bob.id, PING));
    await simulation.clock.runFor(second);
    expect(bob.proved).toHaveLength(1);
    await settled(ann.rpc.request(bob.address, bob.id, PING));
    await settled(ann.rpc.request(bob.address, bob.id, PING));
    const lengths = sent.filter((event) => event.host === ann.host && event.bytes[1] === 4).map((event) => event.bytes.length);
    expect(lengths[1]).toBe((lengths[2] as number) + 64);
    expect(bob.proved).toHaveLength(1);
  });

  it('never sends a value to an address that is not proved, and asks for it in the session', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    const reply = await settled(ann.rpc.request(bob.address, bob.id, FIND_VALUE));
    expect(reply).toMatchObject({ ok: true, value: { response: { type: 'values' } } });
    expect(kindsSent()).toEqual(['hello', 'welcome', 'session', 'session']);
    expect(bob.asked.map(({ request, isProved }) => [request.type, isProved])).toEqual([
      ['ping', false],
      ['find-value', true],
    ]);
  });

  it('shares one first exchange among requests that start together', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    const replies = await settled(Promise.all([PING, STORE, FIND_VALUE].map((each) => ann.rpc.request(bob.address, bob.id, each))));
    expect(replies.map((reply) => reply.ok && reply.value.response.type)).toEqual(['pong', 'stored', 'values']);
    expect(kindsSent().filter((kind) => kind === 'hello')).toHaveLength(1);
    expect(ann.rpc.load).toEqual({ sessions: 1, halfOpen: 0, pending: 0 });
  });

  it('lets the answerer ask back in the same session', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    await settled(ann.rpc.request(bob.address, bob.id, PING));
    await simulation.clock.runFor(second);
    sent.length = 0;
    const reply = await settled(bob.rpc.request(ann.address, ann.id, FIND_VALUE));
    expect(reply).toMatchObject({ ok: true, value: { peer: { nodeId: ann.id }, observedAddress: bob.address } });
    expect(kindsSent()).toEqual(['session', 'session']);
    expect(ann.asked).toMatchObject([{ isProved: true, peer: { nodeId: bob.id } }]);
  });

  it('survives simultaneous HELLOs', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    const both = [ann.rpc.request(bob.address, bob.id, STORE), bob.rpc.request(ann.address, ann.id, STORE)];
    for (const reply of await settled(Promise.all(both)))
      expect(reply).toMatchObject({ ok: true, value: { response: { type: 'stored' } } });
    const again = [ann.rpc.request(bob.address, bob.id, PING), bob.rpc.request(ann.address, ann.id, PING)];
    for (const reply of await settled(Promise.all(again))) expect(reply.ok).toBe(true);
    expect(kindsSent().filter((kind) => kind === 'hello')).toHaveLength(2);
    expect(ann.proved).toHaveLength(1);
    expect(bob.proved).toHaveLength(1);
  });

  it('DF-08 tries three times, then gives up; nothing stays behind', async () => {
    const ann = await addNode('ann');
    const nobody = network.addHost().address(PORT);
    const startedMs = simulation.clock.elapsedMs;
    expect(await settled(ann.rpc.request(nobody, undefined, PING))).toEqual({ ok: false, reason: 'timeout' });
    expect(kindsSent()).toEqual(['hello', 'hello', 'hello']);
    expect(simulation.clock.elapsedMs - startedMs).toBe(500 + 1000 + 2000);
    expect(await settled(ann.rpc.request(nobody, undefined, PING, { tries: 1 }))).toEqual({ ok: false, reason: 'timeout' });
    expect(ann.rpc.load.pending).toBe(0);
    expect(simulation.clock.pendingCount).toBe(0);
  });

  it('starts anew when the peer has lost the session, without counting a failure', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    await settled(ann.rpc.request(bob.address, bob.id, PING));
    await bob.rpc.close();
    const reborn = await addNode('bob', { host: bob.host });
    sent.length = 0;
    const reply = await settled(ann.rpc.request(bob.address, bob.id, STORE, { tries: 1 }));
    expect(reply).toMatchObject({ ok: true, value: { response: { type: 'stored' } } });
    expect(kindsSent()).toEqual(['session', 'no-session', 'hello', 'welcome', 'session', 'session']);
    const [asked, noSession] = sent;
    expect(present(noSession, 'NO_SESSION').bytes.length).toBeLessThan(present(asked, 'request').bytes.length);
    expect(reborn.proved).toHaveLength(1);
  });

  it('answers NO_SESSION once per second and address', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    await settled(ann.rpc.request(bob.address, bob.id, PING));
    await simulation.clock.runFor(second);
    const stale = present(sent.findLast((event) => event.host === ann.host)?.bytes, 'session datagram').slice();
    stale.fill(7, 2, 10);
    sent.length = 0;
    for (let i = 0; i < 5; i++) network.inject(ann.address, bob.address, stale);
    await simulation.clock.runFor(100);
    expect(kindsSent()).toEqual(['no-session']);
    await simulation.clock.runFor(second);
    network.inject(ann.address, bob.address, stale);
    await simulation.clock.runFor(100);
    expect(kindsSent()).toEqual(['no-session', 'no-session']);
  });

  it('says wrong-identity when another id answers, and keeps what it learnt', async () => {
    const [ann, bob, carl] = [await addNode('ann'), await addNode('bob'), await addNode('carl')];
    expect(await settled(ann.rpc.request(bob.address, carl.id, PING))).toMatchObject({ ok: false, reason: 'wrong-identity' });
    await simulation.clock.runFor(second);
    sent.length = 0;
    expect(await settled(ann.rpc.request(bob.address, carl.id, PING))).toMatchObject({ ok: false, reason: 'wrong-identity' });
    expect(sent).toEqual([]);
    expect(await settled(ann.rpc.request(bob.address, bob.id, PING))).toMatchObject({ ok: true });
    expect(kindsSent()).not.toContain('hello');
  });

  it('notices another node at an address whose session has aged', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    await settled(ann.rpc.request(bob.address, bob.id, PING));
    await bob.rpc.close();
    await simulation.clock.runFor(2 * minute);
    const carl = await addNode('carl', { host: bob.host });
    expect(await settled(ann.rpc.request(bob.address, carl.id, PING))).toMatchObject({ ok: true, value: { peer: { nodeId: carl.id } } });
  });

  it('refuses to ask itself: by id, by address, and by a detour', async () => {
    const ann = await addNode('ann');
    const refused = { ok: false, reason: 'not-dialable' };
    expect(await settled(ann.rpc.request(ann.address, ann.id, PING))).toMatchObject(refused);
    expect(await settled(ann.rpc.request(ann.address, undefined, PING))).toMatchObject(refused);
    expect(kindsSent()).toEqual(['hello', 'refusal']);
    expect(ann.asked).toEqual([]);
  });

  it.each(['0.0.0.0', '224.0.0.1', '255.255.255.255', '192.168.1.1', '127.0.0.1'])('never dials %s from a public host', async (host) => {
    const ann = await addNode('ann');
    expect(await settled(ann.rpc.request({ host, port: PORT }, undefined, PING))).toMatchObject({ ok: false, reason: 'not-dialable' });
    expect(sent).toEqual([]);
  });

  it('asks nothing before it is open and after it is closed, and fails what waits', async () => {
    const ann = await addNode('ann');
    const nobody = network.addHost().address(PORT);
    const waiting = ann.rpc.request(nobody, undefined, PING);
    await ann.rpc.close();
    await ann.rpc.close();
    expect(await waiting).toEqual({ ok: false, reason: 'stopped' });
    expect(await ann.rpc.request(nobody, undefined, PING)).toEqual({ ok: false, reason: 'stopped' });
    await simulation.clock.runFor(100);
    expect(kindsSent()).toEqual(['hello']);
    expect(simulation.clock.pendingCount).toBe(0);
  });

  it('lets a request be aborted before and while it waits; the others go on', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    const abort = new AbortController();
    const doomed = ann.rpc.request(bob.address, bob.id, PING, { signal: abort.signal });
    const other = ann.rpc.request(bob.address, bob.id, STORE);
    abort.abort();
    expect(await doomed).toEqual({ ok: false, reason: 'aborted' });
    expect(await ann.rpc.request(bob.address, bob.id, PING, { signal: abort.signal })).toEqual({ ok: false, reason: 'aborted' });
    expect(await settled(other)).toMatchObject({ ok: true });
  });

  it('keeps at most so many requests waiting', async () => {
    const host = network.addHost();
    const socket = new SimDatagramSocket(host, { port: PORT });
    const keys = keyPairFromSeed(sha256(utf8Bytes('busy')));
    const config = { network: { name: 'test' }, ownHosts: () => host.addresses, pendingMax: 2 };
    const rpc = new SessionRpc(simulation.node('busy').runtime, socket, keys, createCrypto(), config);
    await rpc.open();
    const nobody = network.addHost().address(PORT);
    const waiting = [rpc.request(nobody, undefined, PING), rpc.request(nobody, undefined, PING)];
    expect(await settled(rpc.request(nobody, undefined, PING))).toMatchObject({ ok: false, reason: 'busy' });
    for (const result of await settled(Promise.all(waiting))) expect(result).toMatchObject({ reason: 'timeout' });
  });

  it('T7 lets a session carry 200 datagrams a second after a burst, and never counts the answers that were asked for', async () => {
    useNetwork({ jitterMs: 0 });
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    await settled(ann.rpc.request(bob.address, bob.id, PING));
    const flood = Array.from({ length: 1000 }, () => ann.rpc.request(bob.address, bob.id, PING, { tries: 1 }));
    const answered = (await settled(Promise.all(flood))).filter((reply) => reply.ok).length;
    expect(answered).toBeGreaterThanOrEqual(390);
    expect(answered).toBeLessThan(450);
    expect(bob.rpc.stats.rateLimited).toBe(1000 - answered);
    await simulation.clock.runFor(5 * second);
    const paced = Array.from({ length: 600 }, () => bob.rpc.request(ann.address, ann.id, PING, { tries: 4 }));
    for (const reply of await settled(Promise.all(paced))) expect(reply.ok).toBe(true);
    expect(bob.rpc.stats.rateLimited).toBe(1000 - answered);
  });

  it('turns errors into reasons, and a failing handler into an error of its own', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    bob.rpc.onRequest(({ request }) => {
      if (request.type === 'ping') throw new Error('a defect');
      if (request.type === 'store') return { type: 'error', code: 'rate-limited', detail: 'later' };
      return { type: 'pong' };
    });
    expect(await settled(ann.rpc.request(bob.address, bob.id, PING))).toEqual({ ok: false, reason: 'refused', detail: 'internal' });
    expect(await settled(ann.rpc.request(bob.address, bob.id, STORE))).toEqual({
      ok: false,
      reason: 'busy',
      detail: 'rate-limited: later',
    });
    expect(await settled(ann.rpc.request(bob.address, bob.id, FIND_VALUE))).toMatchObject({ ok: false, reason: 'malformed-reply' });
    expect(bob.rpc.stats.handlerFailures).toBe(1);
  });

  it('refuses a request that fits in no datagram, and an answer likewise', async () => {
    const [ann, bob] = [await addNode('ann'), await addNode('bob')];
    const large = { bytes: new Uint8Array(600), ageMs: 0 };
    const tooLarge: KadRequest = { type: 'store', kind: 'immutable', records: [large, large] };
    expect(await settled(ann.rpc.request(bob.address, bob.id, tooLarge))).toMatchObject({ ok: false, reason: 'refused' });
    bob.rpc.onRequest(() => ({ type: 'values', records: [large, large], holders: [], contacts: [], pages: 1 }));
    expect(await settled(ann.rpc.request(bob.address, bob.id, FIND_VALUE))).toMatchObject({ reason: 'refused', detail: 'internal' });
  });

  describe('BD-59 networks', () => {
    const secret = utf8Bytes('the secret of this network');
    const closed: NetworkConfig = { name: 'test', secret };

    it('members of a closed network talk', async () => {
      const [ann, bob] = [await addNode('ann', { network: closed }), await addNode('bob', { network: closed })];
      expect(await settled(ann.rpc.request(bob.address, bob.id, STORE))).toMatchObject({ ok: true });
    });

    it.each([
      ['without the secret', { name: 'test' }],
      ['with another secret', { name: 'test', secret: utf8Bytes('another secret of a network') }],
      ['of another name', { name: 'toast', secret }],
    ])('a node %s is refused in the first exchange', async (_, strangers: NetworkConfig) => {
      const [ann, bob] = [await addNode('ann', { network: strangers }), await addNode('bob', { network: closed })];
      expect(await settled(ann.rpc.request(bob.address, bob.id, PING))).toEqual({ ok: false, reason: 'wrong-network' });
      expect(kindsSent()).toEqual(['hello', 'refusal']);
      expect(await settled(bob.rpc.request(ann.address, ann.id, PING))).toEqual({ ok: false, reason: 'wrong-network' });
      expect([ann.asked, bob.asked]).toEqual([[], []]);
    });

    it('a recorded HELLO of a member opens nothing for a stranger', async () => {
      const [ann, bob] = [await addNode('ann', { network: closed }), await addNode('bob', { network: closed })];
      await settled(ann.rpc.request(bob.address, bob.id, PING));
      await simulation.clock.runFor(second);
      const stranger = network.addHost().address(PORT);
      network.inject(stranger, bob.address, present(sent[0], 'hello').bytes);
      await simulation.clock.runFor(second);
      expect(bob.rpc.load).toEqual({ sessions: 1, halfOpen: 1, pending: 0 });
      expect(bob.proved).toHaveLength(1);
    });
  });

  it('names both sides when there is no common version', async () => {
    const ann = await addNode('ann');
    const future = network.addHost();
    const socket = new SimDatagramSocket(future, { port: PORT });
    await socket.open((bytes, from) => {
      const refusal = encodeRefusal(bytes.subarray(4, 12), { reason: 'unsupported-version', versions: [3, 4] });
      socket.send(refusal, from);
    });
    expect(await settled(ann.rpc.request(future.address(PORT), undefined, PING))).toEqual({
      ok: false,
      reason: 'unsupported-version',
      detail: 'we speak 1, they speak 3, 4',
    });
  });

  it('challenges for a cookie when its signature budget is used up, and serves who brings it', async () => {
    const rateLimits: RateLimits = { packetsPerS: 20, packetsBurst: 50, signaturesPerS: 10, signaturesReserved: 10 };
    const [ann, bob] = [await addNode('ann'), await addNode('bob', { rateLimits })];
    const reply = await settled(ann.rpc.request(bob.address, bob.id, PING, { tries: 1, introduce: false }));
    expect(reply.ok).toBe(true);
    expect(kindsSent()).toEqual(['hello', 'challenge', 'hello', 'welcome']);
    expect(present(sent[1], 'challenge').bytes.length).toBeLessThan(60);
    expect(bob.rpc.stats).toMatchObject({ challengesSent: 1, welcomesSent: 1 });
  });

  it('keeps no state for a HELLO that it challenges, and drops the rest when even cookies are too many', async () => {
    const rateLimits: RateLimits = { packetsPerS: 20, packetsBurst: 50, signaturesPerS: 2, signaturesReserved: 1 };
    const [ann, bob, carl] = [await addNode('ann'), await addNode('bob', { rateLimits }), await addNode('carl')];
    expect((await settled(ann.rpc.request(bob.address, bob.id, PING, { introduce: false }))).ok).toBe(true);
    sent.length = 0;
    expect((await settled(carl.rpc.request(bob.address, bob.id, PING, { tries: 1 }))).ok).toBe(false);
    expect(kindsSent()).toEqual(['hello', 'challenge', 'hello']);
    expect(bob.rpc.load).toMatchObject({ sessions: 0, halfOpen: 1 });
  });
});
