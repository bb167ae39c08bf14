// pure: which hosts cannot reach which at the moment, and which paths are clogged.

/** Members, or everybody who is not on the other side of the rule. */
type Side<T> = ReadonlySet<T> | undefined;

interface Cut<T> {
  readonly from: Side<T>;
  readonly to: Side<T>;
}

interface Clog<T> extends Cut<T> {
  readonly untilMs: number;
}

function covers<T>(rule: Cut<T>, from: T, to: T): boolean {
  const isFrom = rule.from === undefined ? rule.to?.has(from) === false : rule.from.has(from);
  const isTo = rule.to === undefined ? rule.from?.has(to) === false : rule.to.has(to);
  return isFrom && isTo;
}

const sideOf = <T>(members: readonly T[] | undefined): Side<T> => (members === undefined ? undefined : new Set(members));

/** Partitions (one way or both) and clogs between the members of a network. */
export class PathFaults<T> {
  readonly #cuts = new Set<Cut<T>>();
  #clogs: Clog<T>[] = [];

  /** Nothing gets from `from` to `to`; undefined stands for everybody else. Returns what heals this cut. */
  cut(from: readonly T[] | undefined, to: readonly T[] | undefined): () => void {
    const rule = { from: sideOf(from), to: sideOf(to) };
    this.#cuts.add(rule);
    return () => void this.#cuts.delete(rule);
  }

  /** What is sent from `from` to `to` waits until then. */
  clog(from: readonly T[] | undefined, to: readonly T[] | undefined, untilMs: number): void {
    this.#clogs.push({ from: sideOf(from), to: sideOf(to), untilMs });
  }

  heal(): void {
    this.#cuts.clear();
    this.#clogs = [];
  }

  isCut(from: T, to: T): boolean {
    for (const rule of this.#cuts) if (covers(rule, from, to)) return true;
    return false;
  }

  /** When the path is free again; `nowMs` when it is. Forgets clogs that have ended. */
  freeAtMs(from: T, to: T, nowMs: number): number {
    if (this.#clogs.length === 0) return nowMs;
    this.#clogs = this.#clogs.filter((rule) => rule.untilMs > nowMs);
    return this.#clogs.reduce((latest, rule) => (covers(rule, from, to) ? Math.max(latest, rule.untilMs) : latest), nowMs);
  }
}
