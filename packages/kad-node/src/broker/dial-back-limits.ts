// pure: how much of our reach others may use, each and towards each IP (T6, T8): nobody floods a third party through us.
import { type Address, formatAddress, isPrivateHost, toHex } from '@batchain/shared';
import {
  DIAL_BACK_PARTIES_MAX,
  DIAL_BACKS_PER_ASKER_BURST,
  DIAL_BACKS_PER_ASKER_PER_S,
  DIALS_PER_IP_PER_S,
  PROBES_FOR_OTHERS_PER_IP_PER_S,
  PROBES_PER_IP_BURST,
  PROBES_PER_IP_PER_S,
  PROBES_PER_REQUESTER_PER_S,
} from '../limits.ts';
import { BoundedMap } from '../rpc/bounded-map.ts';
import type { ProvedPeer } from '../rpc/kad-rpc.ts';
import { sourceOf } from '../rpc/source-ip.ts';
import { TokenBucket } from '../rpc/token-bucket.ts';

/** One allowance per name. */
class Allowances {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new BoundedMap<string, TokenBucket>(DIAL_BACK_PARTIES_MAX);

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  take(name: string, nowMs: number): boolean {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#perSecond, this.#burst, nowMs);
      this.#buckets.set(name, bucket);
    }
    return bucket.take(nowMs);
  }
}

/** Off private ranges an IP is one party, whatever ids and ports it shows; in them many nodes may share one. */
const partyOf = ({ nodeId, address }: ProvedPeer): string => (isPrivateHost(address.host) ? toHex(nodeId) : sourceOf(address.host));
const targetOf = (to: Address): string => (isPrivateHost(to.host) ? formatAddress(to) : sourceOf(to.host));

/** `nowMs` is of one monotonic clock throughout. */
export class DialBackLimits {
  readonly #askers = new Allowances(DIAL_BACKS_PER_ASKER_PER_S, DIAL_BACKS_PER_ASKER_BURST);
  readonly #requesters = new Allowances(PROBES_PER_REQUESTER_PER_S, 1);
  readonly #probesToIp = new Allowances(PROBES_PER_IP_PER_S, PROBES_PER_IP_BURST);
  readonly #probesForOthersToIp = new Allowances(PROBES_FOR_OTHERS_PER_IP_PER_S, 1);
  readonly #dialsToIp = new Allowances(DIALS_PER_IP_PER_S, 1);

  /** One dial-back begins for this asker. */
  takeDialBack(asker: ProvedPeer, nowMs: number): boolean {
    return this.#askers.take(partyOf(asker), nowMs);
  }

  /** One probe datagram is to be sent there. */
  takeProbe(to: Address, nowMs: number): boolean {
    return this.#probesToIp.take(targetOf(to), nowMs);
  }

  /** One is to be sent there because this node says that it has a session with that address. */
  takeProbeFor(requester: ProvedPeer, to: Address, nowMs: number): boolean {
    if (!this.#requesters.take(partyOf(requester), nowMs) || !this.#probesForOthersToIp.take(targetOf(to), nowMs)) return false;
    return this.takeProbe(to, nowMs);
  }

  /** One dial to this IP is to begin. */
  takeDial(to: Address, nowMs: number): boolean {
    return this.#dialsToIp.take(targetOf(to), nowMs);
  }
}
