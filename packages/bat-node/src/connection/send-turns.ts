// driven: frames of all streams of a session, one after the other onto its connection; who takes them too slowly is noticed.
import { type Clock, type Connection, concatBytes, type Timer } from '@batchain/shared';
import { SEND_BUFFER_LOW_BYTES, SLOW_WINDOW_MS } from '../limits.ts';
import { SLOW_WINDOW_BYTES } from './deadlines.ts';

export class SendTurns {
  readonly #clock: Clock;
  readonly #connection: Connection;
  readonly #onTooSlow: () => void;
  #last: Promise<void> = Promise.resolve();

  /** `onTooSlow`: the peer takes less than 4 KiB/s over 30 s of what waits to be sent; it should end the connection (T14). */
  constructor(clock: Clock, connection: Connection, onTooSlow: () => void) {
    this.#clock = clock;
    this.#connection = connection;
    this.#onTooSlow = onTooSlow;
  }

  /** Waits for its turn, then for the connection. `makeHead` answers undefined when the frame is no longer wanted. */
  async send(makeHead: () => Uint8Array | undefined, body: Uint8Array): Promise<void> {
    const before = this.#last;
    let done: () => void = () => undefined;
    this.#last = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    try {
      const head = makeHead();
      if (head === undefined) return;
      const connection = this.#connection;
      await this.#watched(connection.sendParts?.(head, body) ?? connection.send(concatBytes(head, body)));
    } finally {
      done();
    }
  }

  async #watched(sent: Promise<void>): Promise<void> {
    const connection = this.#connection;
    if (connection.bufferedBytes <= SEND_BUFFER_LOW_BYTES) return sent;
    let timer: Timer | undefined;
    const watch = (bufferedBytes: number): void => {
      timer = this.#clock.setTimer(SLOW_WINDOW_MS, () => {
        if (bufferedBytes - connection.bufferedBytes < SLOW_WINDOW_BYTES) this.#onTooSlow();
        else watch(connection.bufferedBytes);
      });
    };
    watch(connection.bufferedBytes);
    try {
      await sent;
    } finally {
      timer?.cancel();
    }
  }
}
