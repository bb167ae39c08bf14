// pure: an error said for the command as it was typed: fix lines that work as they stand, reasons in words.
import { BatChainError, ERROR_CODES, systemWords } from '@batchain/shared';
import { inWords } from './output/host-words.ts';
import { shellWord } from './output/shell-word.ts';

export interface TypedCommand {
  readonly name: string;
  /** As it was given. */
  readonly argv: readonly string[];
  /** ` --home DIR` or nothing. */
  readonly homeFlag: string;
  /** What helps after a Ctrl-C; undefined when all that there is to do is to run it again. */
  readonly afterInterrupt?: string | undefined;
  /** The same command goes on where it was. */
  readonly resumes: boolean;
}

/** `batchain put 'a b.txt' --home h`, to be pasted. */
export function typedLine(argv: readonly string[]): string {
  return ['batchain', ...argv.map(shellWord)].join(' ');
}

/** The commands that a text names, for this home: `See your files: `batchain ls`.` */
function forHome(text: string, homeFlag: string): string {
  return text.replace(/`(batchain(?: [a-z]+)+)`(\.?)$/g, `$1${homeFlag}`).replace(/`(batchain(?: [a-z]+)+)`/g, `$1${homeFlag}`);
}

function fixOf({ code, fix }: BatChainError, { name, argv, homeFlag, afterInterrupt, resumes }: TypedCommand): string {
  if (fix !== ERROR_CODES[code].fix) return fix.replace(/\b(batchain peers --why [0-9a-f]+)/, `$1${homeFlag}`);
  const again = typedLine(argv);
  switch (code) {
    case 'BAT_E_USAGE':
      return `batchain help ${name}`;
    case 'BAT_E_INTERRUPTED':
      return resumes ? `go on where it was: ${again}` : (afterInterrupt ?? `run it again: ${again}`);
    case 'BAT_E_TIMEOUT':
      return resumes ? `go on where it was: ${again}; or give a longer --timeout` : 'give a longer --timeout';
    case 'BAT_E_DAEMON_LOST':
      return `batchain start${homeFlag} && ${again}`;
    case 'BAT_E_TARGET_EXISTS':
      return name === 'get' ? `replace it: ${again} --force; or choose another path with -o` : fix;
    default:
      return forHome(fix, homeFlag);
  }
}

const MALFORMED = /^manifest: (?:not JSON|not UTF-8)/;

/** The same error in the words of this command. */
export function sayError(error: BatChainError, command: TypedCommand): BatChainError {
  const { code, cause, details } = error;
  const isForeign = code === 'BAT_E_MANIFEST_MALFORMED' && MALFORMED.test(error.why);
  const said = new BatChainError(code, {
    what: isForeign ? error.what.replace('is no manifest that can be used', 'is not a BatChain manifest') : error.what,
    why: isForeign
      ? 'manifests are written by put and end in .batchain; this is a file of another kind, or a damaged one'
      : (systemWords(error.why) ?? inWords(error.why)),
    fix: fixOf(error, command),
    details,
    cause,
  });
  if (error.stack !== undefined) said.stack = error.stack;
  return said;
}
