// driven: what every compliance suite gets from an adapter: things to test, and a way to let time pass.

export interface World {
  /**
   * Carries a story to its end. Real adapters just wait for it, which is the default; simulated ones pump their clock.
   */
  run?(story: Promise<void>): Promise<void>;
  /** Frees what the adapter holds. */
  close?(): Promise<void>;
}

/** Builds a world, tells the story in it, and tears the world down again. */
export async function inWorld<W extends World>(makeWorld: () => W | Promise<W>, story: (world: W) => Promise<void>): Promise<void> {
  const world = await makeWorld();
  try {
    const told = story(world);
    await (world.run === undefined ? told : world.run(told));
  } finally {
    await world.close?.();
  }
}

/** A queue between callbacks and a story: what was put in can be awaited in order. */
export class Inbox<T> {
  readonly #items: T[] = [];
  #waiters: ((item: T) => void)[] = [];

  readonly put = (item: T): void => {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#items.push(item);
    else waiter(item);
  };

  /** Items that nobody has taken. */
  get size(): number {
    return this.#items.length;
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#waiters.push(resolve)) : Promise.resolve(item);
  }

  /** The next `count` items. */
  async take(count: number): Promise<T[]> {
    const items: T[] = [];
    while (items.length < count) items.push(await this.next());
    return items;
  }
}
