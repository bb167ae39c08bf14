// pure: one k-bucket: contacts in the order they came in, and a replacement list for when one of them dies.
import { equalBytes, type NodeId } from '@batchain/shared';
import { highBits, lowBits, type TableContact } from './table-contact.ts';

/** How many contacts one bucket takes; see RoutingTableOptions for the reasons. */
export interface KBucketLimits {
  readonly bucketSize: number;
  readonly replacementsMax: number;
  readonly perGroupMax: number;
}

function indexOf(list: readonly TableContact[], nodeId: Uint8Array): number {
  const high = highBits(nodeId);
  const low = lowBits(nodeId);
  for (let i = 0; i < list.length; i++) {
    const contact = list[i] as TableContact;
    if (contact.high === high && contact.low === low && equalBytes(contact.nodeId, nodeId)) return i;
  }
  return -1;
}

function countGroup(list: readonly TableContact[], group: string): number {
  let count = 0;
  for (const contact of list) if (contact.group === group) count++;
  return count;
}

/** Contacts that share one prefix length with us. The longest known comes first: it is the likeliest to stay (Kademlia section 2.2). */
export class KBucket {
  readonly #limits: KBucketLimits;
  readonly #contacts: TableContact[] = [];
  /** The latest seen comes last. */
  readonly #replacements: TableContact[] = [];
  /** When a newcomer last took a place in a full replacement list. */
  lastReplacedMs = Number.NEGATIVE_INFINITY;
  /** When a lookup last went into this bucket's range; the refresh plan reads it. */
  lastLookupMs: number;

  constructor(limits: KBucketLimits, nowMs: number) {
    this.#limits = limits;
    this.lastLookupMs = nowMs;
  }

  get contacts(): readonly TableContact[] {
    return this.#contacts;
  }

  get replacements(): readonly TableContact[] {
    return this.#replacements;
  }

  get isFull(): boolean {
    return this.#contacts.length >= this.#limits.bucketSize;
  }

  /** True when both lists are full: a newcomer can only take another's place in the replacement list. */
  get isCrowded(): boolean {
    return this.isFull && this.#replacements.length >= this.#limits.replacementsMax;
  }

  find(nodeId: NodeId): TableContact | undefined {
    return this.#contacts[indexOf(this.#contacts, nodeId)];
  }

  findReplacement(nodeId: NodeId): TableContact | undefined {
    return this.#replacements[indexOf(this.#replacements, nodeId)];
  }

  /** True when one more contact of this network group may come in (T4); undefined is a private range, which is exempt. */
  hasRoomForGroup(group: string | undefined): boolean {
    return group === undefined || countGroup(this.#contacts, group) < this.#limits.perGroupMax;
  }

  /** The caller has checked isFull and the group limits. */
  add(contact: TableContact): void {
    const waiting = indexOf(this.#replacements, contact.nodeId);
    if (waiting >= 0) this.#replacements.splice(waiting, 1);
    this.#contacts.push(contact);
  }

  /** Puts the contact at the fresh end of the replacement list. False when its group has enough there already. */
  wait(contact: TableContact): boolean {
    const known = indexOf(this.#replacements, contact.nodeId);
    if (known >= 0) this.#replacements.splice(known, 1);
    else if (contact.group !== undefined && countGroup(this.#replacements, contact.group) >= this.#limits.perGroupMax) return false;
    this.#replacements.push(contact);
    if (this.#replacements.length > this.#limits.replacementsMax) this.#replacements.shift();
    return true;
  }

  /** Removes a contact, or a replacement, and returns it. */
  remove(nodeId: NodeId): { readonly contact: TableContact; readonly wasReplacement: boolean } | undefined {
    const at = indexOf(this.#contacts, nodeId);
    if (at >= 0) return { contact: this.#contacts.splice(at, 1)[0] as TableContact, wasReplacement: false };
    const waiting = indexOf(this.#replacements, nodeId);
    if (waiting < 0) return undefined;
    return { contact: this.#replacements.splice(waiting, 1)[0] as TableContact, wasReplacement: true };
  }

  /** Takes the latest seen replacement that `isAllowed` lets in. */
  takeReplacement(isAllowed: (contact: TableContact) => boolean): TableContact | undefined {
    for (let i = this.#replacements.length - 1; i >= 0; i--) {
      const contact = this.#replacements[i] as TableContact;
      if (isAllowed(contact)) return this.#replacements.splice(i, 1)[0];
    }
    return undefined;
  }

  /** The contact that was silent for longest. */
  leastRecentlySeen(): TableContact | undefined {
    let oldest: TableContact | undefined;
    for (const contact of this.#contacts) if (oldest === undefined || contact.lastSeenMs < oldest.lastSeenMs) oldest = contact;
    return oldest;
  }
}
