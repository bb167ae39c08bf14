// pure: the last events, numbered, so that a reader that comes back with the last number it saw misses nothing recent.
import { EVENTS_KEPT_MAX } from '../limits.ts';
import type { NodeEvent } from '../local-node.ts';

export interface LoggedEvent extends NodeEvent {
  readonly id: number;
  readonly atMs: number;
}

export interface EventReader {
  onEvent(event: LoggedEvent): void;
  /** Called when there will be no more. */
  onEnd(): void;
}

export class EventLog {
  readonly #kept: LoggedEvent[] = [];
  readonly #readers = new Set<EventReader>();
  #nextId = 1;

  get readerCount(): number {
    return this.#readers.size;
  }

  add(event: NodeEvent, nowMs: number): void {
    const logged = { ...event, id: this.#nextId++, atMs: nowMs };
    this.#kept.push(logged);
    if (this.#kept.length > EVENTS_KEPT_MAX) this.#kept.shift();
    for (const reader of this.#readers) reader.onEvent(logged);
  }

  /** Gives the reader what is kept after `lastId`, then each new event, until the returned function is called. */
  follow(lastId: number, reader: EventReader): () => void {
    for (const event of this.#kept) if (event.id > lastId) reader.onEvent(event);
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  end(): void {
    for (const reader of this.#readers) reader.onEnd();
    this.#readers.clear();
  }
}
