// driven: what all adapters of the Connection port do alike: facts of the handshake, one end, back-pressure of those who send.
import { BatChainError } from '../core/errors.ts';
import { CONNECTION_MESSAGE_BYTES_MAX } from '../core/limits.ts';
import type { Address } from './address.ts';
import type { CloseReason, Connection, ConnectionPath, PeerIdentity } from './connection.ts';

/** What one end knows when the handshake is done. */
export interface ConnectionFacts {
  readonly peer: PeerIdentity;
  readonly binding: Uint8Array;
  readonly path: ConnectionPath;
  readonly remoteAddress: Address | undefined;
  readonly isInitiator: boolean;
}

/** With more than `highBytes` buffered send() waits, until there are `lowBytes` at most. */
export interface SendMarks {
  readonly highBytes: number;
  readonly lowBytes: number;
}

export abstract class BaseConnection implements Connection {
  readonly peer: PeerIdentity;
  readonly binding: Uint8Array;
  path: ConnectionPath;
  readonly remoteAddress: Address | undefined;
  readonly isInitiator: boolean;
  readonly closed: Promise<CloseReason>;
  readonly #marks: SendMarks;
  #resolveClosed: (reason: CloseReason) => void = () => undefined;
  #isEnded = false;
  #waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  protected constructor(facts: ConnectionFacts, marks: SendMarks) {
    this.peer = facts.peer;
    this.binding = facts.binding;
    this.path = facts.path;
    this.remoteAddress = facts.remoteAddress;
    this.isInitiator = facts.isInitiator;
    this.#marks = marks;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  abstract get bufferedBytes(): number;
  abstract send(message: Uint8Array): Promise<void>;
  abstract onMessage(handler: (message: Uint8Array) => void): void;
  abstract pause(isPaused: boolean): void;
  abstract close(reason: string): void;

  /** Ended for whoever uses it; what it stands on may still be taking leave. */
  protected get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The first call counts: `closed` resolves, and who waits to send is rejected. False for all others. */
  protected end(reason: CloseReason): boolean {
    if (this.#isEnded) return false;
    this.#isEnded = true;
    this.#resolveClosed(reason);
    this.rejectWaiters();
    return true;
  }

  /** Ends and tells nobody, as the process it belonged to is gone. */
  protected endUnheard(): void {
    this.#isEnded = true;
  }

  /** Why a message of so many bytes can not be sent; `canSend`: what the adapter stands on would take it. */
  protected refusal(messageBytes: number, canSend: boolean): BatChainError | undefined {
    if (messageBytes > CONNECTION_MESSAGE_BYTES_MAX) {
      const what = `a message of ${messageBytes} bytes; at most ${CONNECTION_MESSAGE_BYTES_MAX} fit`;
      return new BatChainError('BAT_E_INTERNAL', { what, why: 'a sender must split what it sends' });
    }
    return this.#isEnded || !canSend ? closedError() : undefined;
  }

  /** What send() returns for a message that was taken: resolves when the next may come. */
  protected belowMark(): Promise<void> {
    if (this.bufferedBytes <= this.#marks.highBytes) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Less may be buffered than before: who waits to send goes on. */
  protected drained(): void {
    if (this.#waiters.length === 0 || this.bufferedBytes > this.#marks.lowBytes) return;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  protected rejectWaiters(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closedError());
  }
}

function closedError(): BatChainError {
  return new BatChainError('BAT_E_CONNECTION_CLOSED', { what: 'the connection is closed' });
}
