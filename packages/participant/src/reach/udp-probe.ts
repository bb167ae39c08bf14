// driven: whether UDP gets out and back: STUN binding requests to KadNodes, whose UDP port answers them.
import { decodeBindingResponse, encodeBindingRequest } from '@batchain/kad-node';
import { type Address, equalAddress, type Runtime } from '@batchain/shared';
import { UDP_PROBE_MS, UDP_PROBE_TARGETS_MAX } from '../limits.ts';

const TRANSACTION_ID_BYTES = 12;
/** Parts of UDP_PROBE_MS after which a request is sent again. */
const AGAIN_PARTS: readonly number[] = [0.25, 0.6];

interface Question {
  readonly transactionId: Uint8Array;
  readonly addresses: readonly Address[];
  readonly settle: (isAnswered: boolean) => void;
}

export class UdpProbe {
  readonly #runtime: Runtime;
  readonly #send: (bytes: Uint8Array, to: Address) => void;
  readonly #questions = new Set<Question>();

  /** `send`: by UDP, whatever else there is. */
  constructor(runtime: Runtime, send: (bytes: Uint8Array, to: Address) => void) {
    this.#runtime = runtime;
    this.#send = send;
  }

  /** True as soon as one of the first UDP_PROBE_TARGETS_MAX addresses answers; false when none did within UDP_PROBE_MS. */
  ask(addresses: readonly Address[], signal: AbortSignal): Promise<boolean> {
    const targets = addresses.slice(0, UDP_PROBE_TARGETS_MAX);
    if (signal.aborted || targets.length === 0) return Promise.resolve(false);
    const { clock, entropy } = this.#runtime;
    return new Promise((resolve) => {
      const settle = (isAnswered: boolean): void => {
        for (const timer of timers) timer.cancel();
        signal.removeEventListener('abort', onAbort);
        this.#questions.delete(question);
        resolve(isAnswered);
      };
      const question: Question = { transactionId: entropy.bytes(TRANSACTION_ID_BYTES), addresses: targets, settle };
      const request = encodeBindingRequest(question.transactionId);
      const send = (): void => {
        for (const to of targets) this.#send(request, to);
      };
      const onAbort = (): void => settle(false);
      const timers = AGAIN_PARTS.map((part) => clock.setTimer(part * UDP_PROBE_MS, send));
      timers.push(clock.setTimer(UDP_PROBE_MS, onAbort));
      signal.addEventListener('abort', onAbort);
      this.#questions.add(question);
      send();
    });
  }

  /** A datagram came by UDP: true when it was an answer to a question of ours. */
  take(bytes: Uint8Array, from: Address): boolean {
    for (const { addresses, transactionId, settle } of this.#questions) {
      if (!addresses.some((address) => equalAddress(address, from))) continue;
      if (!decodeBindingResponse(bytes, transactionId).ok) continue;
      settle(true);
      return true;
    }
    return false;
  }
}
