// pure: the errors of values, each in one place.
import { BatChainError } from '@batchain/shared';

export function brokenValue(key: string, why: string): BatChainError {
  return new BatChainError('BAT_E_VALUE_BROKEN', { what: `what is stored under ${shown(key)} is no usable value`, why });
}

export function incompleteValue(key: string, why: string): BatChainError {
  return new BatChainError('BAT_E_VALUE_INCOMPLETE', { what: `a part of ${shown(key)} can not be found now`, why });
}

export function noMembers(what: string): BatChainError {
  return new BatChainError('BAT_E_NO_MEMBERS', { what });
}

export function tooLarge(what: string, why: string, fix?: string): BatChainError {
  return new BatChainError('BAT_E_VALUE_TOO_LARGE', { what, why, ...(fix === undefined ? {} : { fix }) });
}

export function badTtl(ttlMs: number): BatChainError {
  return new BatChainError('BAT_E_USAGE', { what: `a time to live of ${ttlMs} ms`, why: 'it is 1 second to 10 years' });
}

export function tooMany(what: string, why: string): BatChainError {
  return new BatChainError('BAT_E_VALUES_FULL', { what, why });
}

/** A key in an error line: short, and nothing that a terminal obeys. */
export function shown(key: string): string {
  const short = key.length > 60 ? `${key.slice(0, 57)}...` : key;
  return JSON.stringify(short);
}
