// driven: the wire of a participant with the faults of the laboratory on all its paths.
import type { ParticipantWire } from '@batchain/participant';
import { type Connection, type Dialer, fail, type Listener, ok, type Runtime, toHex } from '@batchain/shared';
import { HANDSHAKE_ROUND_TRIPS } from '../limits.ts';
import type { FaultBook } from './fault-book.ts';
import type { FaultTable, LabPath } from './fault-table.ts';
import { FaultyConnection } from './faulty-connection.ts';
import { FaultySocket } from './faulty-socket.ts';

/** A SYN over a cut path is sent again until the path heals or the dial's time is over. */
function faultyDialer(runtime: Runtime, inner: Dialer, book: FaultBook): Dialer {
  const { clock } = runtime;
  return {
    dial: async (address, expected, options) => {
      const pathIn = (table: FaultTable): LabPath =>
        expected === undefined ? table.toBatPort(address.port) : table.toNode(toHex(expected));
      const startedMs = clock.monotonicMs();
      const over = new AbortController();
      const signal = options.signal === undefined ? over.signal : AbortSignal.any([over.signal, options.signal]);
      const late = clock.sleep(options.timeoutMs, signal).catch(() => undefined);
      const open = async (): Promise<'open'> => {
        await book.untilOpen((table) => !pathIn(table).isCut, signal);
        const { delayMs } = pathIn(book.table);
        if (delayMs > 0) await clock.sleep(2 * HANDSHAKE_ROUND_TRIPS * delayMs, signal).catch(() => undefined);
        return 'open';
      };
      const first = await Promise.race([open(), late]);
      over.abort();
      if (options.signal?.aborted === true) return fail('aborted');
      if (first !== 'open') return fail('timeout');
      const timeoutMs = Math.max(1, options.timeoutMs - (clock.monotonicMs() - startedMs));
      const dialled = await inner.dial(address, expected, { ...options, timeoutMs });
      return dialled.ok ? ok(new FaultyConnection(runtime, dialled.value, book)) : dialled;
    },
  };
}

class FaultyListener implements Listener {
  readonly #runtime: Runtime;
  readonly #inner: Listener;
  readonly #book: FaultBook;

  constructor(runtime: Runtime, inner: Listener, book: FaultBook) {
    this.#runtime = runtime;
    this.#inner = inner;
    this.#book = book;
  }

  listen(onConnection: (connection: Connection) => void): Promise<void> {
    return this.#inner.listen((connection) => onConnection(new FaultyConnection(this.#runtime, connection, this.#book)));
  }

  get localAddress(): Listener['localAddress'] {
    return this.#inner.localAddress;
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** For `createParticipant`: everything that the participant sends goes through the fault table of the book. */
export function makeFaultyWire(runtime: Runtime, book: FaultBook): (wire: ParticipantWire) => ParticipantWire {
  return ({ makeSocket, dialer, listener }) => ({
    makeSocket: (port) => new FaultySocket(runtime, makeSocket(port), book),
    dialer: faultyDialer(runtime, dialer, book),
    listener: new FaultyListener(runtime, listener, book),
  });
}
