// driven: a Connection from a node to itself, inside the process: what its own flows ask of its own store goes the way of everything else.
import {
  BatChainError,
  type CloseReason,
  CONNECTION_MESSAGE_BYTES_MAX,
  type Connection,
  type PeerIdentity,
  type Runtime,
  type Timer,
} from '@batchain/shared';
import { SEND_BUFFER_HIGH_BYTES } from '../limits.ts';

/** One end; made in pairs. Messages arrive in order, in an event of their own, and are copied where they wait. */
export class LocalConnection implements Connection {
  readonly peer: PeerIdentity;
  readonly binding: Uint8Array;
  readonly path = 'lan';
  readonly remoteAddress = undefined;
  readonly isInitiator: boolean;
  readonly closed: Promise<CloseReason>;
  readonly #runtime: Runtime;
  /** On their way to the other end. */
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #other: LocalConnection | undefined;
  #handler: ((message: Uint8Array) => void) | undefined;
  #isPaused = false;
  #isClosed = false;
  #timer: Timer | undefined;
  #waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  #resolveClosed: (reason: CloseReason) => void = () => undefined;

  private constructor(runtime: Runtime, peer: PeerIdentity, binding: Uint8Array, isInitiator: boolean) {
    this.#runtime = runtime;
    this.peer = peer;
    this.binding = binding;
    this.isInitiator = isInitiator;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
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
    if (message.length > CONNECTION_MESSAGE_BYTES_MAX) {
      return Promise.reject(new BatChainError('BAT_E_INTERNAL', { what: `a message of ${message.length} bytes`, why: 'it is too long' }));
    }
    if (this.#isClosed) return Promise.reject(closedError());
    this.#queue.push(message.slice());
    this.#queuedBytes += message.length;
    this.#arm();
    if (this.#queuedBytes <= SEND_BUFFER_HIGH_BYTES) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
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
    if (this.#isClosed) return;
    this.#end({ reason: 'local', detail: reason });
    const other = this.#other;
    this.#runtime.clock.setTimer(0, () => {
      this.#deliver();
      if (other !== undefined) other.#end({ reason: 'remote', detail: reason });
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
    while (other !== undefined && other.#handler !== undefined && !other.#isPaused && !other.#isClosed) {
      const message = this.#queue.shift();
      if (message === undefined) break;
      this.#queuedBytes -= message.length;
      other.#handler(message);
    }
    if (this.#queuedBytes > SEND_BUFFER_HIGH_BYTES) return;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  #end(reason: CloseReason): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#resolveClosed(reason);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closedError());
  }
}

function closedError(): BatChainError {
  return new BatChainError('BAT_E_CONNECTION_CLOSED', { what: 'the connection is closed' });
}
