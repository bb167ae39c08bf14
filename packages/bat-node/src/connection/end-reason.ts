// pure: why a session ended or never began, from what its connection says.
import type { CloseReason } from '@batchain/shared';
import type { HelloFailure } from '../wire/hello.ts';

export type SessionFailure = HelloFailure | 'timeout' | 'closed';

/** Close words of the peer that say more than that it closed. */
const PEER_WORDS = new Set(['wrong-network', 'unsupported-version', 'protocol-error', 'replaced', 'timeout', 'limit']);
const FAILURES: readonly string[] = ['protocol-error', 'wrong-network', 'unsupported-version', 'unsupported-extension', 'timeout'];

export function asPeerSaid(reason: CloseReason): CloseReason {
  const word = reason.reason === 'remote' ? (reason.detail ?? '') : '';
  return PEER_WORDS.has(word) ? { reason: word, detail: 'said by the peer' } : reason;
}

export function toFailure(reason: string): SessionFailure {
  return FAILURES.includes(reason) ? (reason as SessionFailure) : 'closed';
}
