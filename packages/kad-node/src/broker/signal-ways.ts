// pure: through whom a signal can reach a node, the likeliest way first.
import { type Address, type ContactRecord, equalAddress, equalBytes, isPrivateHost, type NodeId } from '@batchain/shared';
import { SIGNAL_WAYS_MAX } from '../limits.ts';

/** Whom a signal is for, and what is known of the way there. */
export interface SignalTarget {
  readonly nodeId: NodeId;
  /** Its contact record; looked up when there is none, or nobody in it passes the signal on. */
  readonly record?: ContactRecord | undefined;
  /** The broker that the other's signal came through: tried first. */
  readonly via?: Address | undefined;
}

/** Whom to ask; `nodeId` undefined takes whoever answers there. */
export interface SignalWay {
  readonly nodeId: NodeId | undefined;
  readonly address: Address;
}

/** What a record says: the node itself when anybody reaches it, its brokers, and at last itself within a network that may be ours. */
export function waysOfRecord({ nodeId, contact }: ContactRecord): SignalWay[] {
  const own = contact.kadAddresses.map((address) => ({ nodeId, address }));
  const isNear = ({ address }: SignalWay): boolean => isPrivateHost(address.host);
  const straight = contact.flags.isPublic && !contact.flags.hasNoUdp ? own : [];
  const brokers = contact.brokers.map((broker) => ({ nodeId: broker.nodeId, address: broker.kad }));
  return [...straight, ...brokers, ...own.filter(isNear)];
}

/** Ways yet to be tried, each once, SIGNAL_WAYS_MAX in all. */
export class SignalWays {
  readonly #known: SignalWay[] = [];
  #next = 0;

  /** Ours are left out: a signal does not go through its sender. */
  add(ways: readonly SignalWay[], selfId: NodeId): void {
    for (const way of ways) {
      if (this.#known.length >= SIGNAL_WAYS_MAX) return;
      const isOurs = way.nodeId !== undefined && equalBytes(way.nodeId, selfId);
      if (!isOurs && !this.#known.some((known) => isSameWay(known, way))) this.#known.push(way);
    }
  }

  take(): SignalWay | undefined {
    const way = this.#known[this.#next];
    if (way !== undefined) this.#next++;
    return way;
  }
}

/** Another id at one address is another way: one of both may have been reborn there. */
function isSameWay(a: SignalWay, b: SignalWay): boolean {
  if (!equalAddress(a.address, b.address)) return false;
  return a.nodeId === undefined || b.nodeId === undefined || equalBytes(a.nodeId, b.nodeId);
}
