// pure: requests that wait for their answer, keyed by transaction id AND address (DF-08).
import { PENDING_REQUESTS_MAX } from '../limits.ts';

/** At most `sizeMax` entries; a transaction id counts only together with the address that was asked. */
export class PendingRequests<T> {
  readonly #entries = new Map<string, { readonly address: string; readonly entry: T }>();
  readonly #sizeMax: number;

  constructor(sizeMax: number = PENDING_REQUESTS_MAX) {
    this.#sizeMax = sizeMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** False when the table is full, or the id (64 random bits) is in use already. */
  add(transactionId: string, address: string, entry: T): boolean {
    if (this.#entries.size >= this.#sizeMax || this.#entries.has(transactionId)) return false;
    this.#entries.set(transactionId, { address, entry });
    return true;
  }

  get(transactionId: string, address: string): T | undefined {
    const waiting = this.#entries.get(transactionId);
    return waiting?.address === address ? waiting.entry : undefined;
  }

  delete(transactionId: string, address: string): void {
    if (this.#entries.get(transactionId)?.address === address) this.#entries.delete(transactionId);
  }

  /** A copy: entries may be deleted while it is walked. */
  all(): readonly T[] {
    return Array.from(this.#entries.values(), ({ entry }) => entry);
  }
}
