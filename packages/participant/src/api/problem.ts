// pure: errors as JSON, the same fields as on the command line, and the HTTP status that goes with each.
import { BatChainError, ERROR_CODES, type ErrorCode } from '@batchain/shared';
import { z } from 'zod';

export const problemSchema = z.object({
  code: z.string(),
  what: z.string(),
  why: z.string(),
  fix: z.string(),
  exit: z.number().int(),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type Problem = z.infer<typeof problemSchema>;

export function problemOf(error: BatChainError): Problem {
  const { code, what, why, fix, exit, details } = error;
  return { code, what, why, fix, exit, ...(Object.keys(details).length > 0 ? { details } : {}) };
}

/** The error that a problem from the daemon stands for. */
export function errorOfProblem(problem: Problem): BatChainError {
  const isKnown = Object.hasOwn(ERROR_CODES, problem.code);
  return new BatChainError(isKnown ? (problem.code as ErrorCode) : 'BAT_E_INTERNAL', {
    what: problem.what,
    why: isKnown ? problem.why : `${problem.code}: ${problem.why}`,
    fix: problem.fix,
    details: problem.details ?? {},
  });
}

const STATUS_BY_EXIT: Readonly<Record<number, number>> = { 1: 500, 2: 400, 4: 404, 5: 503, 6: 507, 7: 422, 8: 403, 130: 499 };
const STATUS_BY_CODE: Partial<Record<ErrorCode, number>> = {
  BAT_E_TARGET_EXISTS: 409,
  BAT_E_REF_AMBIGUOUS: 409,
  BAT_E_TIMEOUT: 504,
  BAT_E_DAEMON_BUSY: 429,
};

export function statusOf(problem: Pick<Problem, 'code' | 'exit'>): number {
  return STATUS_BY_CODE[problem.code as ErrorCode] ?? STATUS_BY_EXIT[problem.exit] ?? 500;
}
