// driven: asks candidates one after the other, each with a head start; the first tunnel wins (RFC 8305 in outline).
import type { Result, Runtime, Timer } from '@batchain/shared';
import { ATTACH_HEAD_START_MS, ATTACH_TIMEOUT_MS } from '../limits.ts';
import type { AttachCandidate } from './attach-plan.ts';
import type { Tunnel } from './switching-socket.ts';

/** Opens a tunnel through whoever is there. */
export type TunnelOpener = (
  candidate: AttachCandidate,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
) => Promise<Result<Tunnel, string>>;

export interface Attached {
  readonly candidate: AttachCandidate;
  readonly tunnel: Tunnel;
}

/** Undefined when nobody opened one, or `signal` aborted. Losers are cancelled. `onFailure` hears why each failed. */
export function raceTunnels(
  runtime: Runtime,
  candidates: readonly AttachCandidate[],
  open: TunnelOpener,
  signal: AbortSignal,
  onFailure: (candidate: AttachCandidate, why: string) => void,
): Promise<Attached | undefined> {
  const cancel = new AbortController();
  const options = { signal: AbortSignal.any([signal, cancel.signal]), timeoutMs: ATTACH_TIMEOUT_MS };
  const waiting = [...candidates];
  let running = 0;
  let isDone = false;
  let headStart: Timer | undefined;
  return new Promise((resolve) => {
    const finish = (attached: Attached | undefined): void => {
      isDone = true;
      headStart?.cancel();
      cancel.abort();
      resolve(attached);
    };
    const settle = (candidate: AttachCandidate, result: Result<Tunnel, string>): void => {
      running -= 1;
      if (isDone) {
        if (result.ok) void result.value.close();
        return;
      }
      if (result.ok) {
        finish({ candidate, tunnel: result.value });
        return;
      }
      onFailure(candidate, result.detail === undefined ? result.reason : `${result.reason}: ${result.detail}`);
      startNext();
    };
    const startNext = (): void => {
      headStart?.cancel();
      const candidate = options.signal.aborted ? undefined : waiting.shift();
      if (candidate === undefined) {
        if (running === 0) finish(undefined);
        return;
      }
      running += 1;
      headStart = runtime.clock.setTimer(ATTACH_HEAD_START_MS, startNext);
      open(candidate, options).then(
        (result) => settle(candidate, result),
        (error: unknown) => settle(candidate, { ok: false, reason: String(error) }),
      );
    };
    startNext();
  });
}
