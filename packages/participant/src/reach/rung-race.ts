// driven: the rungs of one climb, each started in its turn; the first connection wins, and a relayed one is left again for a better.
import { type Connection, type DialFailure, fail, ok, type Result, type Runtime, type Timer } from '@batchain/shared';
import type { Climb } from './climb-log.ts';
import type { PlannedRung } from './ladder-plan.ts';
import type { RungOptions } from './reach-types.ts';

export interface RaceRung extends PlannedRung {
  run(options: RungOptions): Promise<Result<Connection, DialFailure>>;
}

export interface RaceHooks {
  /** A path without a relay was found after the first connection had been handed out. */
  readonly onBetter: (connection: Connection) => void;
  /** Ends everything, also what goes on after a relayed connection was handed out. */
  readonly stop?: AbortSignal;
  /**
   * So long other ways may still come after the first without a relay; they go to `onBetter`. The caller decides which way it keeps and
   * has none; the called end cannot know that, and must not close the one that the caller kept.
   */
  readonly lingerMs?: number;
}

type RungResult = Result<Connection, DialFailure>;

const FASTER = 'another way was faster';

/**
 * A rung begins at its time, or at once when all that began before it have failed, and ends with its budget. Without a relay the first
 * connection ends the race; after a relayed one the others go on, and the first of them is handed to `onBetter`. Until there is
 * a connection, `signal` ends the race.
 */
export class RungRace {
  /** The first connection, or the last failure when no rung led anywhere. Never rejects. */
  readonly first: Promise<RungResult>;
  /** Resolves when nothing of the race goes on any more. */
  readonly done: Promise<void>;
  readonly #runtime: Runtime;
  readonly #climb: Climb;
  readonly #signal: AbortSignal;
  readonly #hooks: RaceHooks;
  readonly #waiting: RaceRung[];
  readonly #cancel = new AbortController();
  readonly #timers = new Set<Timer>();
  #running = 0;
  #failure: RungResult = fail('unreachable', 'no way to it is known');
  #hasFirst = false;
  #isOver = false;
  #resolveFirst: (result: RungResult) => void = () => undefined;
  #resolveDone: () => void = () => undefined;

  constructor(runtime: Runtime, climb: Climb, rungs: readonly RaceRung[], signal: AbortSignal, hooks: RaceHooks) {
    this.#runtime = runtime;
    this.#climb = climb;
    this.#signal = signal;
    this.#hooks = hooks;
    this.#waiting = rungs.toSorted((a, b) => a.startAfterMs - b.startAfterMs);
    this.first = new Promise((resolve) => {
      this.#resolveFirst = resolve;
    });
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
    if (signal.aborted || hooks.stop?.aborted === true) this.#onStop();
    else this.#begin();
  }

  #begin(): void {
    this.#signal.addEventListener('abort', this.#onAbort);
    this.#hooks.stop?.addEventListener('abort', this.#onStop);
    for (const entry of [...this.#waiting]) {
      if (entry.startAfterMs <= 0) this.#start(entry);
      else this.#timers.add(this.#runtime.clock.setTimer(entry.startAfterMs, () => this.#waiting.includes(entry) && this.#start(entry)));
    }
    this.#advance();
  }

  readonly #onAbort = (): void => {
    if (!this.#hasFirst) this.#onStop();
  };

  readonly #onStop = (): void => {
    this.#settle(fail('aborted'));
    if (!this.#isOver) this.#end();
  };

  #start(entry: RaceRung): void {
    const { clock } = this.#runtime;
    this.#waiting.splice(this.#waiting.indexOf(entry), 1);
    this.#running += 1;
    const ended = this.#climb.began(entry.rung, clock.monotonicMs());
    const budget = new AbortController();
    const deadline = clock.setTimer(entry.budgetMs, () => budget.abort());
    const finish = (result: RungResult): void => {
      deadline.cancel();
      this.#running -= 1;
      const isLate = !result.ok && result.reason === 'aborted' && budget.signal.aborted;
      const end: RungResult = isLate ? fail('timeout', `${entry.budgetMs} ms`) : result;
      const reason = this.#isOver ? FASTER : end.ok ? '' : describe(end);
      ended(this.#isOver ? 'cancelled' : end.ok ? 'won' : 'failed', reason, clock.monotonicMs());
      if (end.ok) this.#take(end.value);
      else if (!this.#isOver) this.#failure = end;
      this.#advance();
    };
    const options: RungOptions = {
      signal: AbortSignal.any([this.#cancel.signal, budget.signal]),
      timeoutMs: entry.budgetMs,
      isDecided: () => this.#hasFirst,
    };
    entry.run(options).then(finish, (error: unknown) => finish(fail('error', String(error))));
  }

  #take(connection: Connection): void {
    if (this.#isOver) connection.close('not-needed');
    else if (connection.path !== 'relayed') {
      if (this.#hasFirst) this.#hooks.onBetter(connection);
      else this.#settle(ok(connection));
      this.#linger();
    } else if (this.#hasFirst) connection.close('not-needed');
    else this.#settle(ok(connection));
  }

  #linger(): void {
    const { lingerMs = 0 } = this.#hooks;
    this.#waiting.length = 0;
    if (lingerMs <= 0) this.#end();
    else this.#timers.add(this.#runtime.clock.setTimer(lingerMs, () => !this.#isOver && this.#end()));
  }

  #settle(result: RungResult): void {
    if (this.#hasFirst) return;
    this.#hasFirst = true;
    this.#resolveFirst(result);
  }

  #end(): void {
    this.#isOver = true;
    for (const timer of this.#timers) timer.cancel();
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#hooks.stop?.removeEventListener('abort', this.#onStop);
    this.#cancel.abort();
    if (this.#running === 0) this.#resolveDone();
  }

  #advance(): void {
    if (this.#running > 0) return;
    if (this.#isOver) this.#resolveDone();
    else if (this.#waiting[0] !== undefined) this.#start(this.#waiting[0]);
    else {
      this.#settle(this.#failure);
      this.#end();
    }
  }
}

const describe = (failed: { readonly reason: string; readonly detail?: string }): string =>
  failed.detail === undefined || failed.detail === '' ? failed.reason : `${failed.reason}: ${failed.detail}`;
