// driven: the fault table that holds now, and the waits for a path to open.
import type { FaultTable } from './fault-table.ts';

export class FaultBook {
  #table: FaultTable;
  readonly #waiters = new Set<() => void>();

  constructor(table: FaultTable) {
    this.#table = table;
  }

  get table(): FaultTable {
    return this.#table;
  }

  set(table: FaultTable): void {
    this.#table = table;
    for (const wake of this.#waiters) wake();
  }

  /** Resolves when `isOpen` holds for the table of then; never after the signal has aborted. */
  untilOpen(isOpen: (table: FaultTable) => boolean, signal: AbortSignal): Promise<void> {
    if (isOpen(this.#table)) return Promise.resolve();
    return new Promise((resolve) => {
      if (signal.aborted) return;
      const forget = (): void => {
        this.#waiters.delete(wake);
        signal.removeEventListener('abort', forget);
      };
      const wake = (): void => {
        if (!isOpen(this.#table)) return;
        forget();
        resolve();
      };
      signal.addEventListener('abort', forget, { once: true });
      this.#waiters.add(wake);
    });
  }
}
