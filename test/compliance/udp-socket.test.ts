import { networkInterfaces } from 'node:os';
import { UdpSocket } from '@batchain/kad-node';
import { type DatagramWorld, datagramSocketSuite } from './suites/datagram-socket.ts';

/** `host` is what is bound; `reached` is where others send to. */
function makeUdpWorld(host: string, reached: string): DatagramWorld {
  return {
    makeSocket: (port = 0) => new UdpSocket({ host, port }),
    addressOf: (socket) => ({ host: reached, port: socket.localAddress.port }),
    makeRival: (socket) => new UdpSocket({ host, port: socket.localAddress.port }),
  };
}

datagramSocketSuite('UDP, IPv4', () => makeUdpWorld('127.0.0.1', '127.0.0.1'));
datagramSocketSuite('UDP, all IPv4 addresses', () => makeUdpWorld('0.0.0.0', '127.0.0.1'));
datagramSocketSuite('UDP, dual stack reached over IPv4', () => makeUdpWorld('::', '127.0.0.1'));

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
if (hasIpv6) {
  datagramSocketSuite('UDP, IPv6', () => makeUdpWorld('::1', '::1'));
  datagramSocketSuite('UDP, dual stack reached over IPv6', () => makeUdpWorld('::', '::1'));
}
