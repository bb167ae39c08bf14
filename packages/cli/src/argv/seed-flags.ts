// pure: the flags of the seeds (`-u FILE`, `-d MANIFEST`, `-l`, `-a`, `-s`) turned into today's verbs (BN-50 to BN-53, BN-57).
import { usageError } from './usage-error.ts';

interface SeedFlag {
  readonly verb: string;
  readonly long?: string;
  /** False for `-l`. */
  readonly takesValue: boolean;
}

export const SEED_FLAGS: Readonly<Record<string, SeedFlag>> = {
  u: { verb: 'put', long: 'upload', takesValue: true },
  d: { verb: 'get', long: 'download', takesValue: true },
  l: { verb: 'ls', long: 'list', takesValue: false },
  a: { verb: 'audit', long: 'audit', takesValue: true },
  s: { verb: 'hash', takesValue: true },
};

interface Found {
  readonly letter: string;
  readonly flag: SeedFlag;
  /** Undefined when it is the next word. */
  readonly value: string | undefined;
}

function findSeedFlag(word: string): Found | undefined {
  for (const [letter, flag] of Object.entries(SEED_FLAGS)) {
    if (word === `-${letter}` || word === `--${flag.long}`) return { letter, flag, value: undefined };
    if (!flag.takesValue) continue;
    if (flag.long !== undefined && word.startsWith(`--${flag.long}=`)) return { letter, flag, value: word.slice(flag.long.length + 3) };
    if (word.startsWith(`-${letter}`) && !word.startsWith('--')) return { letter, flag, value: word.slice(word[2] === '=' ? 3 : 2) };
  }
  return undefined;
}

/**
 * The arguments with a seed's flag replaced by its verb in front; as they are when a verb stands there already.
 * `takesValue` says which other flags are followed by a word. Throws BAT_E_USAGE for two verbs at once.
 */
export function expandSeedFlags(argv: readonly string[], takesValue: (flag: string) => boolean): string[] {
  let seed: Found | undefined;
  let value: string | undefined;
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string;
    if (word === '--') return seed === undefined ? [...argv] : finish(seed, value, [...rest, ...argv.slice(i)]);
    // A verb: from here on the letters belong to it.
    if (!word.startsWith('-') && seed === undefined) return [...argv];
    const found = findSeedFlag(word);
    if (found === undefined) {
      rest.push(word);
      if (word.startsWith('-') && !word.includes('=') && takesValue(word)) rest.push(...argv.slice(++i, i + 1));
      continue;
    }
    if (seed !== undefined) throw usageError(`-${seed.letter} and -${found.letter} at once`, 'one file at a time, and one thing with it');
    seed = found;
    value = found.value;
    const next = argv[i + 1];
    if (found.flag.takesValue && value === undefined && next !== undefined && !next.startsWith('-')) {
      value = next;
      i++;
    }
  }
  return seed === undefined ? [...argv] : finish(seed, value, rest);
}

function finish(seed: Found, value: string | undefined, rest: readonly string[]): string[] {
  const { verb, takesValue } = seed.flag;
  // `-a` alone audits nothing in particular, which is all; the others need their file.
  if (takesValue && (value === undefined || value === '') && verb !== 'audit') {
    throw usageError(`-${seed.letter} needs a file`, `usage: batchain -${seed.letter} ${verb === 'get' ? 'MANIFEST' : 'FILE'}`, verb);
  }
  return [verb, ...(value === undefined ? [] : [value]), ...rest];
}
