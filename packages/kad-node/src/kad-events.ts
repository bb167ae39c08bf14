// pure: the events of a KadNode, with what they carry.

import type { Address, BrokerContact, NodeId } from '@batchain/shared';
import type { SelfView } from './broker/self-view.ts';
import type { LookupKind, LookupStats } from './lookup/lookup-types.ts';

export interface ContactEvent {
  readonly nodeId: NodeId;
  readonly address: Address;
}

/** Event name to the arguments of its listeners. */
export interface KadEventMap {
  /** A proved contact entered the routing table. */
  'contact-added': [ContactEvent];
  /** A contact was dropped because it did not answer, or is a client now. */
  'contact-dropped': [ContactEvent];
  /** The own neighbourhood is known; after `offline`, again. */
  joined: [{ readonly contacts: number }];
  /** Nobody answers any more; the node keeps trying to join again. */
  offline: [Record<string, never>];
  /** Our external address, NAT class or reachability is another than before. */
  'self-changed': [SelfView];
  /** The brokers in our contact record have changed. */
  'brokers-changed': [{ readonly brokers: readonly BrokerContact[] }];
  'lookup-done': [{ readonly kind: LookupKind; readonly target: Uint8Array; readonly stats: LookupStats }];
}
