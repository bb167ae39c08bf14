// pure: what `WN` keeps under a name: which hash the bytes are under, so that `RN` without a hash finds them (BD-21, BD-22).
import type { ValueFoundView } from '@batchain/participant/client';
import { isHash } from './recent-keys.ts';

export interface ValueReference {
  /** Key of the bytes: their hash. */
  readonly hash: string;
  /** Name of the file that they came from. */
  readonly file: string;
  readonly bytes: number;
}

const MARK = 'batchain-shell/1';

/** The text of its JSON. */
export function makeReference({ hash, file, bytes }: ValueReference): string {
  return JSON.stringify({ refers: MARK, hash, file, bytes });
}

/** Undefined for a value that is no reference of a shell. */
export function readReference(found: ValueFoundView): ValueReference | undefined {
  if (found.kind !== 'json' || typeof found.value !== 'object' || found.value === null) return undefined;
  const { refers, hash, file, bytes } = found.value as unknown as Record<string, unknown>;
  if (refers !== MARK || typeof hash !== 'string' || !isHash(hash) || typeof file !== 'string' || typeof bytes !== 'number')
    return undefined;
  return { hash, file, bytes };
}
