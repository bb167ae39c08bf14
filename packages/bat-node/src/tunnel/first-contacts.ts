// pure: how many datagrams all tunnels together send to an address that has not answered (T6, T8).
import { type Address, formatAddress, ipBytes, isPrivateHost, toHex } from '@batchain/shared';
import { TUNNEL_FIRST_PACKETS, TUNNEL_FIRST_TARGETS_MAX, TUNNEL_FIRST_WINDOW_MS } from '../limits.ts';
import { RecentMap } from './recent-map.ts';

/** What counts as one party: an IPv4 address, the /64 of an IPv6 one; in private ranges, where one IP may be many nodes, IP and port. */
export function partyOf(address: Address): string {
  if (isPrivateHost(address.host)) return formatAddress(address);
  if (!address.host.includes(':')) return address.host;
  return toHex((ipBytes(address.host) ?? new Uint8Array(8)).subarray(0, 8));
}

/**
 * A log of the last few sends to each party: no span of TUNNEL_FIRST_WINDOW_MS has more than TUNNEL_FIRST_PACKETS, which a bucket
 * with a burst would not keep. Shared by all tunnels, so that who opens many gains nothing. `nowMs` is monotonic.
 */
export class FirstContacts {
  readonly #sentMs = new RecentMap<readonly number[]>(TUNNEL_FIRST_TARGETS_MAX);
  readonly #mayApproach: (host: string) => boolean;

  /** `mayApproach`: what this machine itself sends to strangers is counted there too; asked for public hosts. */
  constructor(mayApproach: (host: string) => boolean = () => true) {
    this.#mayApproach = mayApproach;
  }

  take(to: Address, nowMs: number): boolean {
    const party = partyOf(to);
    const recent = (this.#sentMs.get(party) ?? []).filter((sentMs) => nowMs - sentMs < TUNNEL_FIRST_WINDOW_MS);
    if (recent.length >= TUNNEL_FIRST_PACKETS || !(isPrivateHost(to.host) || this.#mayApproach(to.host))) return false;
    this.#sentMs.set(party, [...recent, nowMs]);
    return true;
  }
}
