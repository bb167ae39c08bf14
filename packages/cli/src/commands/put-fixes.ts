// pure: what helps when an upload fails, said for the command as it was typed.
import { BatChainError } from '@batchain/shared';
import { shellWord } from '../output/shell-word.ts';

export interface PutWords {
  /** FILE as it was given. */
  readonly file: string;
  /** ` --home DIR` or nothing. */
  readonly homeFlag: string;
}

function fixOf({ code, why, fix, details }: BatChainError, { file, homeFlag }: PutWords): string {
  const command = `batchain put ${shellWord(file)}`;
  if (code === 'BAT_E_TARGET_EXISTS') return 'choose another --manifest PATH, or replace it with --force';
  if (code === 'BAT_E_FILE_NOT_FOUND' || code === 'BAT_E_FILE_UNREADABLE') return `ls -l ${shellWord(file)}`;
  if (code === 'BAT_E_USAGE' && fix.includes('--name')) return `${command} --name NAME${homeFlag}`;
  if (code !== 'BAT_E_NOT_ENOUGH_PEERS') return fix;
  // The smaller policy that the hosts at hand allow, for this very file.
  const policy = / (--policy \d+of\d+)$/.exec(fix)?.[1];
  if (policy !== undefined) return `${command} ${policy}${homeFlag}`;
  if (why.includes('no-room')) return 'the hosts are full: have one offer more (there: batchain config set offer SIZE), or add a host';
  if (details.found !== 0) return fix;
  const isAway = why !== 'no other host is known';
  return `${isAway ? 'try again when one of them answers' : 'have a host with room join'}: batchain peers${homeFlag} shows who is here`;
}

/** The same error with a fix that works for `put`. */
export function refinePutError(error: BatChainError, words: PutWords): BatChainError {
  const { code, what, why, cause, details } = error;
  return new BatChainError(code, { what, why, cause, details, fix: fixOf(error, words) });
}
