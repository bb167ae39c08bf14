// driven: a Connection over one open data channel: credit of its own (the library never stops reading), close words, hand-over in order.
import {
  type Address,
  BatChainError,
  type CloseReason,
  CONNECTION_MESSAGE_BYTES_MAX,
  type Connection,
  type ConnectionPath,
  type PeerIdentity,
  type Runtime,
  type Timer,
} from '@batchain/shared';
import { CHANNEL_WINDOW_BYTES, CLOSE_TIMEOUT_MS, FRAME_COST_BYTES, SEND_BUFFER_HIGH_BYTES, SEND_BUFFER_LOW_BYTES } from '../limits.ts';
import {
  CHANNEL_FRAME_BYTES_MAX,
  type ChannelFrame,
  decodeChannelFrame,
  encodeChannelClose,
  encodeChannelCredit,
  putMessage,
} from './channel-frames.ts';

/** What is used of a WebrtcChannel. */
export interface OpenChannel {
  readonly bufferedBytes: number;
  attach(events: { onMessage(message: Uint8Array | string): void; onLow(): void; onEnd(): void }): void;
  /** Copies the bytes; false when the channel has ended. */
  send(frame: Uint8Array): boolean;
  close(): void;
}

export interface WebrtcConnectionFacts {
  readonly peer: PeerIdentity;
  readonly binding: Uint8Array;
  readonly path: ConnectionPath;
  readonly remoteAddress: Address | undefined;
  readonly isInitiator: boolean;
}

/** Credit is given back in pieces of this, and never in smaller ones. */
const CREDIT_STEP_BYTES: number = CHANNEL_WINDOW_BYTES / 4;

type InboxItem = Extract<ChannelFrame, { readonly kind: 'message' | 'close' }> | { readonly kind: 'lost' };

const costOf = (frameBytes: number): number => frameBytes + FRAME_COST_BYTES;

/** Adapter of the Connection port; made by DataChannelTransport only. */
export class WebrtcConnection implements Connection {
  readonly peer: PeerIdentity;
  readonly binding: Uint8Array;
  readonly path: ConnectionPath;
  readonly remoteAddress: Address | undefined;
  readonly isInitiator: boolean;
  readonly closed: Promise<CloseReason>;
  readonly #runtime: Runtime;
  readonly #channel: OpenChannel;
  /** Where a frame is put together; the channel copies it. */
  readonly #scratch: Uint8Array;
  #resolveClosed: (reason: CloseReason) => void = () => undefined;
  #handler: ((message: Uint8Array) => void) | undefined;
  #isPaused = false;
  #isReading = false;
  /** Ended for whoever uses it; the channel may still be taking leave. */
  #isClosed = false;
  #isLost = false;
  #closeTimer: Timer | undefined;
  /** Came in while nobody was reading; bounded by the window. */
  readonly #inbox: InboxItem[] = [];
  /** What the peer may still send before it needs credit. */
  #inCreditBytes = CHANNEL_WINDOW_BYTES;
  #consumedBytes = 0;
  /** Frames that wait for credit or for room. */
  readonly #outbox: Uint8Array[] = [];
  #outboxBytes = 0;
  #outCreditBytes = CHANNEL_WINDOW_BYTES;
  #waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  /** `scratch` holds CHANNEL_FRAME_BYTES_MAX and may be shared by all connections of a thread. */
  constructor(runtime: Runtime, channel: OpenChannel, scratch: Uint8Array, facts: WebrtcConnectionFacts) {
    this.#runtime = runtime;
    this.#channel = channel;
    this.#scratch = scratch;
    this.peer = facts.peer;
    this.binding = facts.binding;
    this.path = facts.path;
    this.remoteAddress = facts.remoteAddress;
    this.isInitiator = facts.isInitiator;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    channel.attach({
      onMessage: (message) => this.#receive(message),
      onLow: () => this.#pump(),
      onEnd: () => this.#lost(),
    });
  }

  get bufferedBytes(): number {
    return this.#outboxBytes + this.#channel.bufferedBytes;
  }

  send(message: Uint8Array): Promise<void> {
    return this.#sendFrame(message.length, [message]);
  }

  sendParts(head: Uint8Array, body: Uint8Array): Promise<void> {
    return this.#sendFrame(head.length + body.length, [head, body]);
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    this.#handler = handler;
    this.#armRead();
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#armRead();
  }

  /** What was sent before goes out first, then the word; the channel ends when the peer has read it, or after CLOSE_TIMEOUT_MS. */
  close(reason: string): void {
    if (this.#isClosed) return;
    this.#end({ reason: 'local', detail: reason });
    this.#inbox.length = 0;
    if (this.#isLost) return;
    this.#closeTimer = this.#runtime.clock.setTimer(CLOSE_TIMEOUT_MS, () => this.#channel.close());
    this.#enqueue(encodeChannelClose(reason));
    this.#pump();
  }

  // Sending.

  #sendFrame(length: number, parts: readonly Uint8Array[]): Promise<void> {
    if (length > CONNECTION_MESSAGE_BYTES_MAX) return Promise.reject(tooLong(length));
    if (this.#isClosed || this.#isLost) return Promise.reject(closedError());
    const frame = this.#scratch.subarray(0, putMessage(this.#scratch, parts));
    if (this.#outbox.length > 0 || !this.#passes(frame)) this.#enqueue(frame.slice());
    if (this.bufferedBytes <= SEND_BUFFER_HIGH_BYTES) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  #enqueue(frame: Uint8Array): void {
    this.#outbox.push(frame);
    this.#outboxBytes += frame.length;
  }

  /** Sends the frame if there is credit and room for it now. */
  #passes(frame: Uint8Array): boolean {
    const cost = costOf(frame.length);
    if (cost > this.#outCreditBytes || this.#channel.bufferedBytes > SEND_BUFFER_HIGH_BYTES) return false;
    if (!this.#channel.send(frame)) return false;
    this.#outCreditBytes -= cost;
    return true;
  }

  #pump(): void {
    for (let frame = this.#outbox[0]; frame !== undefined && this.#passes(frame); frame = this.#outbox[0]) {
      this.#outbox.shift();
      this.#outboxBytes -= frame.length;
    }
    if (this.#waiters.length === 0 || this.bufferedBytes > SEND_BUFFER_LOW_BYTES) return;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  // Receiving.

  #receive(bytes: Uint8Array | string): void {
    const frame = typeof bytes === 'string' ? undefined : decodeChannelFrame(bytes);
    if (frame === undefined) this.#violated('a malformed frame');
    else if (frame.kind === 'credit') this.#receiveCredit(frame.bytes);
    else {
      this.#inCreditBytes -= costOf(bytes.length);
      if (this.#inCreditBytes < 0) this.#violated('more than it had credit for');
      else if (this.#isClosed) this.#drop(frame);
      else {
        this.#inbox.push(frame);
        if (!this.#isReading) this.#read();
      }
    }
  }

  /** After our own close only the peer's own counts. */
  #drop(frame: InboxItem): void {
    if (frame.kind === 'close') this.#channel.close();
    else if (frame.kind === 'message') this.#consumed(frame.message.length + 1);
  }

  #receiveCredit(bytes: number): void {
    const spent = CHANNEL_WINDOW_BYTES - this.#outCreditBytes;
    if (bytes < CREDIT_STEP_BYTES || bytes > spent) {
      this.#violated('credit that nobody owes');
      return;
    }
    this.#outCreditBytes += bytes;
    this.#pump();
  }

  #consumed(frameBytes: number): void {
    this.#consumedBytes += costOf(frameBytes);
    if (this.#consumedBytes < CREDIT_STEP_BYTES) return;
    const bytes = this.#consumedBytes;
    this.#consumedBytes = 0;
    this.#inCreditBytes += bytes;
    // Past the queue, and for nothing: a peer that waits for credit to send its own must get ours.
    this.#channel.send(encodeChannelCredit(bytes));
  }

  /** Reading goes on in an event of its own, never inside the caller. */
  #armRead(): void {
    if (this.#inbox.length === 0 || this.#isReading) return;
    this.#isReading = true;
    this.#runtime.clock.setTimer(0, () => {
      this.#isReading = false;
      this.#read();
    });
  }

  #read(): void {
    while (this.#handler !== undefined && !this.#isPaused && !this.#isClosed) {
      const item = this.#inbox.shift();
      if (item === undefined) return;
      if (item.kind === 'message') {
        this.#consumed(item.message.length + 1);
        this.#handOver(item.message);
      } else if (item.kind === 'close') {
        this.#end(item.word === undefined ? { reason: 'remote' } : { reason: 'remote', detail: item.word });
        this.#channel.close();
      } else this.#end({ reason: 'error', detail: 'the connection was lost' });
    }
  }

  #handOver(message: Uint8Array): void {
    try {
      this.#handler?.(message);
    } catch (error) {
      this.#runtime.log.error('bat.webrtc.handler-failed', { error });
      this.close('internal');
    }
  }

  // Ending.

  #violated(detail: string): void {
    this.#runtime.log.info('bat.webrtc.protocol-error', { peer: this.peer.nodeId, detail });
    this.#end({ reason: 'protocol-error', detail });
    this.#channel.close();
  }

  /** The channel is gone. What came in before is still read, as from a socket. */
  #lost(): void {
    this.#isLost = true;
    this.#closeTimer?.cancel();
    this.#outbox.length = 0;
    this.#outboxBytes = 0;
    this.#channel.close();
    this.#rejectWaiters();
    if (this.#isClosed) return;
    this.#inbox.push({ kind: 'lost' });
    if (this.#inbox.length === 1) this.#end({ reason: 'error', detail: 'the connection was lost' });
    else if (!this.#isReading) this.#read();
  }

  #end(reason: CloseReason): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#resolveClosed(reason);
    this.#rejectWaiters();
  }

  #rejectWaiters(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closedError());
  }
}

/** A buffer for WebrtcConnection. */
export const makeScratch = (): Uint8Array => new Uint8Array(CHANNEL_FRAME_BYTES_MAX);

function closedError(): BatChainError {
  return new BatChainError('BAT_E_CONNECTION_CLOSED', { what: 'the connection is closed' });
}

function tooLong(length: number): BatChainError {
  const what = `a message of ${length} bytes; at most ${CONNECTION_MESSAGE_BYTES_MAX} fit`;
  return new BatChainError('BAT_E_INTERNAL', { what, why: 'a sender must split what it sends' });
}
