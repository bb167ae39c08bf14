// pure: the accounting of used and reserved bytes against the offer, and who may have how much of it (BN-22, T15).
import type { StoreRefusal } from '../ports.ts';

/** Up to here owners need not share: fairness matters when room is scarce (T15). */
export const OWNER_SHARE_ABOVE = 0.8;

export interface QuotaLimits {
  /** Bytes of shards; hard. */
  readonly offerBytes: number;
  /** Of the offer, per owner, once more than `OWNER_SHARE_ABOVE` of it is taken; 0 to 1. */
  readonly ownerShare: number;
  readonly shardsMax: number;
}

/** Room taken for one store until it is settled or given back. */
export interface Reservation {
  readonly owner: string;
  readonly bytes: number;
}

/** Used bytes count each distinct shard once; an owner's bytes and the shard count go by places, so two owners of one shard both bear it. */
export class Quota {
  readonly limits: QuotaLimits;
  #usedBytes = 0;
  #reservedBytes = 0;
  #shardCount = 0;
  #reservedCount = 0;
  readonly #owners = new Map<string, number>();

  constructor(limits: QuotaLimits) {
    this.limits = limits;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  get shardCount(): number {
    return this.#shardCount;
  }

  /** Left of the offer. Negative when the offer was made smaller than what is held. */
  get freeBytes(): number {
    return this.limits.offerBytes - this.#usedBytes - this.#reservedBytes;
  }

  ownerBytes(owner: string): number {
    return this.#owners.get(owner) ?? 0;
  }

  /** Whether `bytes` more of this owner fit; undefined when they do. */
  judge(owner: string, bytes: number): StoreRefusal | undefined {
    const { offerBytes, ownerShare, shardsMax } = this.limits;
    if (this.#shardCount + this.#reservedCount >= shardsMax) return 'too-many-shards';
    if (bytes > this.freeBytes) return 'no-room';
    const isScarce = offerBytes - this.freeBytes + bytes > offerBytes * OWNER_SHARE_ABOVE;
    // An owner with nobody to share with may have it all: two friends who host for each other fill their offers.
    const hasOthers = this.#owners.size > (this.#owners.has(owner) ? 1 : 0);
    if (isScarce && hasOthers && this.ownerBytes(owner) + bytes > offerBytes * ownerShare) return 'owner-share';
    return undefined;
  }

  /** Takes room that `judge` granted in the same turn. */
  reserve(owner: string, bytes: number): Reservation {
    this.#reservedBytes += bytes;
    this.#reservedCount++;
    this.#addOwned(owner, bytes);
    return { owner, bytes };
  }

  giveBack({ owner, bytes }: Reservation): void {
    this.#reservedBytes -= bytes;
    this.#reservedCount--;
    this.#addOwned(owner, -bytes);
  }

  /** Places of this owner were filled (positive) or emptied (negative). */
  addPlaces(owner: string, count: number, bytes: number): void {
    this.#shardCount += count;
    this.#addOwned(owner, bytes);
  }

  /** Nothing is held or reserved. */
  reset(): void {
    this.#usedBytes = 0;
    this.#reservedBytes = 0;
    this.#shardCount = 0;
    this.#reservedCount = 0;
    this.#owners.clear();
  }

  /** Bytes of a distinct shard came (positive) or went (negative). */
  addUsed(bytes: number): void {
    this.#usedBytes += bytes;
  }

  #addOwned(owner: string, bytes: number): void {
    const owned = this.ownerBytes(owner) + bytes;
    if (owned === 0) this.#owners.delete(owner);
    else this.#owners.set(owner, owned);
  }
}

/** Left on the disk for shards: free bytes less what must stay free and what was promised to stores under way. */
export function diskRoom(freeBytes: number, keepFreeBytes: number, promisedBytes: number): number {
  return freeBytes - keepFreeBytes - promisedBytes;
}
