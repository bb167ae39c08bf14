// driven: a DatagramSocket whose handler changes: first it asks observers, then it punches.
import type { Address, DatagramHandler, DatagramSocket } from '@batchain/shared';

export class PunchSocket {
  readonly #socket: DatagramSocket;
  onDatagram: DatagramHandler = () => undefined;

  private constructor(socket: DatagramSocket) {
    this.#socket = socket;
  }

  /** Rejects when it cannot be bound. */
  static async open(socket: DatagramSocket): Promise<PunchSocket> {
    const punch = new PunchSocket(socket);
    await socket.open((bytes, from) => punch.onDatagram(bytes, from));
    return punch;
  }

  get localPort(): number {
    return this.#socket.localAddress.port;
  }

  send(bytes: Uint8Array, to: Address): void {
    this.#socket.send(bytes, to);
  }

  close(): Promise<void> {
    this.onDatagram = () => undefined;
    return this.#socket.close();
  }
}
