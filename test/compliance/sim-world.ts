// driven: the simulated adapters as worlds for the compliance suites.
import { type DatagramSocket, keyPairFromSeed, type Listener, present } from '@batchain/shared';
import {
  createSimRuntime,
  SimDatagramSocket,
  SimDialer,
  type SimHost,
  SimListener,
  SimNetwork,
  type SimNetworkOptions,
} from '@batchain/shared/testing';
import type { ConnectionNode, DialledWorld } from './suites/connection.ts';
import type { DatagramWorld } from './suites/datagram-socket.ts';
import type { World } from './suites/world.ts';

const DEADLINE_MS = 600_000;

export function makeSimNetwork(options: SimNetworkOptions = {}) {
  const simulation = createSimRuntime('compliance');
  const network = new SimNetwork(simulation, options);
  const world: World = { run: (story) => simulation.clock.runUntilSettled(story, { deadlineMs: DEADLINE_MS }) };
  return { simulation, network, world };
}

export function makeSimDatagramWorld(options: SimNetworkOptions = {}): DatagramWorld {
  const { network, world } = makeSimNetwork(options);
  const hosts = new Map<DatagramSocket, SimHost>();
  const make = (host: SimHost, port: number): SimDatagramSocket => {
    const socket = new SimDatagramSocket(host, { port });
    hosts.set(socket, host);
    return socket;
  };
  const hostOf = (socket: DatagramSocket): SimHost => present(hosts.get(socket), 'a socket of this world');
  return {
    ...world,
    makeSocket: (port = 0) => make(network.addHost(), port),
    addressOf: (socket) => hostOf(socket).address(socket.localAddress.port),
    makeRival: (socket) => make(hostOf(socket), socket.localAddress.port),
  };
}

export function makeSimConnectionWorld(options: SimNetworkOptions = {}): DialledWorld {
  const { simulation, network, world } = makeSimNetwork(options);
  const hosts = new Map<Listener, SimHost>();
  const makeNode = (): ConnectionNode => {
    const host = network.addHost();
    const identity = keyPairFromSeed(simulation.runtime.entropy.bytes(32));
    const listener = new SimListener(host, identity);
    hosts.set(listener, host);
    return {
      identity,
      dialer: new SimDialer(host, identity),
      listener,
      address: () => host.address(listener.localAddress.port),
    };
  };
  return {
    ...world,
    makeNode,
    makeRival: ({ identity, listener }) => {
      const host = present(hosts.get(listener), 'a node of this world');
      return new SimListener(host, identity, { port: listener.localAddress.port });
    },
    silentAddress: () => {
      const host = network.addHost();
      network.isolate(host);
      return host.address(4880);
    },
  };
}
