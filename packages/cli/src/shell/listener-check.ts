// driven: does something listen at a TCP address of this computer?
import { connect } from 'node:net';
import { splitHostPort } from '@batchain/shared';

/** Connects and hangs up. False when it is refused, or when the signal aborts first. */
export function acceptsConnections(address: string, signal: AbortSignal): Promise<boolean> {
  const place = splitHostPort(address);
  if (place === undefined || signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host: place.host, port: place.port });
    const end = (accepts: boolean): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(accepts);
    };
    const onAbort = (): void => end(false);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
