// pure: what helps when an upload fails, said for the command as it was typed.
import { BatChainError } from '@batchain/shared';
import { typedLine } from '../error-words.ts';
import { shellWord } from '../output/shell-word.ts';
import { rememberedText } from './join-warnings.ts';

export interface PutWords {
  /** FILE as it was given. */
  readonly file: string;
  /** The whole command as it was given. */
  readonly argv: readonly string[];
  /** ` --home DIR` or nothing. */
  readonly homeFlag: string;
  /** Peers that answer now. */
  readonly peersOnline: number;
  /** Members of before who do not answer now. */
  readonly peersRemembered: number;
}

function fixOf({ code, why, fix, details }: BatChainError, words: PutWords): string {
  const { file, argv, homeFlag, peersOnline, peersRemembered } = words;
  const command = `batchain put ${shellWord(file)}`;
  if (code === 'BAT_E_TARGET_EXISTS') return `replace it: ${typedLine(argv)} --force; or choose another path with --manifest`;
  if (code === 'BAT_E_FILE_NOT_FOUND' || code === 'BAT_E_FILE_UNREADABLE') return `ls -l ${shellWord(file)}`;
  if (code === 'BAT_E_USAGE' && fix.includes('--name')) return `${command} --name a-plain-name${homeFlag}`;
  if (code !== 'BAT_E_NOT_ENOUGH_PEERS') return fix;
  // The smaller policy that the hosts at hand allow, for this very file.
  const policy = / (--policy \d+of\d+)$/.exec(fix)?.[1];
  if (policy !== undefined) return `${typedLine(withoutPolicy(argv))} ${policy}`;
  if (details.found !== 0 || details.isNoWay === true) return fix;
  if (isFull(why, peersOnline)) return 'have one of them offer more (there: batchain config set offer 50GiB, and a restart), or add a host';
  if (why === NOBODY && peersRemembered === 0) return `batchain stop${homeFlag} && batchain start${homeFlag} --join HOST:PORT`;
  return `try again when one of them answers: batchain peers${homeFlag} shows who is here`;
}

function withoutPolicy(argv: readonly string[]): string[] {
  return argv.filter((word, at) => !/^--policy(=|$)/.test(word) && argv[at - 1] !== '--policy');
}

const NOBODY = 'no other host is known';

/** A host without room tells nobody that it stores: it is a peer that answers, and no candidate. */
const isFull = (why: string, peersOnline: number): boolean => why.includes('no-room') || peersOnline > 0;

/** The same error with words and a fix that work for `put`. */
export function refinePutError(error: BatChainError, words: PutWords): BatChainError {
  const { code, cause, details } = error;
  const facts = { ...wordsOf(error, words), fix: fixOf(error, words) };
  return new BatChainError(code, { ...facts, cause, details });
}

function wordsOf(
  { code, what, why, details }: BatChainError,
  { peersOnline, peersRemembered }: PutWords,
): { readonly what: string; readonly why: string } {
  if (code !== 'BAT_E_NOT_ENOUGH_PEERS' || details.found !== 0 || why !== NOBODY) return { what, why };
  if (peersOnline > 0) return { what, why: `peers that answer: ${peersOnline}; all are full or offer nothing` };
  if (peersRemembered > 0)
    return { what: 'no other computer answers now', why: `${rememberedText(peersRemembered)}: none answers; the node goes on trying` };
  return { what: 'no other computer is known yet', why: 'files are kept by others: join one of them first, once' };
}
