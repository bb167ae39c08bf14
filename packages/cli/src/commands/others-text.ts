// pure: how others get into the network, in the lines that `start` prints.
import type { DaemonReady } from '@batchain/participant';
import { isPrivateHost, makeAddress, splitHostPort } from '@batchain/shared';

/** A name, or an address that leads somewhere from outside. */
function leadsFromOutside(hostPort: string): boolean {
  const named = splitHostPort(hostPort);
  const literal = named === undefined ? undefined : makeAddress(named.host, named.port);
  return literal === undefined || !isPrivateHost(literal.host);
}

/** `findsLan`: members on the local network are looked for. */
export function othersText({ kad, join, others }: Pick<DaemonReady, 'kad' | 'join' | 'others'>, findsLan: boolean): string[] {
  if (others.canJoinHere) return [`  others     join with: batchain start --join ${kad}`];
  // As they were typed: a name outlives an address.
  const typed = join.answered.filter(leadsFromOutside);
  const members = typed.length > 0 ? typed : others.members;
  const way =
    members.length > 0
      ? `, but as it did: batchain start ${members.map((member) => `--join ${member}`).join(' ')}`
      : '; they need a member that can be reached';
  return [
    `  others     can not join through this computer from outside${way}`,
    ...(findsLan ? ['             on the same local network they find it by themselves'] : []),
  ];
}
