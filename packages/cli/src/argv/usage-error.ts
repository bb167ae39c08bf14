// pure: mistakes on the command line, with the nearest word that would be right.
import { BatChainError } from '@batchain/shared';
import { distance } from 'fastest-levenshtein';

/** Further apart is another word, not a typo. */
const TYPO_DISTANCE_MAX = 2;

export function usageError(what: string, why: string, command?: string): BatChainError {
  return new BatChainError('BAT_E_USAGE', { what, why, fix: command === undefined ? 'batchain help' : `batchain help ${command}` });
}

/** The known word that was probably meant. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, apart: distance(word.toLowerCase(), candidate) }))
    .sort((a, b) => a.apart - b.apart);
  const best = ranked[0];
  return best !== undefined && best.apart <= Math.min(TYPO_DISTANCE_MAX, word.length - 1) ? best.candidate : undefined;
}
