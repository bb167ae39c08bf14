// driven: a DatagramSocket whose paths lose, delay and cut, as the fault table says.
import type { Address, DatagramHandler, DatagramSocket, Runtime, Timer } from '@batchain/shared';
import { drawChance } from '@batchain/shared/testing';
import { DATAGRAMS_HELD_MAX } from '../limits.ts';
import type { FaultBook } from './fault-book.ts';

export class FaultySocket implements DatagramSocket {
  readonly #runtime: Runtime;
  readonly #inner: DatagramSocket;
  readonly #book: FaultBook;
  readonly #held = new Set<Timer>();

  constructor(runtime: Runtime, inner: DatagramSocket, book: FaultBook) {
    this.#runtime = runtime;
    this.#inner = inner;
    this.#book = book;
  }

  /** What comes over a cut path is dropped here too: the other end may learn of the cut a moment later. */
  open(onDatagram: DatagramHandler): Promise<void> {
    return this.#inner.open((bytes, from) => {
      if (!this.#book.table.toKadPort(from.port).isCut) onDatagram(bytes, from);
    });
  }

  get localAddress(): Address {
    return this.#inner.localAddress;
  }

  send(bytes: Uint8Array, to: Address): void {
    const { isCut, lossRate, delayMs } = this.#book.table.toKadPort(to.port);
    if (isCut || (lossRate > 0 && drawChance(this.#runtime.random, lossRate))) return;
    if (delayMs === 0) {
      this.#inner.send(bytes, to);
      return;
    }
    if (this.#held.size >= DATAGRAMS_HELD_MAX) return;
    const copy = bytes.slice();
    const timer = this.#runtime.clock.setTimer(delayMs, () => {
      this.#held.delete(timer);
      this.#inner.send(copy, to);
    });
    this.#held.add(timer);
  }

  close(): Promise<void> {
    for (const timer of this.#held) timer.cancel();
    this.#held.clear();
    return this.#inner.close();
  }
}
