// pure: what a failed disk call means, in words for the person whose disk it is.
import { systemWords } from '@batchain/shared';
import { errnoOf, isDiskFull } from './file-system.ts';

/** A failed sync wraps what the system said. */
const CAUSES_MAX = 4;

/** `the disk is full`, `the disk reports an error (EIO)`; the error's own text when the system named no code. */
export function diskWords(error: unknown): string {
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error && errnoOf(at) === ''; depth++) at = at.cause;
  if (isDiskFull(at)) return 'the disk is full';
  const code = errnoOf(at);
  const words = systemWords(code);
  if (code !== '') return words === undefined ? `the system says ${code}` : `${words} (${code})`;
  return error instanceof Error ? error.message : String(error);
}
