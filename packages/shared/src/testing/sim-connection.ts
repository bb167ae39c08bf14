// driven: the Connection port over the simulated network: both ends of one connection.
import { concatBytes } from '../core/bytes.ts';
import { BatChainError } from '../core/errors.ts';
import { CONNECTION_MESSAGE_BYTES_MAX } from '../core/limits.ts';
import { MiB } from '../core/units.ts';
import { type Address, isPrivateHost } from '../net/address.ts';
import type { CloseReason, Connection, ConnectionPath, PeerIdentity } from '../net/connection.ts';
import type { LinkModel } from './link-model.ts';
import type { SimEndpoint, SimHost } from './sim-host.ts';
import { SimPipe, type SimPipeEnds } from './sim-pipe.ts';

/** Above this many unsent bytes send() resolves only when it is below again. */
const HIGH_WATER_BYTES: number = 1 * MiB;

/** What one end knows from the handshake. */
export interface SimConnectionFacts {
  readonly host: SimHost;
  readonly peer: PeerIdentity;
  readonly binding: Uint8Array;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly isInitiator: boolean;
}

type InboxItem =
  | { readonly kind: 'message'; readonly bytes: Uint8Array; readonly consumed: () => void }
  | { readonly kind: 'end'; readonly word: string };

/** Adapter of the Connection port; made by SimDialer only, in pairs. */
export class SimConnection implements Connection, SimEndpoint {
  readonly peer: PeerIdentity;
  readonly binding: Uint8Array;
  path: ConnectionPath;
  readonly remoteAddress: Address;
  readonly isInitiator: boolean;
  readonly closed: Promise<CloseReason>;
  readonly #host: SimHost;
  readonly #localAddress: Address;
  #out: SimPipe | undefined;
  #resolveClosed: (reason: CloseReason) => void = () => undefined;
  #handler: ((message: Uint8Array) => void) | undefined;
  /** Arrived and not yet read; bounded by the window of the pipe. */
  readonly #inbox: InboxItem[] = [];
  #isPaused = false;
  #isReadArmed = false;
  #isEnded = false;
  /** The process died or gave up: what still arrives is answered by a reset. */
  #isGone = false;
  #waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  constructor(facts: SimConnectionFacts) {
    this.peer = facts.peer;
    this.binding = facts.binding;
    this.remoteAddress = facts.remoteAddress;
    this.isInitiator = facts.isInitiator;
    this.path = isPrivateHost(facts.remoteAddress.host) ? 'lan' : 'direct';
    this.#host = facts.host;
    this.#localAddress = facts.localAddress;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    facts.host.hold(this);
  }

  /** Joins two ends: what one sends the other receives. */
  static join(near: SimConnection, far: SimConnection, link: LinkModel, baseLatencyMs: number): void {
    near.#out = new SimPipe(near.#pipeTo(far, link, baseLatencyMs));
    far.#out = new SimPipe(far.#pipeTo(near, link, baseLatencyMs));
  }

  get bufferedBytes(): number {
    return this.#out?.queuedBytes ?? 0;
  }

  send(message: Uint8Array): Promise<void> {
    if (message.length > CONNECTION_MESSAGE_BYTES_MAX) {
      const what = `a message of ${message.length} bytes; at most ${CONNECTION_MESSAGE_BYTES_MAX} fit`;
      throw new BatChainError('BAT_E_INTERNAL', { what, why: 'a sender must split what it sends' });
    }
    if (this.#isEnded || this.#out === undefined) return Promise.reject(closedError());
    this.#host.network.report('sent', 'tcp', this.#host, this.#localAddress, this.remoteAddress, message);
    this.#out.push(message);
    if (this.bufferedBytes <= HIGH_WATER_BYTES) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  sendParts(head: Uint8Array, body: Uint8Array): Promise<void> {
    return this.send(concatBytes(head, body));
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    this.#handler = handler;
    this.#armRead();
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#armRead();
  }

  close(reason: string): void {
    if (this.#isEnded) return;
    this.#out?.finish(reason);
    this.#end({ reason: 'local', detail: reason });
  }

  /** Breaks the connection: both ends see an error, what is not under way is lost. */
  destroy(): void {
    this.#out?.reset();
    this.#giveUp({ reason: 'error', detail: 'the connection was lost' });
  }

  abandon(): void {
    this.#isGone = true;
    this.#isEnded = true;
    this.#inbox.length = 0;
    this.#out?.reset();
  }

  #pipeTo(far: SimConnection, link: LinkModel, baseLatencyMs: number): SimPipeEnds {
    return {
      from: this.#host,
      to: far.#host,
      link,
      baseLatencyMs,
      receive: (bytes, consumed) => far.#receive(bytes, consumed),
      receiveEnd: (word) => far.#receiveEnd(word),
      receiveReset: () => far.#receiveReset(),
      drained: () => this.#drained(),
      died: () => this.#giveUp({ reason: 'timeout', detail: 'nothing got through' }),
    };
  }

  #receive(bytes: Uint8Array, consumed: () => void): void {
    if (this.#isGone) {
      this.#out?.reset();
      return;
    }
    const { clock, trace } = this.#host.network.simulation;
    trace.record('message', clock.elapsedMs, this.#host.index, this.remoteAddress.host, this.#localAddress.port, bytes);
    this.#host.network.report('delivered', 'tcp', this.#host, this.remoteAddress, this.#localAddress, bytes);
    // After a close of our own the rest is read and thrown away, so that the other end is not held up.
    if (this.#isEnded) consumed();
    else {
      this.#inbox.push({ kind: 'message', bytes, consumed });
      if (!this.#isReadArmed) this.#read();
    }
  }

  #receiveEnd(word: string): void {
    if (this.#isEnded) return;
    this.#inbox.push({ kind: 'end', word });
    if (!this.#isReadArmed) this.#read();
  }

  #receiveReset(): void {
    this.#out?.clear();
    this.#giveUp({ reason: 'error', detail: 'the connection was lost' });
  }

  /** Reading goes on in an event of its own, never inside the caller. */
  #armRead(): void {
    if (this.#isReadArmed || this.#inbox.length === 0) return;
    this.#isReadArmed = true;
    this.#host.network.simulation.clock.setTimer(0, () => {
      this.#isReadArmed = false;
      this.#read();
    });
  }

  #read(): void {
    while (this.#handler !== undefined && !this.#isPaused && !this.#isEnded) {
      const item = this.#inbox.shift();
      if (item === undefined) return;
      if (item.kind === 'end') {
        this.#out?.clear();
        this.#end({ reason: 'remote', detail: item.word });
      } else {
        item.consumed();
        this.#handler(item.bytes);
      }
    }
  }

  #drained(): void {
    if (this.#waiters.length === 0 || this.bufferedBytes > HIGH_WATER_BYTES) return;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  #giveUp(reason: CloseReason): void {
    this.#isGone = true;
    this.#end(reason);
  }

  #end(reason: CloseReason): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#host.release(this);
    for (const item of this.#inbox.splice(0)) if (item.kind === 'message') item.consumed();
    this.#resolveClosed(reason);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closedError());
  }
}

function closedError(): BatChainError {
  return new BatChainError('BAT_E_CONNECTION_CLOSED', { what: 'the connection is closed' });
}
