// pure: the routing table: k-buckets, who may enter, who is dropped, who is nearest to a key.
import { type Address, equalAddress, type NodeId } from '@batchain/shared';
import { bitAt, compareDistance, ID_BITS, sharedPrefixBits } from './distance.ts';
import { KBucket } from './k-bucket.ts';
import { diversityGroup, highBits, lowBits, type TableContact } from './table-contact.ts';

/** A crowded bucket takes a new replacement this often at most. */
const REPLACEMENT_PAUSE_MS = 1000;

export interface RoutingTableOptions {
  /** Contacts per bucket, Kademlia's k. */
  readonly bucketSize: number;
  readonly replacementsMax: number;
  /** Contacts of one /24 or /48 in one bucket and in the whole table, so that one network cannot fill them (T4). */
  readonly perGroupPerBucketMax: number;
  readonly perGroupPerTableMax: number;
  /** Unanswered tries after which a contact is dropped. */
  readonly failuresMax: number;
}

export const ROUTING_TABLE_DEFAULTS: RoutingTableOptions = {
  bucketSize: 20,
  replacementsMax: 10,
  perGroupPerBucketMax: 2,
  perGroupPerTableMax: 10,
  failuresMax: 3,
};

/** `answered`: it answered a request of ours. `asked`: it proved itself while asking us. */
export type SeenHow = 'answered' | 'asked';

export interface SeenOutcome {
  readonly result: 'added' | 'updated' | 'waiting' | 'refused';
  /** Set with `waiting` when the bucket is full: ping it, and its place goes to a replacement when it is dead. */
  readonly questionable?: TableContact;
}

export interface FailedOutcome {
  readonly dropped?: TableContact;
  readonly promoted?: TableContact;
}

export interface BucketView {
  readonly index: number;
  readonly contacts: readonly TableContact[];
  readonly replacements: readonly TableContact[];
  readonly lastLookupMs: number;
}

const UPDATED: SeenOutcome = { result: 'updated' };
const ADDED: SeenOutcome = { result: 'added' };
const WAITING: SeenOutcome = { result: 'waiting' };
const REFUSED: SeenOutcome = { result: 'refused' };
const NOTHING: FailedOutcome = {};

/** Distance heads of the bucket that is being sorted; longer when a bucket is. */
let headsOfBucket = new Float64Array(32);

/** Sorts a bucket's worth of contacts by distance: by the first 48 bits as numbers, by whole ids only on a tie. */
function nearestFirst(key: Uint8Array, contacts: readonly TableContact[]): TableContact[] {
  const high = highBits(key);
  const low = lowBits(key);
  if (headsOfBucket.length < contacts.length) headsOfBucket = new Float64Array(contacts.length);
  const heads = headsOfBucket;
  const sorted = contacts.slice();
  for (let i = 0; i < contacts.length; i++) {
    const contact = contacts[i] as TableContact;
    const head = ((contact.high ^ high) >>> 0) * 65536 + (contact.low ^ low);
    let at = i;
    for (; at > 0; at--) {
      const before = heads[at - 1] as number;
      if (before < head) break;
      const other = sorted[at - 1] as TableContact;
      if (before === head && compareDistance(key, other.nodeId, contact.nodeId) < 0) break;
      heads[at] = before;
      sorted[at] = other;
    }
    heads[at] = head;
    sorted[at] = contact;
  }
  return sorted;
}

/** All proved contacts of one node, by shared prefix length (DF-17). Only contacts that proved their id may be given to it. */
export class RoutingTable {
  readonly selfId: NodeId;
  readonly #options: RoutingTableOptions;
  readonly #buckets: (KBucket | undefined)[] = [];
  readonly #groups = new Map<string, number>();
  #size = 0;
  #isOpenToInbound = false;

  constructor(selfId: NodeId, options: RoutingTableOptions = ROUTING_TABLE_DEFAULTS) {
    this.selfId = selfId;
    this.#options = options;
  }

  /** Contacts in buckets; replacements do not count. */
  get size(): number {
    return this.#size;
  }

  /** True once inbound contacts may enter buckets. */
  get isOpenToInbound(): boolean {
    return this.#isOpenToInbound;
  }

  get(nodeId: NodeId): TableContact | undefined {
    return this.#buckets[sharedPrefixBits(this.selfId, nodeId)]?.find(nodeId);
  }

  /** Notes a sign of life of a proved contact, whose id is kept as it is; it enters its bucket, the replacement list, or neither. */
  seen(peer: { readonly nodeId: NodeId; readonly address: Address }, how: SeenHow, nowMs: number, rttMs?: number): SeenOutcome {
    const index = sharedPrefixBits(this.selfId, peer.nodeId);
    if (index === ID_BITS) return REFUSED;
    const bucket = this.#bucketAt(index, nowMs);
    const known = bucket.find(peer.nodeId);
    if (known !== undefined) {
      known.lastSeenMs = nowMs;
      known.failures = 0;
      if (rttMs !== undefined) known.rttMs = rttMs;
      if (!equalAddress(known.address, peer.address)) this.#move(bucket, known, peer.address);
      return UPDATED;
    }
    if (bucket.isCrowded) {
      // Replacements are for later: a busy node need not turn its lists over with every answer.
      if (nowMs - bucket.lastReplacedMs < REPLACEMENT_PAUSE_MS) return REFUSED;
      bucket.lastReplacedMs = nowMs;
    }
    const contact = this.#newcomer(bucket, peer, nowMs, rttMs);
    if ((how === 'answered' || this.#isOpenToInbound) && !bucket.isFull && this.#hasRoomForGroup(bucket, contact.group)) {
      this.#enter(bucket, contact);
      return ADDED;
    }
    if (!bucket.wait(contact)) return REFUSED;
    const questionable = bucket.isFull ? bucket.leastRecentlySeen() : undefined;
    return questionable === undefined ? WAITING : { result: 'waiting', questionable };
  }

  /** Notes tries that went unanswered. At `failuresMax` the contact is dropped and the latest seen replacement takes its place. */
  failed(nodeId: NodeId, unansweredTries: number): FailedOutcome {
    const bucket = this.#buckets[sharedPrefixBits(this.selfId, nodeId)];
    if (bucket === undefined) return NOTHING;
    const known = bucket.find(nodeId);
    if (known === undefined) {
      bucket.remove(nodeId);
      return NOTHING;
    }
    known.failures += unansweredTries;
    return known.failures < this.#options.failuresMax ? NOTHING : this.drop(nodeId);
  }

  /** Removes a contact at once, as when another id answered at its address. */
  drop(nodeId: NodeId): FailedOutcome {
    const bucket = this.#buckets[sharedPrefixBits(this.selfId, nodeId)];
    const removed = bucket?.remove(nodeId);
    if (bucket === undefined || removed === undefined || removed.wasReplacement) return NOTHING;
    this.#size--;
    this.#countGroup(removed.contact.group, -1);
    const promoted = bucket.takeReplacement((contact) => this.#hasRoomForGroup(bucket, contact.group));
    if (promoted === undefined) return { dropped: removed.contact };
    this.#enter(bucket, promoted);
    return { dropped: removed.contact, promoted };
  }

  /** Ends the time in which inbound contacts only wait (T4): those that fit enter now and are returned. */
  openToInbound(): readonly TableContact[] {
    if (this.#isOpenToInbound) return [];
    this.#isOpenToInbound = true;
    const added: TableContact[] = [];
    for (const bucket of this.#buckets) {
      while (bucket !== undefined && !bucket.isFull) {
        const contact = bucket.takeReplacement((candidate) => this.#hasRoomForGroup(bucket, candidate.group));
        if (contact === undefined) break;
        this.#enter(bucket, contact);
        added.push(contact);
      }
    }
    return added;
  }

  /**
   * The `count` contacts nearest to `key`, nearest first (DF-12), without those that `isWanted` leaves out.
   * Buckets are visited in order of distance, so only those that matter are sorted: where our own distance to the key has
   * a one bit, the bucket of that bit is nearer than all deeper ones, where it has a zero bit, farther.
   */
  closest(key: Uint8Array, count: number, isWanted?: (contact: TableContact) => boolean): TableContact[] {
    const result: TableContact[] = [];
    const deepest = this.#buckets.length - 1;
    const differs = (index: number): boolean => bitAt(this.selfId, index) !== bitAt(key, index);
    const visit = (index: number): boolean => {
      const bucket = this.#buckets[index];
      if (bucket === undefined || bucket.contacts.length === 0) return false;
      const sorted = nearestFirst(key, bucket.contacts);
      for (let i = 0; i < sorted.length; i++) {
        const contact = sorted[i] as TableContact;
        if (isWanted !== undefined && !isWanted(contact)) continue;
        result.push(contact);
        if (result.length >= count) return true;
      }
      return false;
    };
    if (count <= 0) return result;
    for (let index = 0; index <= deepest; index++) if (differs(index) && visit(index)) return result;
    for (let index = deepest; index >= 0; index--) if (!differs(index) && visit(index)) return result;
    return result;
  }

  /** True while no bucket has turned anybody away: then everybody who was ever met is in it. */
  get hasRoomForAll(): boolean {
    return this.#buckets.every((bucket) => bucket === undefined || (!bucket.isFull && bucket.replacements.length === 0));
  }

  /** How many contacts are nearer to `key` than we are: all of each bucket in whose bit the key differs from our id. */
  nearerCount(key: Uint8Array): number {
    let count = 0;
    for (let index = 0; index < this.#buckets.length; index++) {
      if (bitAt(this.selfId, index) !== bitAt(key, index)) count += this.#buckets[index]?.contacts.length ?? 0;
    }
    return count;
  }

  /** Contacts silent for longer than `silentMs`, the longest silent first. */
  silentContacts(nowMs: number, silentMs: number, countMax: number): TableContact[] {
    const silent = [...this.contacts()].filter((contact) => nowMs - contact.lastSeenMs > silentMs);
    return silent.sort((a, b) => a.lastSeenMs - b.lastSeenMs).slice(0, countMax);
  }

  *contacts(): IterableIterator<TableContact> {
    for (const bucket of this.#buckets) if (bucket !== undefined) yield* bucket.contacts;
  }

  *replacements(): IterableIterator<TableContact> {
    for (const bucket of this.#buckets) if (bucket !== undefined) yield* bucket.replacements;
  }

  /** Buckets that hold anything, the farthest range first. */
  buckets(): BucketView[] {
    const views: BucketView[] = [];
    this.#buckets.forEach((bucket, index) => {
      if (bucket === undefined || bucket.contacts.length + bucket.replacements.length === 0) return;
      views.push({ index, contacts: bucket.contacts, replacements: bucket.replacements, lastLookupMs: bucket.lastLookupMs });
    });
    return views;
  }

  /** Notes that a lookup goes for this target, so that its bucket needs no refresh. */
  markLookup(target: Uint8Array, nowMs: number): void {
    const index = Math.min(sharedPrefixBits(this.selfId, target), ID_BITS - 1);
    const bucket = this.#buckets[index];
    if (bucket !== undefined) bucket.lastLookupMs = nowMs;
  }

  /** The contact as it waits already, brought up to date, or a new one. */
  #newcomer(bucket: KBucket, peer: { readonly nodeId: NodeId; readonly address: Address }, nowMs: number, rttMs?: number): TableContact {
    const waiting = bucket.findReplacement(peer.nodeId);
    if (waiting !== undefined && equalAddress(waiting.address, peer.address)) {
      waiting.lastSeenMs = nowMs;
      waiting.failures = 0;
      if (rttMs !== undefined) waiting.rttMs = rttMs;
      return waiting;
    }
    return {
      nodeId: waiting?.nodeId ?? peer.nodeId,
      high: highBits(peer.nodeId),
      low: lowBits(peer.nodeId),
      address: peer.address,
      group: diversityGroup(peer.address),
      firstSeenMs: waiting?.firstSeenMs ?? nowMs,
      lastSeenMs: nowMs,
      failures: 0,
      rttMs: rttMs ?? waiting?.rttMs,
    };
  }

  #bucketAt(index: number, nowMs: number): KBucket {
    const { bucketSize, replacementsMax, perGroupPerBucketMax: perGroupMax } = this.#options;
    let bucket = this.#buckets[index];
    if (bucket === undefined) {
      while (this.#buckets.length < index) this.#buckets.push(undefined);
      bucket = new KBucket({ bucketSize, replacementsMax, perGroupMax }, nowMs);
      this.#buckets[index] = bucket;
    }
    return bucket;
  }

  #enter(bucket: KBucket, contact: TableContact): void {
    bucket.add(contact);
    this.#size++;
    this.#countGroup(contact.group, 1);
  }

  /** A known contact proved itself at another address; it keeps the old one when the new group is full. */
  #move(bucket: KBucket, contact: TableContact, address: Address): void {
    const group = diversityGroup(address);
    if (group !== contact.group && !this.#hasRoomForGroup(bucket, group)) return;
    this.#countGroup(contact.group, -1);
    this.#countGroup(group, 1);
    contact.address = address;
    contact.group = group;
  }

  #hasRoomForGroup(bucket: KBucket, group: string | undefined): boolean {
    if (group === undefined) return true;
    return (this.#groups.get(group) ?? 0) < this.#options.perGroupPerTableMax && bucket.hasRoomForGroup(group);
  }

  #countGroup(group: string | undefined, change: number): void {
    if (group === undefined) return;
    const count = (this.#groups.get(group) ?? 0) + change;
    if (count > 0) this.#groups.set(group, count);
    else this.#groups.delete(group);
  }
}
