// driven: a tunnel through whoever answers at a BatNode's address: the live session there, or a fresh one.
import { type BatSession, type ConnectionPool, openTunnel } from '@batchain/bat-node';
import { type Address, type Dialer, equalAddress } from '@batchain/shared';
import type { TunnelOpener } from './attach-race.ts';

/** Dials with the dialler itself: a pool finds nodes by their ids, and here none may be known. */
export function makeTunnelOpener(dialer: Dialer, pool: ConnectionPool): TunnelOpener {
  const liveSession = (address: Address): BatSession | undefined =>
    pool.sessions().find(({ session }) => {
      const { remoteAddress } = session.connection;
      return session.isUsable && remoteAddress !== undefined && equalAddress(remoteAddress, address);
    })?.session;
  return async ({ address, expected }, { signal, timeoutMs }) => {
    const live = liveSession(address);
    if (live !== undefined) return openTunnel(live, { signal });
    const dialled = await dialer.dial(address, expected, { signal, timeoutMs });
    if (!dialled.ok) return dialled;
    const session = await pool.adopt(dialled.value);
    return session.ok ? openTunnel(session.value, { signal }) : session;
  };
}
