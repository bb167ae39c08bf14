// pure: what helps when an upload fails, said for the command as it was typed.
import { BatChainError } from '@batchain/shared';
import { shellWord } from '../output/shell-word.ts';

export interface PutWords {
  /** FILE as it was given. */
  readonly file: string;
  /** ` --home DIR` or nothing. */
  readonly homeFlag: string;
  /** Peers that answer now. */
  readonly peersOnline: number;
}

function fixOf({ code, why, fix, details }: BatChainError, { file, homeFlag, peersOnline }: PutWords): string {
  const command = `batchain put ${shellWord(file)}`;
  if (code === 'BAT_E_TARGET_EXISTS') return 'choose another --manifest PATH, or replace it with --force';
  if (code === 'BAT_E_FILE_NOT_FOUND' || code === 'BAT_E_FILE_UNREADABLE') return `ls -l ${shellWord(file)}`;
  if (code === 'BAT_E_USAGE' && fix.includes('--name')) return `${command} --name NAME${homeFlag}`;
  if (code !== 'BAT_E_NOT_ENOUGH_PEERS') return fix;
  // The smaller policy that the hosts at hand allow, for this very file.
  const policy = / (--policy \d+of\d+)$/.exec(fix)?.[1];
  if (policy !== undefined) return `${command} ${policy}${homeFlag}`;
  if (details.found !== 0) return fix;
  if (isFull(why, peersOnline)) return 'have one of them offer more (there: batchain config set offer SIZE, and a restart), or add a host';
  const isAway = why !== NOBODY;
  return `${isAway ? 'try again when one of them answers' : 'have a host with room join'}: batchain peers${homeFlag} shows who is here`;
}

const NOBODY = 'no other host is known';

/** A host without room tells nobody that it stores: it is a peer that answers, and no candidate. */
const isFull = (why: string, peersOnline: number): boolean => why.includes('no-room') || peersOnline > 0;

/** The same error with a fix that works for `put`. */
export function refinePutError(error: BatChainError, words: PutWords): BatChainError {
  const { code, what, cause, details } = error;
  const isNobodyNamed = code === 'BAT_E_NOT_ENOUGH_PEERS' && details.found === 0 && error.why === NOBODY && words.peersOnline > 0;
  const why = isNobodyNamed ? `peers that answer: ${words.peersOnline}; all are full or offer nothing` : error.why;
  return new BatChainError(code, { what, why, cause, details, fix: fixOf(error, words) });
}
