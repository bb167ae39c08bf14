// pure: the error for a manifest whose place is taken.
import { BatChainError } from '@batchain/shared';

/** A manifest never takes the place of something else by itself. */
export function manifestExists(path: string): BatChainError {
  return new BatChainError('BAT_E_TARGET_EXISTS', {
    what: `${path} is there already`,
    fix: 'choose another path with --manifest, or allow replacing it with --force',
    details: { path },
  });
}
