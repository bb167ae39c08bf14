// pure: an error in the words of the shell: one line, with what helps in here.
import { type BatChainError, ERROR_CODES, type ErrorCode, systemWords } from '@batchain/shared';
import { inWords } from '../output/host-words.ts';

export interface Refusal {
  readonly code: ErrorCode;
  readonly what: string;
  readonly why: string;
  readonly fix: string;
}

/** In place of what commands would say; the others are as good here. */
const FIXES: Partial<Readonly<Record<ErrorCode, string>>> = {
  BAT_E_INTERNAL: 'start the shell with --debug and report what it prints',
  BAT_E_NO_MEMBERS: 'FN and JN join a network, MM starts one on this computer',
  BAT_E_LAST_MEMBER: 'LN yes lets it end with this node',
  BAT_E_NO_ANSWER: 'FN finds who is there',
  BAT_E_NO_DAEMON: 'leave with X and start the shell again',
  BAT_E_DAEMON_LOST: 'leave with X and start the shell again',
  BAT_E_TARGET_EXISTS: 'choose another name',
  BAT_E_PEER_UNKNOWN: 'PD shows the peers',
  BAT_E_VALUE_NOT_FOUND: 'LIST and LD show what is yours',
};

const withoutStop = (text: string): string =>
  text
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('`', '')
    .replace(/\.$/, '');

export function sayRefusal(error: BatChainError): Refusal {
  const { code } = error;
  // No verb takes --force.
  const isUsual = error.fix === ERROR_CODES[code].fix || code === 'BAT_E_TARGET_EXISTS';
  const why = systemWords(error.why) ?? inWords(error.why);
  const fix = (isUsual ? FIXES[code] : undefined) ?? error.fix;
  return { code, what: withoutStop(error.what), why: withoutStop(why), fix: withoutStop(fix) };
}

/** `what: why; fix  (CODE)`. `H` helps with every verb that was typed wrong: the reason says enough. */
export function refusalLine({ code, what, why, fix }: Refusal): string {
  return `${what}: ${why}${fix === 'H' ? '' : `; ${fix}`}  (${code})`;
}
