// pure: where a peer takes connections, as `batchain peers` shows it.
import type { PeerView } from '@batchain/participant/client';
import { isPrivateHost, splitHostPort } from '@batchain/shared';

const hostOf = (hostPort: string | null): string | undefined => (hostPort === null ? undefined : splitHostPort(hostPort)?.host);

/**
 * The address that its record names, unless that is private and the peer was never met there: in another home network it may be
 * anybody's, our own too. Then where the connection in use leads.
 */
export function batText({ kad, bat, connectedTo }: Pick<PeerView, 'kad' | 'bat' | 'connectedTo'>): string {
  const host = hostOf(bat);
  const isMeant = host !== undefined && (!isPrivateHost(host) || host === hostOf(kad) || host === hostOf(connectedTo));
  return (isMeant ? bat : connectedTo) ?? '-';
}
