import { DataChannelTransport, type IceDescription } from '@batchain/bat-node';
import { type Address, type Connection, type Dialer, equalBytes, fail, keyPairFromSeed, type Listener } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { type ChannelEnd, openChannel } from '../support/channel-pair.ts';
import { freeUdpPorts } from '../support/free-udp-ports.ts';
import { type ConnectionNode, type ConnectionWorld, connectionSuite } from './suites/connection.ts';

const LOOPBACK = '127.0.0.1';
const runtime = createSystemRuntime();

/** Takes calls, as a participant does whose broker passes signals on. */
class SignalListener implements Listener {
  readonly end: ChannelEnd;
  readonly localAddress: Address;
  readonly #open = new Set<Connection>();
  #onConnection: ((connection: Connection) => void) | undefined;

  constructor(end: ChannelEnd, localAddress: Address) {
    this.end = end;
    this.localAddress = localAddress;
  }

  listen(onConnection: (connection: Connection) => void): Promise<void> {
    this.#onConnection = onConnection;
    return Promise.resolve();
  }

  take(connection: Connection): void {
    this.#open.add(connection);
    this.#onConnection?.(connection);
  }

  close(): Promise<void> {
    for (const connection of this.#open) connection.close('stopped');
    return Promise.resolve();
  }
}

/**
 * One UDP port for all channels of a node; its listener is found by it. Whoever expects somebody else than the node that is
 * there has that one's signed fingerprint, and meets a certificate that does not have it.
 */
async function makeWebrtcWorld(): Promise<ConnectionWorld> {
  const listeners = new Map<number, SignalListener>();
  const dialerOf = (near: ChannelEnd): Dialer => ({
    async dial(address, expected, { timeoutMs }) {
      const listener = listeners.get(address.port);
      if (listener === undefined) return fail('unreachable');
      const far = listener.end;
      const isExpected = expected === undefined || equalBytes(expected, far.identity.nodeId);
      const swap = (description: IceDescription) => ({ ...description, fingerprint: runtime.entropy.bytes(32) });
      const pair = await openChannel(runtime, near, far, {
        timeoutMs,
        ...(!isExpected && { alterAnswer: swap, calledOptions: { timeoutMs: 1000 } }),
        onCalled: (connection) => listener.take(connection),
      });
      return pair.caller;
    },
  });
  const ports = await freeUdpPorts(6);
  return {
    makeNode: (): ConnectionNode => {
      const port = ports.pop() ?? 0;
      const transport = new DataChannelTransport(runtime, { ownHosts: () => [LOOPBACK], bindHost: LOOPBACK, udpPort: port });
      const end = { identity: keyPairFromSeed(runtime.entropy.bytes(32)), transport };
      const listener = new SignalListener(end, { host: LOOPBACK, port });
      listeners.set(port, listener);
      return { identity: end.identity, dialer: dialerOf(end), listener, address: () => listener.localAddress };
    },
    close: async () => {
      for (const listener of listeners.values()) {
        await listener.close();
        listener.end.transport.close();
      }
    },
  };
}

connectionSuite('WebRTC data channel', makeWebrtcWorld);
