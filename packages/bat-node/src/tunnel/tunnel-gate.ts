// pure: which datagrams pass through one tunnel, each way (T6, T8, T14).
import { type Address, formatAddress, isDialable, isPrivateHost } from '@batchain/shared';
import {
  TUNNEL_BYTES_PER_S,
  TUNNEL_FIRST_PACKETS_PER_S,
  TUNNEL_HEARD_BURST,
  TUNNEL_HEARD_MAX,
  TUNNEL_PACKETS_PER_HEARD,
  TUNNEL_PACKETS_PER_S,
} from '../limits.ts';
import { Allowance } from './allowance.ts';
import type { FirstContacts } from './first-contacts.ts';
import { RecentMap } from './recent-map.ts';
import { isTunnelled } from './tunnel-frame.ts';

export type GateVerdict = 'pass' | 'not-kad' | 'not-dialable' | 'too-many' | 'unheard';

/** Packets and bytes of one direction. */
class Lane {
  readonly #packets: Allowance;
  readonly #bytes: Allowance;

  constructor(nowMs: number) {
    this.#packets = new Allowance(TUNNEL_PACKETS_PER_S, nowMs);
    this.#bytes = new Allowance(TUNNEL_BYTES_PER_S, nowMs);
  }

  has(length: number, nowMs: number): boolean {
    return this.#packets.has(1, nowMs) && this.#bytes.has(length, nowMs);
  }

  take(length: number, nowMs: number): boolean {
    return this.has(length, nowMs) && this.#packets.take(1, nowMs) && this.#bytes.take(length, nowMs);
  }
}

/** `nowMs` is of one monotonic clock throughout. */
export class TunnelGate {
  readonly #firsts: FirstContacts;
  readonly #userHosts: readonly string[];
  readonly #ownFirsts: Allowance;
  readonly #out: Lane;
  readonly #in: Lane;
  /** By address: how many may go there since it was heard of. */
  readonly #heard = new RecentMap<number>(TUNNEL_HEARD_MAX);

  /** `userHost`: where the tunnel's user was seen. `firsts` is shared by all tunnels. */
  constructor(firsts: FirstContacts, userHost: string | undefined, nowMs: number) {
    this.#firsts = firsts;
    this.#userHosts = userHost === undefined ? [] : [userHost];
    this.#ownFirsts = new Allowance(TUNNEL_FIRST_PACKETS_PER_S, nowMs);
    this.#out = new Lane(nowMs);
    this.#in = new Lane(nowMs);
  }

  /** A datagram of the user is to go out. `ownHosts`: of this machine's interfaces; asked for private addresses only, as it takes long. */
  judgeOut(bytes: Uint8Array, to: Address, ownHosts: () => readonly string[], nowMs: number): GateVerdict {
    if (!isTunnelled(bytes)) return 'not-kad';
    // Into a private range only where this machine and the user both lie: nobody reaches a network through us that they are not in.
    if (!isDialable(to, this.#userHosts) || (isPrivateHost(to.host) && !isDialable(to, ownHosts()))) return 'not-dialable';
    if (!this.#out.has(bytes.length, nowMs)) return 'too-many';
    if (!this.#takeHeard(to) && !(this.#ownFirsts.has(1, nowMs) && this.#firsts.take(to, nowMs) && this.#ownFirsts.take(1, nowMs))) {
      return 'unheard';
    }
    this.#out.take(bytes.length, nowMs);
    return 'pass';
  }

  /** A datagram has come from outside. */
  judgeIn(bytes: Uint8Array, from: Address, nowMs: number): GateVerdict {
    if (!isTunnelled(bytes)) return 'not-kad';
    if (!this.#in.take(bytes.length, nowMs)) return 'too-many';
    const key = formatAddress(from);
    this.#heard.set(key, Math.min(TUNNEL_HEARD_BURST, (this.#heard.get(key) ?? 0) + TUNNEL_PACKETS_PER_HEARD));
    return 'pass';
  }

  #takeHeard(to: Address): boolean {
    const key = formatAddress(to);
    const left = this.#heard.get(key) ?? 0;
    if (left > 0) this.#heard.set(key, left - 1);
    return left > 0;
  }
}
