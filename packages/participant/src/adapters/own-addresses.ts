// driven: the addresses of this machine: which ranges it lies in, and what it tells others.
import { networkInterfaces } from 'node:os';
import { type Address, isLoopbackHost, isPrivateHost, makeAddress } from '@batchain/shared';

/** As many as a contact record holds. */
const ADVERTISED_MAX = 4;

let known: readonly string[] = [];

/** All addresses of our interfaces now, loopback included, in canonical form; those of the last time when the system can not tell. */
export function ownHosts(): readonly string[] {
  try {
    const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    known = all.map(({ address }) => makeAddress(address.replace(/%.*$/, ''), 0)?.host).filter((host) => host !== undefined);
  } catch {
    // Out of descriptors or memory for a moment: nothing has changed.
  }
  return known;
}

/** Link-local IPv6 needs a zone, which means nothing elsewhere. */
const isUseful = (host: string): boolean => !/^fe[89ab]/.test(host);

const rank = (host: string): number => (isPrivateHost(host) ? 2 : 0) + (host.includes(':') ? 1 : 0);

/** What a node tells others: the bound address when it is a definite one, else the machine's own; public and IPv4 first. */
export function chooseAdvertised(bound: Address, hosts: readonly string[]): readonly Address[] {
  if (bound.host !== '0.0.0.0' && bound.host !== '::') return [bound];
  const usable = hosts.filter((host) => isUseful(host) && (bound.host === '::' || !host.includes(':')));
  const outside = usable.filter((host) => !isLoopbackHost(host));
  // A machine without a network still talks to itself.
  const chosen = (outside.length > 0 ? outside : usable).toSorted((a, b) => rank(a) - rank(b)).slice(0, ADVERTISED_MAX);
  return chosen.map((host) => ({ host, port: bound.port }));
}
