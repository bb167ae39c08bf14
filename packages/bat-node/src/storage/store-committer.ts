// driven: group commit: changes that come while a round of syncs runs wait and go together into the next.
import { BatChainError, fail, type Result } from '@batchain/shared';
import { COMMIT_BATCH_MAX } from '../limits.ts';
import type { StoreRefusal } from '../ports.ts';
import { type DiskFault, faultOf } from './disk-fault.ts';
import { type StoreParts, StoreTransaction } from './store-transaction.ts';

/**
 * Puts one change into the round. It answers a refusal, having changed nothing, or what the caller is told once the
 * round is durable. It runs alone: no other change is prepared or made durable meanwhile.
 */
export type Change<T, R extends string> = (round: StoreTransaction) => Result<T, R> | Promise<Result<T, R>>;

interface Waiting {
  prepare(round: StoreTransaction): Promise<void>;
  settle(fault: DiskFault | undefined): void;
}

/** The order of changes is the order of `run`. */
export class StoreCommitter {
  readonly #parts: StoreParts;
  readonly #mendIndex: () => Promise<DiskFault | undefined>;
  readonly #waiting: Waiting[] = [];
  readonly #errands: (() => Promise<void>)[] = [];
  #drained: Promise<void> | undefined;

  /** `mendIndex` opens the index anew after it failed to take rows. */
  constructor(parts: StoreParts, mendIndex: () => Promise<DiskFault | undefined>) {
    this.#parts = parts;
    this.#mendIndex = mendIndex;
  }

  /** Resolves when the change is durable or refused. Rejects on broken invariants only. */
  run<T, R extends string>(change: Change<T, R>): Promise<Result<T, R | StoreRefusal>> {
    const refusal = this.#parts.writeRefusal();
    if (refusal !== undefined) return Promise.resolve(fail(refusal));
    return new Promise((resolve, reject) => {
      let prepared: Result<T, R> | undefined;
      this.#waiting.push({
        prepare: async (round) => {
          try {
            prepared = await change(round);
          } catch (error) {
            if (error instanceof BatChainError && error.code === 'BAT_E_INTERNAL') return reject(error);
            const fault = faultOf(error);
            this.#parts.onFault(fault);
            resolve(fail(fault.refusal, fault.message));
          }
        },
        settle: (fault) => {
          if (prepared !== undefined && (fault === undefined || !prepared.ok)) resolve(prepared);
          else if (fault !== undefined) resolve(fail(fault.refusal, fault.message));
        },
      });
      this.#drained ??= this.#drain();
    });
  }

  /** Runs work on the files between two rounds, also while the index takes no rows. Rejects with what the work rejects with. */
  alone(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#errands.push(() => work().then(resolve, reject));
      this.#drained ??= this.#drain();
    });
  }

  /** Resolves when no change waits any more. */
  async idle(): Promise<void> {
    await this.#drained;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length + this.#errands.length > 0) {
      for (const errand of this.#errands.splice(0)) await errand();
      const batch = this.#waiting.splice(0, COMMIT_BATCH_MAX);
      const fault = await this.#round(batch);
      for (const waiting of batch) waiting.settle(fault);
    }
    this.#drained = undefined;
  }

  async #round(batch: readonly Waiting[]): Promise<DiskFault | undefined> {
    try {
      const broken = this.#parts.index.hasFailed ? await this.#mendIndex() : undefined;
      if (broken !== undefined) return broken;
      const round = new StoreTransaction(this.#parts);
      for (const waiting of batch) await waiting.prepare(round);
      await round.execute();
      return undefined;
    } catch (error) {
      const fault = faultOf(error);
      this.#parts.onFault(fault);
      return fault;
    }
  }
}
