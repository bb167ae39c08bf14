// pure: who named candidates in a lookup, and whether it is believed (T3).
import type { Address } from '@batchain/shared';
import { DISCREDITED_AFTER_FAILURES, NAMES_PER_ADDRESS_MAX } from '../limits.ts';
import { addressKey } from './named-addresses.ts';

/** Counts what became of those it named; overdue ones count as dead until they answer. */
export class Source {
  failures = 0;
  answers = 0;
  readonly #isOurs: boolean;
  readonly #namesByAddress = new Map<string, number>();
  #isLying = false;

  /** `isOurs`: our own table, which may be out of date but does not lie. */
  constructor({ isOurs = false }: { readonly isOurs?: boolean } = {}) {
    this.#isOurs = isOurs;
  }

  /** It gave a name to this address; whoever gives the same one to many makes them up. */
  noteName(address: Address): void {
    if (this.#isOurs) return;
    const key = addressKey(address);
    const names = (this.#namesByAddress.get(key) ?? 0) + 1;
    this.#namesByAddress.set(key, names);
    if (names > NAMES_PER_ADDRESS_MAX) this.#isLying = true;
  }

  /** What it says contradicts itself: nobody is asked on its word alone. */
  get isLying(): boolean {
    return this.#isLying;
  }

  /** It named many dead ids, and more dead than living ones, or it lies. Whom it alone named comes last. */
  get isDiscredited(): boolean {
    if (this.#isOurs) return false;
    return this.#isLying || (this.failures >= DISCREDITED_AFTER_FAILURES && this.failures > this.answers);
  }
}
