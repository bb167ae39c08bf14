// pure: requests that wait for their answer, keyed by transaction id AND address (DF-08).
import { PENDING_REQUESTS_MAX } from '../limits.ts';

/** At most `sizeMax` entries; a transaction id counts only together with the address that was asked. */
export class PendingRequests<T> {
  readonly #entries = new Map<string, T>();
  readonly #sizeMax: number;

  constructor(sizeMax: number = PENDING_REQUESTS_MAX) {
    this.#sizeMax = sizeMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** False when the table is full. Ids are 64 random bits: one in use already would be a fault of ours. */
  add(transactionId: string, address: string, entry: T): boolean {
    if (this.#entries.size >= this.#sizeMax) return false;
    this.#entries.set(keyOf(transactionId, address), entry);
    return true;
  }

  get(transactionId: string, address: string): T | undefined {
    return this.#entries.get(keyOf(transactionId, address));
  }

  delete(transactionId: string, address: string): void {
    this.#entries.delete(keyOf(transactionId, address));
  }

  /** A copy: entries may be deleted while it is walked. */
  all(): readonly T[] {
    return [...this.#entries.values()];
  }
}

const keyOf = (transactionId: string, address: string): string => `${transactionId} ${address}`;
