import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import {
  DatagramDemux,
  decodeBindingResponse,
  encodeBindingRequest,
  type KadRequest,
  type NetworkConfig,
  SessionRpc,
  UdpSocket,
} from '@batchain/kad-node';
import { type Address, createCrypto, keyPairFromSeed } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, describe, expect, it } from 'vitest';

const runtime = createSystemRuntime();
const PING: KadRequest = { type: 'ping' };
const STORE: KadRequest = { type: 'store', kind: 'immutable', records: [{ bytes: Uint8Array.of(1, 2, 3), ageMs: 0 }] };
/** Of the Debian package coturn. */
const STUN_CLIENT = 'turnutils_stunclient';
const open: { close(): Promise<void> }[] = [];

interface Node {
  readonly rpc: SessionRpc;
  readonly keys: ReturnType<typeof keyPairFromSeed>;
  readonly served: string[];
  at(host: string): Address;
}

async function makeNode(host: string, network: NetworkConfig = { name: 'e2e' }): Promise<Node> {
  const keys = keyPairFromSeed(runtime.entropy.bytes(32));
  const socket = new DatagramDemux(runtime, new UdpSocket({ host, port: 0 }));
  const rpc = new SessionRpc(runtime, socket, keys, createCrypto(), { network, ownHosts: () => ['127.0.0.1', '::1'] });
  const served: string[] = [];
  rpc.onRequest(({ request }) => {
    served.push(request.type);
    return request.type === 'store' ? { type: 'stored', outcomes: request.records.map(() => 'stored') } : { type: 'pong' };
  });
  await rpc.open();
  open.push(rpc);
  return { rpc, keys, served, at: (reached) => ({ host: reached, port: rpc.localAddress.port }) };
}

/** A plain socket of an outsider, with what came back to it. */
async function makeOutsider(): Promise<{ readonly socket: Socket; readonly got: Buffer[]; next(): Promise<Buffer> }> {
  const socket = createSocket('udp4');
  const got: Buffer[] = [];
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const waiters: ((message: Buffer) => void)[] = [];
  socket.on('message', (message) => {
    got.push(message);
    waiters.shift()?.(message);
  });
  open.push({ close: () => new Promise((resolve) => socket.close(() => resolve())) });
  return { socket, got, next: () => new Promise((resolve) => waiters.push(resolve)) };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

describe('Kad RPC over real UDP', () => {
  const bindings: readonly (readonly [first: string, second: string, reached: string])[] = [
    ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
    ['::', '127.0.0.1', '127.0.0.1'],
    ['::', '0.0.0.0', '127.0.0.1'],
    ...(hasIpv6 ? [['::1', '::1', '::1'] as const] : []),
  ];
  it.each(bindings)('DF-02 DF-06 nodes bound to %s and %s ask one another', async (first, second, reached) => {
    const [ann, bob] = [await makeNode(first), await makeNode(second)];
    const replies = await Promise.all([PING, STORE].map((request) => ann.rpc.request(bob.at(reached), bob.keys.nodeId, request)));
    expect(replies).toMatchObject([
      { ok: true, value: { response: { type: 'pong' }, observedAddress: ann.at(reached) } },
      { ok: true, value: { response: { type: 'stored', outcomes: ['stored'] } } },
    ]);
    expect(await bob.rpc.request(ann.at(reached), ann.keys.nodeId, PING)).toMatchObject({ ok: true });
    expect(ann.rpc.stats.hellosReceived).toBe(0);
  });

  it('BD-59 a stranger to the network is refused', async () => {
    const member = await makeNode('127.0.0.1', { name: 'e2e', secret: new Uint8Array(32).fill(1) });
    const stranger = await makeNode('127.0.0.1');
    expect(await stranger.rpc.request(member.at('127.0.0.1'), member.keys.nodeId, PING)).toEqual({ ok: false, reason: 'wrong-network' });
    expect(member.served).toEqual([]);
  });

  it('DF-07 junk of all sizes gets no answer and does not stop the node', async () => {
    const [ann, bob] = [await makeNode('127.0.0.1'), await makeNode('127.0.0.1')];
    const outsider = await makeOutsider();
    const junk = [0, 1, 2, 11, 39, 1199, 1200, 1201, 65_507].flatMap((length) =>
      [1, 2, 3, 4, 5, 6].map((kind) => {
        const bytes = Buffer.alloc(length, kind);
        if (length > 0) bytes[0] = 0xbc;
        return bytes;
      }),
    );
    for (const bytes of junk) outsider.socket.send(bytes, bob.at('127.0.0.1').port, '127.0.0.1');
    // A STUN answer comes after everything sent before it.
    outsider.socket.send(encodeBindingRequest(new Uint8Array(12)), bob.at('127.0.0.1').port, '127.0.0.1');
    const sizes: number[] = [];
    do sizes.push((await outsider.next()).length);
    while (outsider.got.at(-1)?.[0] === 0xbc);
    expect(sizes.every((size) => size < 64)).toBe(true);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(200);
    expect(bob.rpc.stats.datagramsReceived).toBe(junk.length);
    expect(await ann.rpc.request(bob.at('127.0.0.1'), bob.keys.nodeId, PING)).toMatchObject({ ok: true });
  });

  it('a restarted node at the same port is found again without a time-out', async () => {
    const [ann, bob] = [await makeNode('127.0.0.1'), await makeNode('127.0.0.1')];
    const home = bob.at('127.0.0.1');
    await ann.rpc.request(home, bob.keys.nodeId, PING);
    await bob.rpc.close();
    const socket = new UdpSocket({ host: '127.0.0.1', port: home.port });
    const reborn = new SessionRpc(runtime, socket, bob.keys, createCrypto(), { network: { name: 'e2e' }, ownHosts: () => ['127.0.0.1'] });
    reborn.onRequest(() => ({ type: 'pong' }));
    await reborn.open();
    open.push(reborn);
    expect(await ann.rpc.request(home, bob.keys.nodeId, PING, { tries: 1 })).toMatchObject({ ok: true });
    expect(ann.rpc.stats.noSessionsReceived).toBe(1);
  });

  describe('STUN on the same port', () => {
    it('tells an outsider its address', async () => {
      const [node, outsider] = [await makeNode('127.0.0.1'), await makeOutsider()];
      const transactionId = runtime.entropy.bytes(12);
      const answer = outsider.next();
      outsider.socket.send(encodeBindingRequest(transactionId), node.at('127.0.0.1').port, '127.0.0.1');
      const address = { host: '127.0.0.1', port: outsider.socket.address().port };
      expect(decodeBindingResponse(await answer, transactionId)).toEqual({ ok: true, value: address });
    });

    const hasStunClient = spawnSync(STUN_CLIENT, ['-h']).error === undefined;
    it.runIf(hasStunClient)('satisfies the client of coturn', async () => {
      const node = await makeNode('127.0.0.1');
      const client: ChildProcess = spawn(STUN_CLIENT, ['-p', `${node.at('127.0.0.1').port}`, '127.0.0.1'], { stdio: 'pipe' });
      let text = '';
      client.stdout?.on('data', (part: Buffer) => {
        text += part.toString();
      });
      client.stderr?.on('data', (part: Buffer) => {
        text += part.toString();
      });
      const deadline = runtime.clock.setTimer(10_000, () => client.kill());
      await new Promise((resolve) => client.on('close', resolve));
      deadline.cancel();
      expect(text).toMatch(/UDP reflexive addr: 127\.0\.0\.1:\d+/);
    });
  });
});
