// pure: what a failed disk call means, in words for the person whose disk it is.
import { errnoOf, isDiskFull } from './file-system.ts';

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'the permission is missing',
  EPERM: 'the permission is missing',
  EROFS: 'the file system is read-only',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is no folder',
  ELOOP: 'a symbolic link is in the way',
  ENAMETOOLONG: 'the name is too long for the file system',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EIO: 'the disk fails',
};
/** A failed sync wraps what the system said. */
const CAUSES_MAX = 4;

/** `the disk is full`, `the disk fails (EIO)`; the error's own text when the system named no code. */
export function diskWords(error: unknown): string {
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error && errnoOf(at) === ''; depth++) at = at.cause;
  if (isDiskFull(at)) return 'the disk is full';
  const code = errnoOf(at);
  if (code !== '') return WORDS[code] === undefined ? `the system says ${code}` : `${WORDS[code]} (${code})`;
  return error instanceof Error ? error.message : String(error);
}
