// Signals over real UDP on loopback: two nodes that know a third one only reach one another through it.
import { randomBytes } from 'node:crypto';
import { KadNode, makeKadConfig, type ReceivedSignal, SessionRpc, UdpSocket } from '@batchain/kad-node';
import { type ContactRecord, createCrypto, keyPairFromSeed, NULL_LOGGER, utf8Bytes, utf8Text } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';

const nodes: KadNode[] = [];

async function startNode(): Promise<KadNode> {
  const runtime = createSystemRuntime({ log: NULL_LOGGER });
  const crypto = createCrypto();
  const signer = keyPairFromSeed(randomBytes(32));
  const rpc = new SessionRpc(runtime, new UdpSocket({ host: '127.0.0.1', port: 0 }), signer, crypto, {
    network: { name: 'kad-signals e2e' },
    ownHosts: () => ['127.0.0.1'],
  });
  const node = new KadNode(runtime, { rpc, signer, crypto }, makeKadConfig({}, 'demo'));
  await node.start();
  nodes.push(node);
  return node;
}

/** The record of a node that is reached through brokers only. */
function recordBehind(node: KadNode, ...brokers: readonly KadNode[]): ContactRecord {
  return node.setContact({
    kadAddresses: [],
    flags: { isPublic: false, relays: false, stores: true, isLeaving: false, hasNoUdp: false },
    brokers: brokers.map((broker) => ({ nodeId: broker.nodeId, kad: broker.localAddress })),
  });
}

const nextSignal = (node: KadNode): Promise<ReceivedSignal> => new Promise((resolve) => node.onSignal(resolve));

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
});

describe('signals over UDP', () => {
  it('BN-14 BN-16 go through a broker that both are in touch with, and back the same way', async () => {
    const [ana, broker, bo] = [await startNode(), await startNode(), await startNode()];
    expect((await bo.ping(broker.localAddress)).ok).toBe(true);
    const call = nextSignal(bo);
    const sent = await ana.sendSignal({ nodeId: bo.nodeId, record: recordBehind(bo, broker) }, utf8Bytes('call'));
    expect(sent).toEqual({ ok: true, value: { via: broker.localAddress } });
    const received = await call;
    expect(received).toMatchObject({ from: ana.nodeId, via: broker.localAddress });
    expect(utf8Text(received.bytes)).toBe('call');

    const answer = nextSignal(ana);
    const back = await bo.sendSignal({ nodeId: received.from, via: received.via }, randomBytes(900));
    expect(back).toEqual({ ok: true, value: { via: broker.localAddress } });
    expect(await answer).toMatchObject({ from: bo.nodeId, via: broker.localAddress });
  });

  it('BN-14 go past a broker that is gone and one that does not know the target', async () => {
    const [ana, gone, stranger, broker, bo] = [
      await startNode(),
      await startNode(),
      await startNode(),
      await startNode(),
      await startNode(),
    ];
    const record = recordBehind(bo, gone, stranger, broker);
    await gone.stop();
    await bo.ping(broker.localAddress);
    const call = nextSignal(bo);
    expect(await ana.sendSignal({ nodeId: bo.nodeId, record }, utf8Bytes('call'))).toMatchObject({
      ok: true,
      value: { via: broker.localAddress },
    });
    expect((await call).via).toEqual(broker.localAddress);
  });

  it('go straight to a node that anybody reaches, whose answer comes back in the same session', async () => {
    const [ana, bo] = [await startNode(), await startNode()];
    const call = nextSignal(bo);
    expect(await ana.sendSignal({ nodeId: bo.nodeId, record: bo.contact }, utf8Bytes('call'))).toMatchObject({
      ok: true,
      value: { via: bo.localAddress },
    });
    const { via } = await call;
    expect(via).toEqual(ana.localAddress);
    const answer = nextSignal(ana);
    expect(await bo.sendSignal({ nodeId: ana.nodeId, via }, utf8Bytes('answer'))).toMatchObject({ ok: true, value: { via } });
    expect(utf8Text((await answer).bytes)).toBe('answer');
  });

  it('BN-30 find a node by its id alone, through the brokers that it keeps by itself', async () => {
    const servers = [await startNode(), await startNode(), await startNode()] as const;
    for (const server of servers.slice(1)) expect((await server.bootstrap([servers[0].localAddress])).isJoined).toBe(true);
    const bo = await startNode();
    bo.setContact({ kadAddresses: [], flags: { ...bo.contact.contact.flags, isPublic: false } });
    const hasBrokers = new Promise<void>((resolve) => bo.events.on('brokers-changed', ({ brokers }) => brokers.length === 3 && resolve()));
    bo.setReachability({ isReachable: false });
    await bo.bootstrap([servers[0].localAddress]);
    await hasBrokers;
    const ana = await startNode();
    await ana.bootstrap([servers[1].localAddress]);
    const call = nextSignal(bo);
    const ways = [...servers, bo].map(({ localAddress }) => localAddress);
    const sent = await ana.sendSignal({ nodeId: bo.nodeId }, utf8Bytes('call'));
    expect(ways).toContainEqual(sent.ok && sent.value.via);
    expect(await call).toMatchObject({ from: ana.nodeId });
  });

  it('say soon that nobody has a way to the target', async () => {
    const [ana, bo] = [await startNode(), await startNode()];
    const stranger = keyPairFromSeed(randomBytes(32)).nodeId;
    expect(await ana.sendSignal({ nodeId: stranger, via: bo.localAddress }, utf8Bytes('call'))).toMatchObject({
      ok: false,
      reason: 'unreachable',
      detail: 'not-here',
    });
    const aborted = ana.sendSignal({ nodeId: stranger, via: bo.localAddress }, utf8Bytes('call'), { signal: AbortSignal.abort() });
    expect(await aborted).toEqual({ ok: false, reason: 'aborted' });
  });
});
