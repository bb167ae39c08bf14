// driven: the LANs that this machine stands in: its IPv4 interfaces, as multicast DNS and port mapping need them.
import { networkInterfaces } from 'node:os';
import { type Address, ipBytes, isLoopbackHost, makeAddress } from '@batchain/shared';

/** One IPv4 address of ours and the length of its network's prefix. */
export interface LanInterface {
  /** `eth0`. */
  readonly name: string;
  readonly host: string;
  /** 0 to 32. */
  readonly prefixBits: number;
}

function leadingBits(netmask: string): number {
  const bytes = ipBytes(netmask) ?? new Uint8Array(4);
  const text = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return (/^1*/.exec(text)?.[0] ?? '').length;
}

/**
 * The interfaces that a node bound to `bound` is reached through, loopback left out: none for a node that stays on loopback, one for a
 * node bound to one address. IPv6 is left out: the addresses of a LAN are link-local there and mean nothing without their zone.
 */
export function lanInterfaces(bound: Pick<Address, 'host'>): readonly LanInterface[] {
  const isAny = bound.host === '0.0.0.0' || bound.host === '::';
  return Object.entries(networkInterfaces())
    .flatMap(([name, list]) => (list ?? []).map((one) => ({ ...one, name })))
    .filter(
      ({ family, address }) => family === 'IPv4' && !isLoopbackHost(address) && (isAny || makeAddress(address, 0)?.host === bound.host),
    )
    .map(({ name, address, netmask }) => ({ name, host: address, prefixBits: leadingBits(netmask) }));
}
