// driven: one thing at a time for each key; different keys do not wait for one another.

export class KeyedTurns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` when all that was given for the key before has ended. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(work, work);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, settled);
    settled
      .then(() => {
        if (this.#last.get(key) === settled) this.#last.delete(key);
      })
      .catch(() => undefined);
    return turn;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}
