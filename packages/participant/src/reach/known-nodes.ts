// driven: the nodes that the KadNode knows, put in order for those who need one of a kind.
import type { KadNode } from '@batchain/kad-node';
import { type Address, isPrivateHost, type NodeId } from '@batchain/shared';

export class KnownNodes {
  readonly #kad: Pick<KadNode, 'contact' | 'routes' | 'remembered'>;

  constructor(kad: Pick<KadNode, 'contact' | 'routes' | 'remembered'>) {
    this.#kad = kad;
  }

  /** May relay: our brokers first, then other contacts. */
  relayCandidates(): NodeId[] {
    return [...this.#brokers().map(({ nodeId }) => nodeId), ...this.#contacts().map(({ nodeId }) => nodeId)];
  }

  /** May answer STUN: outside, our brokers first. */
  stunCandidates(): Address[] {
    const living = this.#contacts().filter(({ failures }) => failures === 0);
    const addresses = [...this.#brokers().map(({ kad }) => kad), ...living.map(({ address }) => address)];
    return addresses.filter(({ host }) => !isPrivateHost(host));
  }

  /** Kad addresses of all contacts, then of members who are remembered from before. */
  addresses(): Address[] {
    return [...this.#contacts(), ...this.#kad.remembered()].map(({ address }) => address);
  }

  #brokers() {
    return this.#kad.contact.contact.brokers;
  }

  #contacts() {
    return this.#kad.routes().buckets.flatMap((bucket) => bucket.contacts);
  }
}
