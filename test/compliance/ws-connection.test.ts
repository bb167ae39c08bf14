import { createServer, type Server } from 'node:net';
import { WsDialer, WsListener } from '@batchain/bat-node';
import { type Address, keyPairFromSeed, type Listener } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { type ConnectionNode, connectionSuite, type DialledWorld, dialledSuite } from './suites/connection.ts';

const LOOPBACK = '127.0.0.1';

function makeWsWorld(): DialledWorld {
  const runtime = createSystemRuntime();
  const listeners: Listener[] = [];
  const silent: Server[] = [];
  const listenerAt = (node: ReturnType<typeof keyPairFromSeed>, port: number): WsListener => {
    const listener = new WsListener(runtime, node, { host: LOOPBACK, port });
    listeners.push(listener);
    return listener;
  };
  return {
    makeNode: (): ConnectionNode => {
      const identity = keyPairFromSeed(runtime.entropy.bytes(32));
      const listener = listenerAt(identity, 0);
      return {
        identity,
        dialer: new WsDialer(runtime, identity, { ownHosts: () => [LOOPBACK] }),
        listener,
        address: () => listener.localAddress,
      };
    },
    makeRival: (node) => listenerAt(keyPairFromSeed(runtime.entropy.bytes(32)), node.listener.localAddress.port),
    // Accepts, and never says a word.
    silentAddress: async (): Promise<Address> => {
      const server = createServer((socket) => socket.on('error', () => undefined));
      silent.push(server);
      await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
      return { host: LOOPBACK, port: (server.address() as { port: number }).port };
    },
    close: async () => {
      for (const server of silent) server.close();
      await Promise.all(listeners.map((listener) => listener.close()));
    },
  };
}

connectionSuite('WebSocket in TLS 1.3', makeWsWorld);
dialledSuite('WebSocket in TLS 1.3', makeWsWorld);
