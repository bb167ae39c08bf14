// pure: assertions for our own invariants; never for input that came from outside.
import { BatChainError } from './errors.ts';

/** Throws BAT_E_INTERNAL when one of our own invariants does not hold. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new BatChainError('BAT_E_INTERNAL', { what: message, why: 'an invariant of BatChain does not hold' });
}

/** The value, which our own logic says is there. */
export function present<T>(value: T | undefined | null, message: string): T {
  assert(value !== undefined && value !== null, message);
  return value;
}

/** For the default branch of a switch over a union: fails to compile when a case is missing. */
export function unreachable(value: never): never {
  throw new BatChainError('BAT_E_INTERNAL', { what: `unexpected value ${JSON.stringify(value)}`, why: 'a case is not handled' });
}
