// pure: why nobody answered, in words.
import type { RpcFailure } from '@batchain/kad-node';
import { BatChainError } from '@batchain/shared';

const WORDS: Readonly<Record<RpcFailure, string>> = {
  timeout: 'nothing came back',
  'wrong-identity': 'another node is there',
  'wrong-network': 'a participant of another network is there',
  'unsupported-version': 'whoever is there speaks another version',
  'malformed-reply': 'what came back makes no sense',
  refused: 'it refused to answer',
  busy: 'it, or this node, is too busy',
  'held-back': 'so many questions went to that address already that no more go out now',
  'not-dialable': 'no datagram can go there from this computer',
  'no-session': 'nothing came back',
  aborted: 'the time was up',
  stopped: 'this node is stopping',
};

export function noAnswerWords(reason: RpcFailure, detail?: string): string {
  // Else the detail is the address.
  if (reason === 'not-dialable' && detail?.startsWith('this ') === true) return detail;
  return detail === undefined || reason === 'not-dialable' || reason === 'malformed-reply' ? WORDS[reason] : `${WORDS[reason]}: ${detail}`;
}

export function noAnswer(what: string, why: string): BatChainError {
  return new BatChainError('BAT_E_NO_ANSWER', { what, why });
}
