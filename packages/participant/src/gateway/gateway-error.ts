// pure: why a request to the gateway is not carried out, with its HTTP status; and the status of every other error.
import { BatChainError, type ErrorCode } from '@batchain/shared';
import { type Problem, problemOf, statusOf } from '../api/problem.ts';

export interface GatewayWords {
  readonly what: string;
  readonly why?: string;
  readonly fix?: string;
  readonly cause?: unknown;
}

const CODE_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'BAT_E_TOKEN_REQUIRED',
  403: 'BAT_E_FORBIDDEN',
  404: 'BAT_E_REF_NOT_FOUND',
  409: 'BAT_E_TARGET_EXISTS',
  412: 'BAT_E_TARGET_EXISTS',
  429: 'BAT_E_DAEMON_BUSY',
  503: 'BAT_E_NODE_STOPPED',
  507: 'BAT_E_TARGET_UNWRITABLE',
};

export class GatewayError extends BatChainError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, words: GatewayWords, headers: Readonly<Record<string, string>> = {}) {
    super(CODE_BY_STATUS[status] ?? 'BAT_E_BAD_REQUEST', { fix: 'compare the request with docs/spec/http-gateway.md', ...words });
    this.status = status;
    this.headers = headers;
  }
}

export function outOfRange(bytesTotal: number): GatewayError {
  return new GatewayError(
    416,
    { what: 'the range begins behind the end', why: `there are ${bytesTotal} bytes` },
    { 'content-range': `bytes */${bytesTotal}` },
  );
}

/** Where a client of HTTP expects another one than the local API gives. */
const STATUS_BY_CODE: Partial<Record<ErrorCode, number>> = {
  BAT_E_VALUE_TOO_LARGE: 413,
  BAT_E_FILE_TOO_LARGE: 413,
  BAT_E_VALUES_FULL: 507,
  BAT_E_HOME_UNUSABLE: 507,
  // What others gave is wrong, not what the client sent.
  BAT_E_VALUE_BROKEN: 502,
  BAT_E_UNRECOVERABLE: 502,
  BAT_E_CONTENT_MISMATCH: 502,
  BAT_E_MANIFEST_MALFORMED: 502,
  BAT_E_MANIFEST_UNSUPPORTED: 502,
  BAT_E_MANIFEST_SIGNATURE: 502,
};

/** In place of what the command line would say. */
const FIX_BY_CODE: Partial<Record<ErrorCode, string>> = {
  BAT_E_NOT_ENOUGH_PEERS: 'choose a policy for the hosts that are there (?policy=KofN; 1of1 is a single copy), or wait for more of them',
  BAT_E_USAGE: 'compare the request with docs/spec/http-gateway.md',
};

export function gatewayProblemOf(error: BatChainError): Problem {
  const problem = problemOf(error);
  return { ...problem, fix: FIX_BY_CODE[error.code] ?? problem.fix };
}

export function statusOfError(error: BatChainError): number {
  return error instanceof GatewayError ? error.status : (STATUS_BY_CODE[error.code] ?? statusOf(problemOf(error)));
}
