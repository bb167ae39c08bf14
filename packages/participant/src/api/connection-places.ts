// driven: places for connections of a server: one that has no request in work gives way to the next that comes (T14).
import type { Socket } from 'node:net';

export class ConnectionPlaces {
  readonly #max: number;
  readonly #open = new Set<Socket>();
  /** Without a whole request, longest first. */
  readonly #waiting = new Set<Socket>();
  /** Came when all places were taken by requests in work. */
  readonly #surplus = new WeakSet<Socket>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Counts a connection until it closes. */
  take(socket: Socket): void {
    if (this.#open.size >= this.#max && !this.#dropWaiting()) this.#surplus.add(socket);
    this.#open.add(socket);
    this.#waiting.add(socket);
    socket.once('close', () => this.#forget(socket));
  }

  /** False when the connection has no place: its request is to be refused. */
  isTaken(socket: Socket): boolean {
    return !this.#surplus.has(socket) || this.#open.size <= this.#max;
  }

  /** The request of this connection is whole: it keeps its place until `end`. */
  begin(socket: Socket): void {
    this.#waiting.delete(socket);
  }

  end(socket: Socket): void {
    if (this.#open.has(socket)) this.#waiting.add(socket);
  }

  #dropWaiting(): boolean {
    const [longest] = this.#waiting;
    if (longest === undefined) return false;
    this.#forget(longest);
    longest.destroy();
    return true;
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket);
    this.#waiting.delete(socket);
  }
}
