// driven: places for streams that we open: as many as the peer allows; who finds none waits a while.
import type { Clock } from '@batchain/shared';
import { STREAM_WAIT_MS, STREAMS_WAITING_MAX } from '../limits.ts';
import { StreamClosedError } from './stream-closed-error.ts';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class StreamPlaces {
  readonly #clock: Clock;
  #max: number;
  #taken = 0;
  #isClosed = false;
  readonly #waiters = new Set<Waiter>();

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  limit(max: number): void {
    this.#max = max;
  }

  /** Rejects with StreamClosedError (`busy`, `closed`) or the signal's reason. */
  async take(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw new StreamClosedError('closed');
    if (this.#taken < this.#max) {
      this.#taken += 1;
      return;
    }
    if (this.#waiters.size >= STREAMS_WAITING_MAX) throw new StreamClosedError('busy');
    let stopWaiting: () => void = () => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter = { resolve, reject };
        const timer = this.#clock.setTimer(STREAM_WAIT_MS, () => reject(new StreamClosedError('busy')));
        const onAbort = (): void => reject(signal?.reason);
        signal?.addEventListener('abort', onAbort);
        this.#waiters.add(waiter);
        stopWaiting = () => {
          this.#waiters.delete(waiter);
          timer.cancel();
          signal?.removeEventListener('abort', onAbort);
        };
      });
    } finally {
      stopWaiting();
    }
  }

  /** The place goes to who waits longest. */
  free(): void {
    const [first] = this.#waiters;
    if (first === undefined) {
      this.#taken -= 1;
      return;
    }
    this.#waiters.delete(first);
    first.resolve();
  }

  close(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters) waiter.reject(new StreamClosedError('closed'));
    this.#waiters.clear();
  }
}
