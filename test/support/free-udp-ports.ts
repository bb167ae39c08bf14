// driven: UDP ports of this machine that nobody uses at the moment.
import { createSocket } from 'node:dgram';

export async function freeUdpPorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4'));
  try {
    return await Promise.all(
      sockets.map((socket) => new Promise<number>((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)))),
    );
  } finally {
    for (const socket of sockets) socket.close();
  }
}
