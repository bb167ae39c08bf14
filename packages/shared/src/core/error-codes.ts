// pure: every error code of BatChain with its exit code, meaning and usual fix; the source of docs/ERRORS.md and `batchain explain`.

/** What is known of one error code. `exit` is the process exit code of the command line. */
export interface ErrorCodeInfo {
  readonly exit: number;
  readonly meaning: string;
  readonly cause: string;
  readonly fix: string;
}

const define = <T extends Record<string, ErrorCodeInfo>>(table: T): T => table;

/** The one table of error codes. Add a row here; `docs/ERRORS.md` is generated from it and a test compares them. */
export const ERROR_CODES = define({
  BAT_E_INTERNAL: {
    exit: 1,
    meaning: 'An invariant of BatChain itself was broken.',
    cause: 'A defect in BatChain.',
    fix: 'Run the command again with --debug and report what it prints.',
  },
  BAT_E_USAGE: {
    exit: 2,
    meaning: 'The command line, an environment variable or the config file is wrong.',
    cause: 'An unknown flag, a missing argument, or a value out of range.',
    fix: 'See `batchain help COMMAND`.',
  },
  BAT_E_INTERRUPTED: {
    exit: 130,
    meaning: 'The work was cancelled before it was done; what was done so far is kept.',
    cause: 'Ctrl-C, or the caller aborted.',
    fix: 'Run the same command again: it resumes.',
  },
  BAT_E_TIMEOUT: {
    exit: 5,
    meaning: 'A deadline passed before the work was done.',
    cause: 'Slow or absent hosts, or too short a --timeout.',
    fix: 'Run the command again, or give a longer --timeout.',
  },
});

export type ErrorCode = keyof typeof ERROR_CODES;
