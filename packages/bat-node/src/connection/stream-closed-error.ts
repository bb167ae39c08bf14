// pure: what a stream's calls reject with once the stream or its session has ended.
import { BatChainError } from '@batchain/shared';

/** `reason`: the word of the reset, `closed` (the session ended), `timeout` (no item in time) or `ended` (after our own end). */
export class StreamClosedError extends BatChainError {
  readonly reason: string;

  constructor(reason: string) {
    super('BAT_E_CONNECTION_CLOSED', { what: `the stream is closed (${reason})`, details: { reason } });
    this.name = 'StreamClosedError';
    this.reason = reason;
  }
}
