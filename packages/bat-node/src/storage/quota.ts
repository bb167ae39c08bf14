// pure: the accounting of used and reserved bytes against the offer, and who may have how much of it (BN-22, T15).
import { ROSTER_BYTES_MAX, ROSTERS_BYTES_MIN, ROSTERS_OFFER_SHARE, ROSTERS_OWNER_SHARE } from '../limits.ts';
import type { StoreRefusal } from '../ports.ts';

/** Up to here owners need not share: fairness matters when room is scarce (T15). */
export const OWNER_SHARE_ABOVE = 0.8;

export interface QuotaLimits {
  /** Bytes of shards, journals and rosters; hard for shards. */
  readonly offerBytes: number;
  /** Of the offer, and of the most shards, per owner, once more than `OWNER_SHARE_ABOVE` is taken; 0 to 1. */
  readonly ownerShare: number;
  readonly shardsMax: number;
}

/** What an owner has here, under way included. */
interface Owned {
  bytes: number;
  count: number;
  rosterBytes: number;
}

/** Room taken for one store until it is settled or given back. */
export interface Reservation {
  readonly owner: string;
  readonly bytes: number;
}

/**
 * Bytes are those of the disk, in whole blocks. Used bytes count each distinct shard once, and journals; an owner's bytes and the shard count go by places, so two owners of one shard
 * both bear it. Rosters take room of the offer like shards, so that nobody keeps long ones behind short shards for nothing;
 * on a full host there is some room beside the offer for them, without which what it holds could not be committed.
 */
export class Quota {
  readonly limits: QuotaLimits;
  #usedBytes = 0;
  #reservedBytes = 0;
  #shardCount = 0;
  #reservedCount = 0;
  #rosterBytes = 0;
  readonly #owners = new Map<string, Owned>();

  constructor(limits: QuotaLimits) {
    this.limits = limits;
  }

  /** Without rosters. */
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
    return this.limits.offerBytes - this.#usedBytes - this.#reservedBytes - this.#rosterBytes;
  }

  get rosterBytes(): number {
    return this.#rosterBytes;
  }

  /** Shards and rosters. */
  ownerBytes(owner: string): number {
    const { bytes, rosterBytes } = this.#owned(owner);
    return bytes + rosterBytes;
  }

  /** Whether a shard of `bytes` more of this owner fits; undefined when it does. */
  judge(owner: string, bytes: number): StoreRefusal | undefined {
    const { ownerShare, shardsMax } = this.limits;
    const count = this.#shardCount + this.#reservedCount;
    if (count >= shardsMax) return 'too-many-shards';
    const isScarce = count + 1 > shardsMax * OWNER_SHARE_ABOVE;
    if (isScarce && this.#hasOthers(owner) && this.#owned(owner).count + 1 > shardsMax * ownerShare) return 'owner-share';
    return this.#judgeBytes(owner, bytes);
  }

  /** Whether a roster of this owner fits that is longer by `bytes` than the one it replaces. */
  judgeRoster(owner: string, bytes: number): StoreRefusal | undefined {
    const refusal = bytes <= 0 ? undefined : this.#judgeBytes(owner, bytes);
    if (refusal === undefined) return undefined;
    const roomBytes = Math.max(ROSTERS_BYTES_MIN, this.limits.offerBytes * ROSTERS_OFFER_SHARE);
    const ownerMax = Math.max(ROSTER_BYTES_MAX, roomBytes * ROSTERS_OWNER_SHARE);
    const isWithin = bytes - this.freeBytes <= roomBytes && this.#owned(owner).rosterBytes + bytes <= ownerMax;
    return isWithin ? undefined : refusal;
  }

  /** Takes room that `judge` granted in the same turn. */
  reserve(owner: string, bytes: number): Reservation {
    this.#reservedBytes += bytes;
    this.#reservedCount++;
    this.#addOwned(owner, { bytes, count: 1, rosterBytes: 0 });
    return { owner, bytes };
  }

  giveBack({ owner, bytes }: Reservation): void {
    this.#reservedBytes -= bytes;
    this.#reservedCount--;
    this.#addOwned(owner, { bytes: -bytes, count: -1, rosterBytes: 0 });
  }

  /** Places of this owner were filled (positive) or emptied (negative). */
  addPlaces(owner: string, count: number, bytes: number): void {
    this.#shardCount += count;
    this.#addOwned(owner, { bytes, count, rosterBytes: 0 });
  }

  /** Bytes of a roster of this owner came (positive) or went (negative). */
  addRoster(owner: string, bytes: number): void {
    this.#rosterBytes += bytes;
    this.#addOwned(owner, { bytes: 0, count: 0, rosterBytes: bytes });
  }

  /** Nothing is held or reserved. */
  reset(): void {
    this.#usedBytes = 0;
    this.#reservedBytes = 0;
    this.#shardCount = 0;
    this.#reservedCount = 0;
    this.#rosterBytes = 0;
    this.#owners.clear();
  }

  /** Bytes of the journal of a file of this owner came (positive) or went (negative). */
  addJournal(owner: string, bytes: number): void {
    this.addUsed(bytes);
    this.addPlaces(owner, 0, bytes);
  }

  /** Bytes of a distinct shard came (positive) or went (negative). */
  addUsed(bytes: number): void {
    this.#usedBytes += bytes;
  }

  #judgeBytes(owner: string, bytes: number): StoreRefusal | undefined {
    const { offerBytes, ownerShare } = this.limits;
    if (bytes > this.freeBytes) return 'no-room';
    const isScarce = offerBytes - this.freeBytes + bytes > offerBytes * OWNER_SHARE_ABOVE;
    return isScarce && this.#hasOthers(owner) && this.ownerBytes(owner) + bytes > offerBytes * ownerShare ? 'owner-share' : undefined;
  }

  /** An owner with nobody to share with may have it all: two friends who host for each other fill their offers. */
  #hasOthers(owner: string): boolean {
    return this.#owners.size > (this.#owners.has(owner) ? 1 : 0);
  }

  #owned(owner: string): Owned {
    return this.#owners.get(owner) ?? { bytes: 0, count: 0, rosterBytes: 0 };
  }

  #addOwned(owner: string, more: Owned): void {
    const owned = this.#owned(owner);
    owned.bytes += more.bytes;
    owned.count += more.count;
    owned.rosterBytes += more.rosterBytes;
    if (owned.bytes === 0 && owned.count === 0 && owned.rosterBytes === 0) this.#owners.delete(owner);
    else this.#owners.set(owner, owned);
  }
}

/** Left on the disk for shards: free bytes less what must stay free and what was promised to stores under way. */
export function diskRoom(freeBytes: number, keepFreeBytes: number, promisedBytes: number): number {
  return freeBytes - keepFreeBytes - promisedBytes;
}
