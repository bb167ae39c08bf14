// driven: the rungs of one climb, each started in its turn; the first connection wins, and a relayed one is left again for a better.
import { type Connection, type DialFailure, fail, type Result, type Runtime, type Timer } from '@batchain/shared';
import type { Climb } from './climb-log.ts';
import type { PlannedRung } from './ladder-plan.ts';
import type { RungOptions } from './reach-types.ts';

export interface RaceRung extends PlannedRung {
  run(options: RungOptions): Promise<Result<Connection, DialFailure>>;
}

export interface RungRace {
  /** The first connection, or the last failure when no rung led anywhere. Never rejects. */
  readonly first: Promise<Result<Connection, DialFailure>>;
  /** Resolves when nothing of the race goes on any more. */
  readonly done: Promise<void>;
}

export interface RaceHooks {
  /** A path without a relay was found after a relayed one had won. */
  readonly onBetter: (connection: Connection) => void;
}

/**
 * A rung begins at its time, or at once when all that began before it have failed. Without a relay the first one ends the
 * race; after a relayed one the others go on until their budgets end, and the first of them is handed to `onBetter`.
 * Until there is a winner, `signal` ends the race.
 */
export function raceRungs(
  runtime: Runtime,
  climb: Climb,
  rungs: readonly RaceRung[],
  signal: AbortSignal,
  { onBetter }: RaceHooks,
): RungRace {
  const { clock } = runtime;
  const cancel = new AbortController();
  const waiting = rungs.toSorted((a, b) => a.startAfterMs - b.startAfterMs);
  const timers = new Set<Timer>();
  let running = 0;
  let failure: Result<Connection, DialFailure> = fail('unreachable', 'no way to it is known');
  let hasFirst = false;
  let isOver = false;
  let resolveFirst: (result: Result<Connection, DialFailure>) => void = () => undefined;
  let resolveDone: () => void = () => undefined;
  const first = new Promise<Result<Connection, DialFailure>>((resolve) => {
    resolveFirst = resolve;
  });
  const done = new Promise<void>((resolve) => {
    resolveDone = resolve;
  });

  const end = (): void => {
    isOver = true;
    for (const timer of timers) timer.cancel();
    signal.removeEventListener('abort', onAbort);
    cancel.abort();
    if (running === 0) resolveDone();
  };
  const settle = (result: Result<Connection, DialFailure>): void => {
    if (hasFirst) return;
    hasFirst = true;
    resolveFirst(result);
  };
  const onAbort = (): void => {
    if (hasFirst) return;
    settle(fail('aborted'));
    end();
  };
  const take = (connection: Connection): void => {
    if (isOver) connection.close('not-needed');
    else if (connection.path !== 'relayed') {
      if (hasFirst) onBetter(connection);
      else settle({ ok: true, value: connection });
      end();
    } else if (hasFirst) connection.close('not-needed');
    else settle({ ok: true, value: connection });
  };
  const start = (entry: RaceRung): void => {
    waiting.splice(waiting.indexOf(entry), 1);
    running += 1;
    const ended = climb.began(entry.rung, clock.monotonicMs());
    const finish = (result: Result<Connection, DialFailure>): void => {
      running -= 1;
      const nowMs = clock.monotonicMs();
      if (result.ok) {
        ended(isOver ? 'cancelled' : 'won', isOver ? 'another way was faster' : '', nowMs);
        take(result.value);
      } else {
        ended(isOver ? 'cancelled' : 'failed', isOver ? 'another way was faster' : describe(result), nowMs);
        if (!isOver) failure = result;
      }
      advance();
    };
    const options = { signal: cancel.signal, timeoutMs: entry.budgetMs };
    entry.run(options).then(finish, (error: unknown) => finish(fail('error', String(error))));
  };
  const advance = (): void => {
    if (isOver) {
      if (running === 0) resolveDone();
      return;
    }
    if (running > 0) return;
    const next = waiting[0];
    if (next !== undefined) start(next);
    else {
      settle(failure);
      end();
    }
  };

  if (signal.aborted) onAbort();
  else {
    signal.addEventListener('abort', onAbort);
    for (const entry of [...waiting]) {
      if (entry.startAfterMs <= 0) start(entry);
      else
        timers.add(
          clock.setTimer(entry.startAfterMs, () => {
            if (waiting.includes(entry)) start(entry);
          }),
        );
    }
    advance();
  }
  return { first, done };
}

const describe = (failed: { readonly reason: string; readonly detail?: string }): string =>
  failed.detail === undefined || failed.detail === '' ? failed.reason : `${failed.reason}: ${failed.detail}`;
