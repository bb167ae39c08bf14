import { type Address, type Crypto, type NodeId, type Runtime, type Signer, second, toHex, utf8Bytes } from '@batchain/shared';
import {
  createSimCrypto,
  createSimRuntime,
  SimDatagramSocket,
  type SimHost,
  SimNetwork,
  type Simulation,
  type TrafficEvent,
} from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeKadConfig } from '../kad-config.ts';
import { KadNode } from '../kad-node.ts';
import { SIGNAL_BYTES_MAX } from '../limits.ts';
import type { KadRpc } from '../rpc/kad-rpc.ts';
import { SessionRpc } from '../rpc/session-rpc.ts';
import type { KadResponse } from '../wire/messages.ts';
import type { ReceivedSignal } from './signal-broker.ts';

let simulation: Simulation;
let network: SimNetwork;
let crypto: Crypto & { signerFromSeed(seed: Uint8Array): Signer };

beforeEach(() => {
  simulation = createSimRuntime('signal-broker');
  network = new SimNetwork(simulation);
  crypto = createSimCrypto(simulation.runtime.entropy.fork('crypto'));
});

const settle = <T>(promise: Promise<T>): Promise<T> => simulation.clock.runUntilSettled(promise, { deadlineMs: 60_000 });

interface Endpoint {
  readonly host: SimHost;
  readonly address: Address;
  readonly rpc: SessionRpc;
  readonly signer: Signer;
  readonly runtime: Runtime;
}

function endpoint(name: string, host: SimHost = network.addHost({ name })): Endpoint {
  const { runtime } = simulation.node(name);
  const signer = crypto.signerFromSeed(utf8Bytes(host.name));
  const address = { host: host.addresses[0] as string, port: 4870 };
  const socket = new SimDatagramSocket(host, { port: address.port, address: address.host });
  const rpc = new SessionRpc(runtime, socket, signer, crypto, { network: { name: 'test' }, ownHosts: () => host.addresses });
  return { host, address, rpc, signer, runtime };
}

async function startNode(name: string, host?: SimHost): Promise<KadNode & { readonly host: SimHost }> {
  const { rpc, signer, runtime, host: own } = endpoint(name, host);
  const node = new KadNode(runtime, { rpc, signer, crypto }, makeKadConfig());
  await node.start();
  return Object.assign(node, { host: own });
}

/** A bare session endpoint that takes every signal: a client, so that the broker asks nothing else of it. */
async function startTarget(broker: Address): Promise<Endpoint & { readonly got: string[] }> {
  const got: string[] = [];
  const target = endpoint('target');
  target.rpc.onRequest(({ request }): KadResponse => {
    if (request.type !== 'signal') return { type: 'pong' };
    got.push(toHex(request.from));
    return { type: 'signal-taken' };
  });
  target.rpc.decideRole(() => false);
  await target.rpc.open();
  await settle(target.rpc.request(broker, undefined, { type: 'ping' }));
  return { ...target, got };
}

async function startAskers(count: number): Promise<Endpoint[]> {
  const askers = Array.from({ length: count }, (_, n) => endpoint(`asker ${n}`));
  for (const { rpc } of askers) await rpc.open();
  return askers;
}

async function introduce(rpc: KadRpc, broker: Address, target: NodeId, signal = utf8Bytes('call')): Promise<string> {
  const answer = await rpc.request(broker, undefined, { type: 'introduce', target, signal });
  return !answer.ok ? answer.reason : answer.value.response.type === 'introduced' ? answer.value.response.outcome : 'other';
}

/** What the broker sends to an address from now on. */
function watch(from: SimHost, to: Address): TrafficEvent[] {
  const events: TrafficEvent[] = [];
  network.tap((event) => {
    if (event.stage === 'sent' && event.host === from && event.to.host === to.host && event.to.port === to.port) events.push(event);
  });
  return events;
}

const mostPerSecond = (events: readonly TrafficEvent[]): number =>
  Math.max(0, ...events.map(({ atMs }) => events.filter((other) => other.atMs >= atMs && other.atMs < atMs + 1000).length));

/** Where a sender is seen. */
const HERE = { host: '198.51.100.7', port: 4870 };

describe('a broker', () => {
  it('passes the longest signal on, in one datagram each way', async () => {
    const broker = await startNode('broker');
    const target = await startTarget(broker.localAddress);
    const [asker] = (await startAskers(1)) as [Endpoint];
    const events = watch(broker.host, target.address);
    expect(await settle(introduce(asker.rpc, broker.localAddress, target.signer.nodeId, new Uint8Array(SIGNAL_BYTES_MAX)))).toBe('passed');
    await simulation.clock.runFor(1 * second);
    expect(target.got).toEqual([toHex(asker.signer.nodeId)]);
    expect(events).toHaveLength(1);
  });

  it('passes a signal on once, however often its question is repeated', async () => {
    const broker = await startNode('broker');
    const target = await startTarget(broker.localAddress);
    const [asker] = (await startAskers(1)) as [Endpoint];
    await settle(asker.rpc.request(broker.localAddress, undefined, { type: 'ping' }));
    // The answers get lost: the asker tries three times.
    const heal = network.partition(broker.host, asker.host, { isOneWay: true });
    expect(await settle(introduce(asker.rpc, broker.localAddress, target.signer.nodeId))).toBe('timeout');
    heal();
    expect(target.got).toHaveLength(1);
  });

  it('knows only nodes in touch with it', async () => {
    const broker = await startNode('broker');
    const target = await startTarget(broker.localAddress);
    const [asker] = (await startAskers(1)) as [Endpoint];
    expect(await settle(introduce(asker.rpc, broker.localAddress, crypto.signerFromSeed(utf8Bytes('nobody')).nodeId))).toBe('not-here');
    await simulation.clock.runFor(79 * second);
    expect(await settle(introduce(asker.rpc, broker.localAddress, target.signer.nodeId))).toBe('passed');
    await simulation.clock.runFor(82 * second);
    expect(await settle(introduce(asker.rpc, broker.localAddress, target.signer.nodeId))).toBe('not-here');
  });

  it('T8 is not made to flood a target by many askers at once: ten signals a minute, three datagrams a second', async () => {
    const broker = await startNode('broker');
    const target = await startTarget(broker.localAddress);
    const askers = await startAskers(30);
    await settle(Promise.all(askers.map(({ rpc }) => rpc.request(broker.localAddress, undefined, { type: 'ping' }))));
    const events = watch(broker.host, target.address);
    const outcomes: string[] = [];
    for (let round = 0; round < 20; round++) {
      outcomes.push(...(await settle(Promise.all(askers.map(({ rpc }) => introduce(rpc, broker.localAddress, target.signer.nodeId))))));
      await simulation.clock.runFor(500);
    }
    expect(new Set(outcomes)).toEqual(new Set(['passed', 'busy']));
    // Ten at once and what comes back in the ten seconds or so that this took.
    expect(target.got.length).toBeGreaterThanOrEqual(10);
    expect(target.got.length).toBeLessThanOrEqual(14);
    expect(outcomes.filter((outcome) => outcome === 'passed')).toHaveLength(target.got.length);
    expect(mostPerSecond(events)).toBeLessThanOrEqual(3);
  });

  it('T8 sends three datagrams to where a target was, then nothing until the target is back', async () => {
    const broker = await startNode('broker');
    const target = await startTarget(broker.localAddress);
    const askers = await startAskers(10);
    await settle(Promise.all(askers.map(({ rpc }) => rpc.request(broker.localAddress, undefined, { type: 'ping' }))));
    const heal = network.isolate(target.host);
    const events = watch(broker.host, target.address);
    for (let round = 0; round < 10; round++) {
      await settle(Promise.all(askers.map(({ rpc }) => introduce(rpc, broker.localAddress, target.signer.nodeId))));
      await simulation.clock.runFor(1 * second);
    }
    expect(events.length).toBeLessThanOrEqual(9);
    expect(mostPerSecond(events)).toBeLessThanOrEqual(3);
    const [asker] = askers as [Endpoint];
    const soFar = events.length;
    expect(await settle(introduce(asker.rpc, broker.localAddress, target.signer.nodeId))).toBe('not-here');
    expect(events).toHaveLength(soFar);
    heal();
    await simulation.clock.runFor(60 * second);
    await settle(target.rpc.request(broker.localAddress, undefined, { type: 'ping' }));
    expect(await settle(introduce(asker.rpc, broker.localAddress, target.signer.nodeId))).toBe('passed');
  });

  it('T8 never sends a HELLO to a target that has lost the session', async () => {
    const broker = await startNode('broker');
    const target = await startTarget(broker.localAddress);
    const [asker] = (await startAskers(1)) as [Endpoint];
    await settle(target.rpc.close());
    const reborn = endpoint('target again', target.host);
    await reborn.rpc.open();
    const events = watch(broker.host, target.address);
    expect(await settle(introduce(asker.rpc, broker.localAddress, target.signer.nodeId))).toBe('passed');
    await simulation.clock.runFor(10 * second);
    // The signal, which is answered with NO_SESSION.
    expect(events.map(({ bytes }) => bytes[1])).toEqual([4]);
    expect(await settle(introduce(asker.rpc, broker.localAddress, target.signer.nodeId))).toBe('not-here');
  });

  it('T8 serves one asker eight at once', async () => {
    const broker = await startNode('broker');
    const [asker] = (await startAskers(1)) as [Endpoint];
    const nobody = crypto.signerFromSeed(utf8Bytes('nobody')).nodeId;
    const outcomes = await settle(Promise.all(Array.from({ length: 20 }, () => introduce(asker.rpc, broker.localAddress, nobody))));
    expect(outcomes.filter((outcome) => outcome === 'not-here')).toHaveLength(8);
    expect(outcomes.filter((outcome) => outcome === 'busy')).toHaveLength(12);
  });
});

describe('a node that is called', () => {
  it('T8 takes a bounded number of signals, whoever a lying broker says that they are from', async () => {
    const node = await startNode('node');
    const received: ReceivedSignal[] = [];
    node.onSignal((signal) => received.push(signal));
    const [liar] = (await startAskers(1)) as [Endpoint];
    const random = simulation.runtime.random.fork('liar');
    let taken = 0;
    for (let round = 0; round < 20; round++) {
      const flood = Array.from({ length: 20 }, async () => {
        const from = random.bytes(32) as NodeId;
        const answer = await liar.rpc.request(node.localAddress, node.nodeId, {
          type: 'signal',
          from,
          address: HERE,
          signal: random.bytes(10),
        });
        if (answer.ok) taken++;
      });
      await settle(Promise.all(flood));
      await simulation.clock.runFor(100);
    }
    const seconds = simulation.clock.elapsedMs / 1000;
    expect(received).toHaveLength(taken);
    expect(taken).toBeGreaterThanOrEqual(40);
    expect(taken).toBeLessThanOrEqual(40 + 20 * seconds);
  });

  it('takes none from itself, and none while nobody listens', async () => {
    const node = await startNode('node');
    const [asker] = (await startAskers(1)) as [Endpoint];
    const signal = utf8Bytes('call');
    const send = (from: NodeId) =>
      settle(asker.rpc.request(node.localAddress, node.nodeId, { type: 'signal', from, address: HERE, signal }));
    expect(await send(asker.signer.nodeId)).toMatchObject({ reason: 'busy' });
    expect(await settle(introduce(asker.rpc, node.localAddress, node.nodeId))).toBe('busy');
    let received = 0;
    node.onSignal(() => received++);
    expect(await send(node.nodeId)).toMatchObject({ reason: 'busy' });
    expect(await send(asker.signer.nodeId)).toMatchObject({ ok: true });
    expect(received).toBe(1);
  });
});

describe('a sender', () => {
  const brokered = (node: KadNode, brokers: readonly Address[]): void => {
    node.setContact({
      kadAddresses: [],
      flags: { ...node.contact.contact.flags, isPublic: false },
      brokers: brokers.map((kad, n) => ({ nodeId: crypto.signerFromSeed(utf8Bytes(`broker ${n}`)).nodeId, kad })),
    });
  };

  it('BN-20 uses another broker when one is dead, one slow, and when one dropped what it said to have passed on', async () => {
    const [dead, slow, dropper, honest] = [0, 1, 2, 3].map((n) => endpoint(`broker ${n}`, network.addHost({ name: `broker ${n}` }))) as [
      Endpoint,
      Endpoint,
      Endpoint,
      Endpoint,
    ];
    dropper.rpc.onRequest(({ request }) => (request.type === 'introduce' ? { type: 'introduced', outcome: 'passed' } : { type: 'pong' }));
    await dropper.rpc.open();
    await slow.rpc.open();
    const broker = new KadNode(honest.runtime, { rpc: honest.rpc, signer: honest.signer, crypto }, makeKadConfig());
    await broker.start();
    const [ana, bo] = [await startNode('ana'), await startNode('bo', network.addHost({ name: 'bo', nat: 'port-restr' }))];
    let received = 0;
    bo.onSignal(() => received++);
    await settle(bo.ping(broker.localAddress));
    brokered(bo, [dead.address, slow.address, dropper.address]);
    network.clog(slow.host, ana.host, 5 * second);
    const target = { nodeId: bo.nodeId, record: bo.contact };
    const startedMs = simulation.clock.elapsedMs;
    expect(await settle(ana.sendSignal(target, utf8Bytes('call')))).toEqual({ ok: true, value: { via: dropper.address } });
    expect(simulation.clock.elapsedMs - startedMs).toBeLessThan(3 * second);
    await simulation.clock.runFor(2 * second);
    expect(received).toBe(0);
    // No answer came: the same again, without the one that cannot be relied on.
    brokered(bo, [dropper.address, honest.address]);
    const again = { nodeId: bo.nodeId, record: bo.contact, avoid: [dropper.address] };
    expect(await settle(ana.sendSignal(again, utf8Bytes('call')))).toMatchObject({ ok: false });
    const named = { nodeId: bo.nodeId, via: honest.address, avoid: [dropper.address] };
    expect(await settle(ana.sendSignal(named, utf8Bytes('call')))).toEqual({ ok: true, value: { via: honest.address } });
    await simulation.clock.runFor(1 * second);
    expect(received).toBe(1);
  });

  it('looks the record up when it has none, and again when an old one leads nowhere', async () => {
    const server = await startNode('server');
    const other = await startNode('other');
    await settle(other.bootstrap([server.localAddress]));
    const bo = await startNode('bo', network.addHost({ name: 'bo', nat: 'port-restr' }));
    bo.setReachability({ isReachable: false });
    await settle(bo.bootstrap([server.localAddress]));
    brokered(bo, [{ host: '11.99.0.1', port: 4870 }]);
    const old = bo.contact;
    await simulation.clock.runFor(30 * second);
    bo.setContact({ brokers: [{ nodeId: server.nodeId, kad: server.localAddress }] });
    await simulation.clock.runFor(5 * second);
    let received = 0;
    bo.onSignal(() => received++);
    const ana = await startNode('ana', network.addHost({ name: 'ana', nat: 'symmetric' }));
    await settle(ana.bootstrap([other.localAddress]));
    expect((await settle(ana.sendSignal({ nodeId: bo.nodeId }, utf8Bytes('call')))).ok).toBe(true);
    expect((await settle(ana.sendSignal({ nodeId: bo.nodeId, record: old }, utf8Bytes('call')))).ok).toBe(true);
    await simulation.clock.runFor(1 * second);
    expect(received).toBe(2);
  });

  it('T8 brings a third party that a record names at most three datagrams a second', async () => {
    const ana = await startNode('ana');
    const bo = await startNode('bo');
    const victim = network.addHost({ name: 'victim' });
    const arrivals: TrafficEvent[] = [];
    network.tap((event) => {
      if (event.stage === 'sent' && event.host === ana.host && event.to.host === victim.addresses[0]) arrivals.push(event);
    });
    const at = (port: number): Address => ({ host: victim.addresses[0] as string, port });
    bo.setContact({
      kadAddresses: [1, 2, 3, 4].map(at),
      brokers: [5, 6, 7].map((port) => ({ nodeId: simulation.runtime.random.bytes(32) as NodeId, kad: at(port) })),
    });
    for (let round = 0; round < 3; round++) {
      expect(await settle(ana.sendSignal({ nodeId: bo.nodeId, record: bo.contact }, utf8Bytes('call')))).toMatchObject({
        reason: 'unreachable',
      });
    }
    expect(arrivals.length).toBeGreaterThan(0);
    expect(mostPerSecond(arrivals)).toBeLessThanOrEqual(3);
  });

  it('ends in time when nobody answers, and at once when it is told to', async () => {
    const ana = await startNode('ana');
    const bo = await startNode('bo');
    brokered(
      bo,
      [1, 2, 3].map((n) => ({ host: `11.99.${n}.1`, port: 4870 })),
    );
    const startedMs = simulation.clock.elapsedMs;
    const target = { nodeId: bo.nodeId, record: bo.contact };
    expect(await settle(ana.sendSignal(target, utf8Bytes('call')))).toEqual({
      ok: false,
      reason: 'unreachable',
      detail: 'timeout, timeout, timeout',
    });
    expect(simulation.clock.elapsedMs - startedMs).toBeLessThanOrEqual(10 * second);
    const controller = new AbortController();
    const aborted = ana.sendSignal(target, utf8Bytes('call'), { signal: controller.signal });
    controller.abort();
    expect(await settle(aborted)).toEqual({ ok: false, reason: 'aborted' });
    await expect(ana.sendSignal(target, new Uint8Array(901))).rejects.toMatchObject({ code: 'BAT_E_VALUE_SIZE' });
    await expect(ana.sendSignal(target, new Uint8Array(0))).rejects.toMatchObject({ code: 'BAT_E_VALUE_SIZE' });
  });
});
