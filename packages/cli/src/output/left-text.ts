// pure: why something stayed with a node that left, in words instead of codes.
import { hostWords } from './host-words.ts';

const WORDS: Readonly<Record<string, string>> = {
  deadline: 'the time was over',
  emergency: 'there was no time to move it',
  'no-answer': 'nobody answered',
  'no-receiver': 'nobody is there to take it',
  'no-roster': 'its list of shards is damaged',
  'nobody-left': 'nobody is there to take it',
  'not-committed': 'its upload was not finished',
  rejoined: 'this node takes part again',
  'same-segment': 'the others have a shard of that segment already',
};

function wordsOf(code: string): string {
  const ofHost = hostWords(code);
  return WORDS[code] ?? (ofHost === undefined ? code : `who was asked ${ofHost}`);
}

/** `no-room, busy` becomes `who was asked has no room, who was asked is busy`. */
export function leftReasonText(reason: string): string {
  return reason.split(', ').map(wordsOf).join(', ');
}
