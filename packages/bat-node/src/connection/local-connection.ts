// driven: a Connection from a node to itself, inside the process: what its own flows ask of its own store goes the way of everything else.
import { BaseConnection, type PeerIdentity, type Runtime, type Timer } from '@batchain/shared';
import { SEND_BUFFER_HIGH_BYTES } from '../limits.ts';

/** One end; made in pairs. Messages arrive in order, in an event of their own, and are copied where they wait. */
export class LocalConnection extends BaseConnection {
  readonly #runtime: Runtime;
  /** On their way to the other end. */
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #other: LocalConnection | undefined;
  #handler: ((message: Uint8Array) => void) | undefined;
  #isPaused = false;
  #timer: Timer | undefined;

  private constructor(runtime: Runtime, peer: PeerIdentity, binding: Uint8Array, isInitiator: boolean) {
    super(
      { peer, binding, path: 'lan', remoteAddress: undefined, isInitiator },
      { highBytes: SEND_BUFFER_HIGH_BYTES, lowBytes: SEND_BUFFER_HIGH_BYTES },
    );
    this.#runtime = runtime;
  }

  /** Both ends, the one that asks first. */
  static pair(runtime: Runtime, self: PeerIdentity): [LocalConnection, LocalConnection] {
    const binding = runtime.entropy.bytes(32);
    const [near, far] = [new LocalConnection(runtime, self, binding, true), new LocalConnection(runtime, self, binding, false)];
    near.#other = far;
    far.#other = near;
    return [near, far];
  }

  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  send(message: Uint8Array): Promise<void> {
    const refusal = this.refusal(message.length, true);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#queue.push(message.slice());
    this.#queuedBytes += message.length;
    this.#arm();
    return this.belowMark();
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    this.#handler = handler;
    this.#askForMore();
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (!isPaused) this.#askForMore();
  }

  /** What was sent before arrives before the other end hears of it. */
  close(reason: string): void {
    if (!this.end({ reason: 'local', detail: reason })) return;
    const other = this.#other;
    this.#runtime.clock.setTimer(0, () => {
      this.#deliver();
      if (other !== undefined) other.end({ reason: 'remote', detail: reason });
    });
  }

  #askForMore(): void {
    if (this.#other !== undefined) this.#other.#arm();
  }

  #arm(): void {
    if (this.#queue.length === 0) return;
    this.#timer ??= this.#runtime.clock.setTimer(0, () => {
      this.#timer = undefined;
      this.#deliver();
    });
  }

  #deliver(): void {
    const other = this.#other;
    while (other !== undefined && other.#handler !== undefined && !other.#isPaused && !other.isEnded) {
      const message = this.#queue.shift();
      if (message === undefined) break;
      this.#queuedBytes -= message.length;
      other.#handler(message);
    }
    this.drained();
  }
}
