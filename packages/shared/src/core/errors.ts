// pure: the one error class of BatChain: a stable code plus what, why and fix.
import { ERROR_CODES, type ErrorCode } from './error-codes.ts';

export interface BatChainErrorOptions {
  /** What went wrong, one line, in the words of the glossary. */
  readonly what: string;
  /** The cause in this very case; defaults to the code's usual cause. */
  readonly why?: string;
  /** A command or an action that helps; defaults to the code's usual fix. */
  readonly fix?: string;
  readonly cause?: unknown;
  /** Facts for programs: plain JSON values only, never a key. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** True when the same call may succeed later without a change. */
  readonly isRetryable?: boolean;
}

/** Base of all errors thrown across BatChain's public surface. Remote failures are results, not exceptions. */
export class BatChainError extends Error {
  readonly code: ErrorCode;
  readonly why: string;
  readonly fix: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly isRetryable: boolean;

  constructor(code: ErrorCode, options: BatChainErrorOptions) {
    super(options.what, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BatChainError';
    this.code = code;
    this.why = options.why ?? ERROR_CODES[code].cause;
    this.fix = options.fix ?? ERROR_CODES[code].fix;
    this.details = options.details ?? {};
    this.isRetryable = options.isRetryable ?? ERROR_CODES[code].exit === 5;
  }

  get what(): string {
    return this.message;
  }

  get exit(): number {
    return ERROR_CODES[this.code].exit;
  }
}

/** What disks do to programs; a store that is a library tells it in its text alone. */
const DISK_FAULTS: readonly (readonly [sign: RegExp, why: string])[] = [
  [/no space left on device/i, 'the disk is full'],
  [/disk quota exceeded/i, 'the quota of this user is used up'],
  [/read-only file system/i, 'the disk can only be read'],
];

/** The error as BatChainError: itself, or wrapped: an abort as BAT_E_INTERRUPTED, a full disk as BAT_E_HOME_UNUSABLE, else as BAT_E_INTERNAL. */
export function toBatChainError(error: unknown): BatChainError {
  if (error instanceof BatChainError) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    return new BatChainError('BAT_E_INTERRUPTED', { what: 'interrupted', cause: error });
  }
  const what = error instanceof Error ? error.message : String(error);
  const diskFault = error instanceof Error ? DISK_FAULTS.find(([sign]) => sign.test(what)) : undefined;
  if (diskFault !== undefined)
    return new BatChainError('BAT_E_HOME_UNUSABLE', {
      what: 'a file of BatChain can not be written',
      why: diskFault[1],
      fix: 'make room on the disk of the home, then do it again',
      cause: error,
    });
  return new BatChainError('BAT_E_INTERNAL', { what, why: 'an unexpected error', cause: error });
}
