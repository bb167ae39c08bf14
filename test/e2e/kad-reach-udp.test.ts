// A node finds out who reaches it, over the sockets of this machine: three nodes on three loopback addresses.
import { WsDialer, WsListener } from '@batchain/bat-node';
import { KadNode, makeKadConfig, SessionRpc, UdpSocket } from '@batchain/kad-node';
import { type Address, createCrypto, type KeyPair, keyPairFromSeed } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, expect, it } from 'vitest';
import { makeDialBack } from '../../packages/participant/src/reach/dial-back.ts';

const runtime = createSystemRuntime();
const crypto = createCrypto();
const ended: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) await end();
});

interface Placed {
  readonly node: KadNode;
  readonly keys: KeyPair;
  readonly address: Address;
}

/** The socket takes datagrams for one address alone, so that each node looks like a machine of its own. */
async function place(host: string): Promise<Placed> {
  const keys = keyPairFromSeed(runtime.entropy.bytes(32));
  const ownHosts = (): readonly string[] => [host];
  const rpc = new SessionRpc(runtime, new UdpSocket({ host, port: 0 }), keys, crypto, { network: { name: 'e2e' }, ownHosts });
  const openSocket = (): UdpSocket => new UdpSocket({ host, port: 0 });
  const dialBack = makeDialBack(new WsDialer(runtime, keys, { ownHosts }));
  const node = new KadNode(runtime, { rpc, signer: keys, crypto, ownHosts, openSocket, dialBack }, makeKadConfig());
  await node.start();
  ended.push(() => node.stop());
  return { node, keys, address: node.localAddress };
}

it('a node learns from one peer, and one that the peer knows, that datagrams and connections reach it', async () => {
  const [self, peer, stranger] = await Promise.all(['127.0.0.1', '127.0.0.2', '127.0.0.3'].map(place));
  if (self === undefined || peer === undefined || stranger === undefined) throw new Error('three nodes');
  const listener = new WsListener(runtime, self.keys, { host: '127.0.0.1', port: 0 });
  let connections = 0;
  await listener.listen(() => {
    connections += 1;
  });
  const batPort = listener.localAddress.port;
  expect((await peer.node.ping(stranger.address)).ok).toBe(true);
  expect((await self.node.ping(peer.address)).ok).toBe(true);
  const open = await self.node.checkReach({ batPort });
  expect(open).toMatchObject({
    mapping: 'none',
    external: self.address,
    filtering: 'endpoint-independent',
    kadReachable: true,
    kadReachableAt: self.address,
    batReachable: true,
    udp: 'works',
  });
  expect(connections).toBe(1);
  await listener.close();
  expect((await stranger.node.ping(self.address)).ok, 'who now knows the other directly').toBe(true);
  const closed = await stranger.node.checkReach({ batPort });
  expect(closed).toMatchObject({ kadReachable: true, batReachable: false });
});
