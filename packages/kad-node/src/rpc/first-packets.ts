// pure: how many HELLOs go to an address that has not answered any, so that nobody has us flood a third party (T6, T8).
import { type Address, isPrivateHost } from '@batchain/shared';
import {
  FIRST_PACKET_TARGETS_MAX,
  FIRST_PACKETS_BURST,
  FIRST_PACKETS_PER_IP_BURST,
  FIRST_PACKETS_PER_IP_PER_S,
  FIRST_PACKETS_PER_S,
} from '../limits.ts';
import { BoundedMap } from './bounded-map.ts';
import { sourceOf } from './source-ip.ts';
import { TokenBucket } from './token-bucket.ts';

/** The allowances of our own HELLOs. `nowMs` is of one monotonic clock throughout. */
export class FirstPackets {
  readonly #addresses = new BoundedMap<string, TokenBucket>(FIRST_PACKET_TARGETS_MAX);
  readonly #ips = new BoundedMap<string, TokenBucket>(FIRST_PACKET_TARGETS_MAX);

  /** One HELLO is to be sent there. `addressKey` is the address as text. */
  take(to: Address, addressKey: string, nowMs: number): boolean {
    let bucket = this.#addresses.get(addressKey);
    if (bucket === undefined) {
      bucket = new TokenBucket(FIRST_PACKETS_PER_S, FIRST_PACKETS_BURST, nowMs);
      this.#addresses.set(addressKey, bucket);
    }
    return bucket.take(nowMs) && this.#takeOfIp(to, nowMs);
  }

  /** Somebody proved to be there, after so many of them. */
  answered(to: Address, addressKey: string, count: number): void {
    this.#addresses.delete(addressKey);
    this.#ips.get(sourceOf(to.host))?.give(count);
  }

  #takeOfIp(to: Address, nowMs: number): boolean {
    if (isPrivateHost(to.host)) return true;
    const ip = sourceOf(to.host);
    let bucket = this.#ips.get(ip);
    if (bucket === undefined) {
      bucket = new TokenBucket(FIRST_PACKETS_PER_IP_PER_S, FIRST_PACKETS_PER_IP_BURST, nowMs);
      this.#ips.set(ip, bucket);
    }
    return bucket.take(nowMs);
  }
}
