// driven: the jobs of the daemon: several at once, each cancellable, with progress for whoever watches and a result kept for a while.
import { BatChainError, type Runtime, toBatChainError, toHex } from '@batchain/shared';
import { isoTime } from '@batchain/shared/node';
import { JOB_KEPT_MS, JOBS_KEPT_MAX, JOBS_RUNNING_MAX } from '../limits.ts';
import type { JobView, ProgressLine } from './api-schemas.ts';
import { type Problem, problemOf } from './problem.ts';

/** What a job's work gets. */
export interface JobContext {
  readonly id: string;
  /** Aborts when the job is cancelled. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ProgressLine) => void;
  readonly onNote: (note: string) => void;
  /** Of work that serves until it is ended: it does so now, and where. */
  readonly onReady: (ready: unknown) => void;
}

/** Watches one job; calls come in order, `onEnd` last and once. */
export interface JobWatcher {
  onProgress(progress: ProgressLine): void;
  onNote(note: string): void;
  onReady?(ready: unknown): void;
  onEnd(outcome: JobOutcome): void;
}

export type JobOutcome = { readonly result: unknown } | { readonly problem: Problem };

interface Job {
  readonly id: string;
  readonly kind: string;
  readonly startedAtMs: number;
  readonly controller: AbortController;
  progress: ProgressLine | undefined;
  outcome: JobOutcome | undefined;
  endedAtMs: number | undefined;
  done: Promise<void>;
}

/** Nobody at the command asked for it: it is the daemon that went away. */
const stopped = (): BatChainError =>
  new BatChainError('BAT_E_DAEMON_LOST', { what: 'the daemon was stopped before the command was done', why: 'it was told to stop' });
const cancelled = (why: string): BatChainError => new BatChainError('BAT_E_INTERRUPTED', { what: 'the work was cancelled', why });

export class JobTable {
  readonly #runtime: Runtime;
  readonly #jobs = new Map<string, Job>();
  #isStopping = false;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get running(): number {
    return [...this.#jobs.values()].filter((job) => job.outcome === undefined).length;
  }

  /** Starts the work; its end is told to the watcher only. Throws BAT_E_DAEMON_BUSY. */
  start(kind: string, work: (context: JobContext) => Promise<unknown>, watcher?: JobWatcher): string {
    this.#forgetOld();
    if (this.#isStopping) throw stopped();
    if (this.running >= JOBS_RUNNING_MAX) {
      throw new BatChainError('BAT_E_DAEMON_BUSY', { what: `${JOBS_RUNNING_MAX} jobs run already`, isRetryable: true });
    }
    const { clock, entropy } = this.#runtime;
    const job: Job = {
      id: toHex(entropy.bytes(8)),
      kind,
      startedAtMs: clock.nowMs(),
      controller: new AbortController(),
      progress: undefined,
      outcome: undefined,
      endedAtMs: undefined,
      done: Promise.resolve(),
    };
    this.#jobs.set(job.id, job);
    // Not before the caller knows the id.
    job.done = Promise.resolve().then(() => this.#drive(job, work, watcher));
    return job.id;
  }

  async #drive(job: Job, work: (context: JobContext) => Promise<unknown>, watcher: JobWatcher | undefined): Promise<void> {
    const onProgress = (progress: ProgressLine): void => {
      job.progress = progress;
      watcher?.onProgress(progress);
    };
    let outcome: JobOutcome;
    try {
      const onNote = (note: string): void => watcher?.onNote(note);
      const onReady = (ready: unknown): void => watcher?.onReady?.(ready);
      outcome = { result: await work({ id: job.id, signal: job.controller.signal, onProgress, onNote, onReady }) };
    } catch (error) {
      outcome = { problem: problemOf(this.#errorOf(job, error)) };
    }
    job.outcome = outcome;
    job.endedAtMs = this.#runtime.clock.monotonicMs();
    watcher?.onEnd(outcome);
  }

  /** An aborted job failed because of the abort, whatever the work threw on its way out. */
  #errorOf(job: Job, error: unknown): BatChainError {
    const { signal } = job.controller;
    if (signal.aborted && signal.reason instanceof BatChainError) return signal.reason;
    const known = toBatChainError(error);
    if (known.code === 'BAT_E_INTERNAL') {
      this.#runtime.log.error('api.job.failed', {
        job: job.id,
        kind: job.kind,
        what: known.what,
        stack: error instanceof Error ? error.stack : undefined,
      });
    }
    return known;
  }

  #forgetOld(): void {
    const ended = [...this.#jobs.values()].filter((job) => job.endedAtMs !== undefined);
    const nowMs = this.#runtime.clock.monotonicMs();
    ended.forEach((job, i) => {
      if (ended.length - i > JOBS_KEPT_MAX || nowMs - (job.endedAtMs ?? nowMs) > JOB_KEPT_MS) this.#jobs.delete(job.id);
    });
  }

  #find(id: string): Job {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new BatChainError('BAT_E_JOB_NOT_FOUND', { what: `no job ${id}` });
    return job;
  }

  /** Harmless when it has ended. Throws BAT_E_JOB_NOT_FOUND. */
  cancel(id: string, why: string): JobView {
    const job = this.#find(id);
    job.controller.abort(cancelled(why));
    return this.#view(job);
  }

  view(id: string): JobView {
    return this.#view(this.#find(id));
  }

  list(): JobView[] {
    this.#forgetOld();
    return [...this.#jobs.values()].map((job) => this.#view(job));
  }

  #view(job: Job): JobView {
    const { outcome } = job;
    return {
      id: job.id,
      kind: job.kind,
      state: outcome === undefined ? 'running' : 'result' in outcome ? 'done' : 'failed',
      startedAt: isoTime(job.startedAtMs),
      progress: job.progress ?? null,
      result: outcome !== undefined && 'result' in outcome ? outcome.result : null,
      problem: outcome !== undefined && 'problem' in outcome ? outcome.problem : null,
    };
  }

  /** Cancels all and resolves when their work has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const job of this.#jobs.values()) job.controller.abort(stopped());
    await Promise.all([...this.#jobs.values()].map((job) => job.done));
  }
}
