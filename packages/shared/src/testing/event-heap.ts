// pure: the simulator's binary heap of events, ordered by time, then by order of insertion.

export interface SimEvent {
  readonly atMs: number;
  readonly order: number;
  /** Undefined once cancelled or run. */
  run: (() => void) | undefined;
}

/** Cancelled events stay until they come up, or until they are this many and more than half of the heap. */
const CANCELLED_MAX = 1024;

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** A total order, so that the inner shape of the heap never shows. */
export class EventHeap {
  #events: SimEvent[] = [];
  #nextOrder = 0;
  #cancelledCount = 0;

  /** Events that will still run. */
  get size(): number {
    return this.#events.length - this.#cancelledCount;
  }

  push(atMs: number, run: () => void): SimEvent {
    const event: SimEvent = { atMs, order: this.#nextOrder++, run };
    this.#events.push(event);
    this.#siftUp(this.#events.length - 1);
    return event;
  }

  /** Harmless for an event that ran or was cancelled already. */
  cancel(event: SimEvent): void {
    if (event.run === undefined) return;
    event.run = undefined;
    this.#cancelledCount++;
    if (this.#cancelledCount > CANCELLED_MAX && this.#cancelledCount * 2 > this.#events.length) this.#compact();
  }

  /** The earliest event that will run, left in place. */
  peek(): SimEvent | undefined {
    for (;;) {
      const first = this.#events[0];
      if (first === undefined || first.run !== undefined) return first;
      this.#removeFirst();
      this.#cancelledCount--;
    }
  }

  /** Takes the earliest event out and returns what to run; the event counts as run from here on. */
  take(event: SimEvent): (() => void) | undefined {
    const { run } = event;
    event.run = undefined;
    this.#removeFirst();
    return run;
  }

  #removeFirst(): void {
    const last = this.#events.pop();
    if (last === undefined || this.#events.length === 0) return;
    this.#events[0] = last;
    this.#siftDown(0);
  }

  #siftUp(start: number): void {
    const events = this.#events;
    const event = events[start] as SimEvent;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = events[parent] as SimEvent;
      if (isBefore(above, event)) break;
      events[at] = above;
      at = parent;
    }
    events[at] = event;
  }

  #siftDown(start: number): void {
    const events = this.#events;
    const event = events[start] as SimEvent;
    let at = start;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isBefore(events[child + 1] as SimEvent, events[child] as SimEvent)) child++;
      const below = events[child] as SimEvent;
      if (isBefore(event, below)) break;
      events[at] = below;
      at = child;
    }
    events[at] = event;
  }

  #compact(): void {
    this.#events = this.#events.filter((event) => event.run !== undefined);
    this.#cancelledCount = 0;
    for (let i = (this.#events.length >> 1) - 1; i >= 0; i--) this.#siftDown(i);
  }
}
