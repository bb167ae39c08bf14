// pure: through whom a signal can reach a node, the likeliest way first.
import {
  type Address,
  type BrokerContact,
  type ContactRecord,
  equalAddress,
  equalBytes,
  isPrivateHost,
  type NodeId,
} from '@batchain/shared';
import { SIGNAL_WAYS_MAX, SIGNAL_WAYS_PER_IP_MAX } from '../limits.ts';

/** Whom a signal is for, and what is known of the way there. */
export interface SignalTarget {
  readonly nodeId: NodeId;
  /** Its contact record; looked up when there is none, or nobody in it passes the signal on. */
  readonly record?: ContactRecord | undefined;
  /** The broker that the other's signal came through: tried first. */
  readonly via?: Address | undefined;
  /** Ways that said that they passed a signal on, and no answer came: not taken again. */
  readonly avoid?: readonly Address[] | undefined;
}

/** Whom to ask; `nodeId` undefined takes whoever answers there. */
export interface SignalWay {
  readonly nodeId: NodeId | undefined;
  readonly address: Address;
}

/** What a record says: the node itself when anybody reaches it, its brokers, and at last itself within a network that may be ours. `brokers`: in another order. */
export function waysOfRecord({ nodeId, contact }: ContactRecord, brokers: readonly BrokerContact[] = contact.brokers): SignalWay[] {
  const own = contact.kadAddresses.map((address) => ({ nodeId, address }));
  const isNear = ({ address }: SignalWay): boolean => isPrivateHost(address.host);
  const straight = contact.flags.isPublic && !contact.flags.hasNoUdp ? own : [];
  const brokered = brokers.map((broker) => ({ nodeId: broker.nodeId, address: broker.kad }));
  return [...straight, ...brokered, ...own.filter(isNear)];
}

/**
 * Ways yet to be tried, each once, SIGNAL_WAYS_MAX in all, and few of one public IP: anybody can sign a record that names the
 * addresses of a third party (T8).
 */
export class SignalWays {
  readonly #known: SignalWay[] = [];
  readonly #avoid: readonly Address[];
  #next = 0;

  constructor(avoid: readonly Address[] = []) {
    this.#avoid = avoid;
  }

  /** Ours are left out: a signal does not go through its sender. */
  add(ways: readonly SignalWay[], selfId: NodeId): void {
    for (const way of ways) {
      if (this.#known.length >= SIGNAL_WAYS_MAX) return;
      const isOurs = way.nodeId !== undefined && equalBytes(way.nodeId, selfId);
      if (!isOurs && !this.#isKnown(way) && !this.#hasManyAt(way.address)) this.#known.push(way);
    }
  }

  take(): SignalWay | undefined {
    const way = this.#known[this.#next];
    if (way !== undefined) this.#next++;
    return way;
  }

  #isKnown(way: SignalWay): boolean {
    return this.#avoid.some((address) => equalAddress(address, way.address)) || this.#known.some((known) => isSameWay(known, way));
  }

  #hasManyAt({ host }: Address): boolean {
    return !isPrivateHost(host) && this.#known.filter(({ address }) => address.host === host).length >= SIGNAL_WAYS_PER_IP_MAX;
  }
}

/** Another id at one address is another way: one of both may have been reborn there. */
function isSameWay(a: SignalWay, b: SignalWay): boolean {
  if (!equalAddress(a.address, b.address)) return false;
  return a.nodeId === undefined || b.nodeId === undefined || equalBytes(a.nodeId, b.nodeId);
}
