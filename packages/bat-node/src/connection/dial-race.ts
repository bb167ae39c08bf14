// driven: dials the addresses of one node with head starts; the first that proves the node's id wins (RFC 8305 in outline).
import {
  type Address,
  type Connection,
  type Dialer,
  type DialFailure,
  fail,
  type NodeId,
  type Result,
  type Runtime,
} from '@batchain/shared';
import { DIAL_HEAD_START_MS } from '../limits.ts';

export interface DialRaceOptions {
  readonly signal: AbortSignal;
  /** Budget of each address. */
  readonly timeoutMs: number;
}

/**
 * Starts with the first address; the next one follows when the one before has failed, or beside it when it has not
 * answered for DIAL_HEAD_START_MS. Losers are cancelled. The failure is that of the last address to fail.
 */
export function dialFirst(
  runtime: Runtime,
  dialer: Dialer,
  addresses: readonly Address[],
  expected: NodeId,
  options: DialRaceOptions,
): Promise<Result<Connection, DialFailure>> {
  const cancel = new AbortController();
  const signal = AbortSignal.any([options.signal, cancel.signal]);
  return new Promise((resolve) => {
    let failure: Result<Connection, DialFailure> = fail('unreachable', 'no address is known');
    let started = 0;
    let running = 0;
    let isDone = false;
    let headStart = runtime.clock.setTimer(0, () => undefined);
    const finish = (result: Result<Connection, DialFailure>): void => {
      isDone = true;
      headStart.cancel();
      cancel.abort();
      resolve(result);
    };
    const settle = (result: Result<Connection, DialFailure>): void => {
      running -= 1;
      if (isDone) {
        if (result.ok) result.value.close('not-needed');
      } else if (result.ok) finish(result);
      else {
        failure = result;
        startNext();
      }
    };
    const startNext = (): void => {
      headStart.cancel();
      const address = signal.aborted ? undefined : addresses[started];
      if (address === undefined) {
        if (running === 0) finish(signal.aborted ? fail('aborted') : failure);
        return;
      }
      started += 1;
      running += 1;
      headStart = runtime.clock.setTimer(DIAL_HEAD_START_MS, startNext);
      dialer
        .dial(address, expected, { signal, timeoutMs: options.timeoutMs })
        .then(settle, (error: unknown) => settle(fail('error', String(error))));
    };
    startNext();
  });
}
