// driven: UDP ports of this machine that nobody uses at the moment.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Below the ports that systems hand out for port 0: one of these cannot be given to a neighbouring test before it is used. */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const TRIES_MAX = 200;

async function isFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  const isBound = await new Promise<boolean>((resolve) => {
    socket.once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => resolve(true));
  });
  const closed = once(socket, 'close');
  socket.close();
  await closed;
  return isBound;
}

export async function freeUdpPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries === TRIES_MAX) throw new Error(`no ${count} free UDP ports after ${TRIES_MAX} tries`);
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}
