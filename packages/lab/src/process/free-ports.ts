// driven: ports of the loopback interface that are free now.
import { createServer, type Server } from 'node:net';
import { UdpSocket } from '@batchain/kad-node';
import { LOOPBACK } from '../limits.ts';

export interface NodePorts {
  readonly kadPort: number;
  readonly batPort: number;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, LOOPBACK, () => {
      const bound = server.address();
      resolve(bound !== null && typeof bound === 'object' ? bound.port : 0);
    });
  });
}

/** All are held until the last is chosen, so that none comes twice. */
export async function chooseFreePorts(count: number): Promise<readonly NodePorts[]> {
  const sockets = Array.from({ length: count }, () => new UdpSocket({ host: LOOPBACK, port: 0 }));
  const servers = Array.from({ length: count }, () => createServer());
  try {
    await Promise.all(sockets.map((socket) => socket.open(() => undefined)));
    const batPorts = await Promise.all(servers.map(listen));
    return sockets.map((socket, i) => ({ kadPort: socket.localAddress.port, batPort: batPorts[i] as number }));
  } finally {
    await Promise.all(sockets.map((socket) => socket.close()));
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }
}
