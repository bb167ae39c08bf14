// driven: one UDP port for two protocols: answers STUN binding requests itself and passes everything else on.
import type { Address, DatagramHandler, DatagramSocket, Runtime } from '@batchain/shared';
import { STUN_EXCESS_BYTES_PER_S } from '../limits.ts';
import { answerBindingRequest, isStunMessage } from './stun.ts';

/**
 * A DatagramSocket around another. An answer may be longer than its request (RFC 8489 asks for 12 bytes more than a bare
 * request has); what all answers together exceed is bounded per second, so that nobody is flooded through us (T6).
 */
export class DatagramDemux implements DatagramSocket {
  readonly #runtime: Runtime;
  readonly #socket: DatagramSocket;
  #excessLeft: number = STUN_EXCESS_BYTES_PER_S;
  #excessAtMs = 0;

  constructor(runtime: Runtime, socket: DatagramSocket) {
    this.#runtime = runtime;
    this.#socket = socket;
  }

  get localAddress(): Address {
    return this.#socket.localAddress;
  }

  open(onDatagram: DatagramHandler): Promise<void> {
    return this.#socket.open((bytes, from) => {
      if (isStunMessage(bytes)) this.#onStun(bytes, from);
      else onDatagram(bytes, from);
    });
  }

  send(bytes: Uint8Array, to: Address): void {
    this.#socket.send(bytes, to);
  }

  close(): Promise<void> {
    return this.#socket.close();
  }

  #onStun(request: Uint8Array, from: Address): void {
    const answer = answerBindingRequest(request, from);
    if (answer !== undefined && this.#takeExcess(answer.length - request.length)) this.#socket.send(answer, from);
  }

  #takeExcess(bytes: number): boolean {
    if (bytes <= 0) return true;
    const nowMs = this.#runtime.clock.monotonicMs();
    const refilled = this.#excessLeft + ((nowMs - this.#excessAtMs) * STUN_EXCESS_BYTES_PER_S) / 1000;
    this.#excessLeft = Math.min(STUN_EXCESS_BYTES_PER_S, refilled);
    this.#excessAtMs = nowMs;
    if (this.#excessLeft < bytes) return false;
    this.#excessLeft -= bytes;
    return true;
  }
}
