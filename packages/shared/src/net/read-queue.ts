// driven: what came in and waits for its reader, for adapters of the Connection port whose network can not be told to stop.

/** What the adapter does with an item whose turn has come; `handler` is whose messages they are. */
export type TakeItem<T> = (item: T, handler: (message: Uint8Array) => void) => void;

/** In order, to one reader, and only while it reads. Whoever pushes bounds it. */
export class ReadQueue<T> {
  readonly #later: (read: () => void) => void;
  readonly #take: TakeItem<T>;
  readonly #items: T[] = [];
  #handler: ((message: Uint8Array) => void) | undefined;
  #isPaused = false;
  #isReadArmed = false;

  /** `later` runs what it is given in an event of its own. */
  constructor(later: (read: () => void) => void, take: TakeItem<T>) {
    this.#later = later;
    this.#take = take;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    this.#handler = handler;
    this.#armRead();
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#armRead();
  }

  push(item: T): void {
    this.#items.push(item);
    if (!this.#isReadArmed) this.#read();
  }

  /** Nothing of it will be read; returns what it was. */
  clear(): T[] {
    return this.#items.splice(0);
  }

  /** Reading goes on in an event of its own, never inside the caller. */
  #armRead(): void {
    if (this.#isReadArmed || this.#items.length === 0) return;
    this.#isReadArmed = true;
    this.#later(() => {
      this.#isReadArmed = false;
      this.#read();
    });
  }

  #read(): void {
    while (this.#handler !== undefined && !this.#isPaused) {
      const item = this.#items.shift();
      if (item === undefined) return;
      this.#take(item, this.#handler);
    }
  }
}
