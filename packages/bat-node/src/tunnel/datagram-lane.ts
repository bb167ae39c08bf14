// driven: datagrams into a stream, one control frame each; what the stream does not take in time is lost, as datagrams may be.
import type { BatStream } from '../connection/bat-session.ts';
import { TUNNEL_WAITING_MAX } from '../limits.ts';
import { encodeTunnelled, type TunnelledDatagram } from './tunnel-frame.ts';

export class DatagramLane {
  readonly #stream: BatStream;
  #waiting = 0;

  constructor(stream: BatStream) {
    this.#stream = stream;
  }

  /** False when it was dropped: too many wait. */
  send(datagram: TunnelledDatagram): boolean {
    if (this.#waiting >= TUNNEL_WAITING_MAX) return false;
    this.#waiting += 1;
    const done = (): void => {
      this.#waiting -= 1;
    };
    // The end of the stream is noticed where it is read.
    this.#stream.sendControl(encodeTunnelled(datagram)).then(done, done);
    return true;
  }
}
