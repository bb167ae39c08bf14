// pure: how many HELLOs go to an address, and to an IP, at which nobody has answered, so that nobody has us flood a third party (T6, T8).
import { type Address, isPrivateHost } from '@batchain/shared';
import {
  FIRST_PACKET_TARGETS_MAX,
  FIRST_PACKETS_BURST,
  FIRST_PACKETS_PER_IP_BURST,
  FIRST_PACKETS_PER_IP_PER_S,
  FIRST_PACKETS_PER_S,
  FIRST_PACKETS_PER_STRANGE_IP_BURST,
  FIRST_PACKETS_PER_STRANGE_IP_PER_S,
  IP_PROVED_MS,
} from '../limits.ts';
import { BoundedMap } from './bounded-map.ts';
import { sourceOf } from './source-ip.ts';
import { TokenBucket } from './token-bucket.ts';

/** What else the program sends to hosts that others only named is counted there too (T8). */
export interface StrangerBudget {
  /** A datagram is to go to a public host at which no KadNode has answered. */
  takeDatagram(host: string): boolean;
  /** A KadNode answered there, after so many. */
  giveBack(host: string, count: number): void;
}

/** `silent`: the address has had its tries; `held-back`: its IP gets no more now, whoever is at the address. */
type FirstPacketVerdict = 'send' | 'silent' | 'held-back';

interface Ip {
  /** Somebody answered there not long ago. */
  readonly isProved: boolean;
  readonly sinceMs: number;
  readonly bucket: TokenBucket;
}

/** The allowances of our own HELLOs. `nowMs` is of one monotonic clock throughout. */
export class FirstPackets {
  readonly #budget: StrangerBudget | undefined;
  readonly #addresses = new BoundedMap<string, TokenBucket>(FIRST_PACKET_TARGETS_MAX);
  readonly #ips = new BoundedMap<string, Ip>(FIRST_PACKET_TARGETS_MAX);

  constructor(budget?: StrangerBudget) {
    this.#budget = budget;
  }

  /** One HELLO is to be sent there. `addressKey` is the address as text. `isOurChoice`: no other node has named it. */
  take(to: Address, addressKey: string, nowMs: number, isOurChoice = false): FirstPacketVerdict {
    let bucket = this.#addresses.get(addressKey);
    if (bucket === undefined) {
      bucket = new TokenBucket(FIRST_PACKETS_PER_S, FIRST_PACKETS_BURST, nowMs);
      this.#addresses.set(addressKey, bucket);
    }
    if (!bucket.take(nowMs)) return 'silent';
    if (isOurChoice || this.#takeOfIp(to.host, nowMs)) return 'send';
    bucket.give();
    return 'held-back';
  }

  /** One probe is to be sent there, because somebody asks for it. */
  takeProbe({ host }: Address, nowMs: number): boolean {
    return this.#budget === undefined || isPrivateHost(host) || this.#ipOf(host, nowMs).isProved || this.#budget.takeDatagram(host);
  }

  /** Somebody proved to be there, after so many of them. True when nobody had at this IP: others there may be met now. */
  answered({ host }: Address, addressKey: string, count: number, nowMs: number): boolean {
    this.#addresses.delete(addressKey);
    if (isPrivateHost(host)) return false;
    const known = this.#ipOf(host, nowMs);
    const bucket = known.isProved ? known.bucket : new TokenBucket(FIRST_PACKETS_PER_IP_PER_S, FIRST_PACKETS_PER_IP_BURST, nowMs);
    bucket.give(count);
    this.#ips.set(sourceOf(host), { isProved: true, sinceMs: nowMs, bucket });
    if (!known.isProved) this.#budget?.giveBack(host, count);
    return !known.isProved;
  }

  #takeOfIp(host: string, nowMs: number): boolean {
    if (isPrivateHost(host)) return true;
    const { bucket, isProved } = this.#ipOf(host, nowMs);
    if (!bucket.take(nowMs)) return false;
    if (isProved || this.#budget === undefined || this.#budget.takeDatagram(host)) return true;
    bucket.give();
    return false;
  }

  #ipOf(host: string, nowMs: number): Ip {
    const name = sourceOf(host);
    const known = this.#ips.get(name);
    if (known !== undefined && !(known.isProved && nowMs - known.sinceMs >= IP_PROVED_MS)) return known;
    const bucket = new TokenBucket(FIRST_PACKETS_PER_STRANGE_IP_PER_S, FIRST_PACKETS_PER_STRANGE_IP_BURST, nowMs);
    const ip = { isProved: false, sinceMs: nowMs, bucket };
    this.#ips.set(name, ip);
    return ip;
  }
}
