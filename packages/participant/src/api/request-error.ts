// pure: a request that the local API does not take, with its HTTP status.
import { BatChainError } from '@batchain/shared';

export class RequestError extends BatChainError {
  readonly status: number;

  constructor(status: number, what: string, why?: string) {
    super(status === 403 ? 'BAT_E_FORBIDDEN' : 'BAT_E_BAD_REQUEST', why === undefined ? { what } : { what, why });
    this.status = status;
  }
}
