// driven: a Connection over one open data channel: credit of its own (the library never stops reading), close words, hand-over in order.
import { BaseConnection, type CloseReason, type ConnectionFacts, ReadQueue, type Runtime, type Timer } from '@batchain/shared';
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

/** Credit is given back in pieces of this, and never in smaller ones. */
const CREDIT_STEP_BYTES: number = CHANNEL_WINDOW_BYTES / 4;

const LOST: CloseReason = { reason: 'error', detail: 'the connection was lost' };

type InboxItem = Extract<ChannelFrame, { readonly kind: 'message' | 'close' }> | { readonly kind: 'lost' };

const costOf = (frameBytes: number): number => frameBytes + FRAME_COST_BYTES;

/** Adapter of the Connection port; made by DataChannelTransport only. */
export class WebrtcConnection extends BaseConnection {
  readonly #runtime: Runtime;
  readonly #channel: OpenChannel;
  /** Where a frame is put together; the channel copies it. */
  readonly #scratch: Uint8Array;
  #isLost = false;
  #closeTimer: Timer | undefined;
  /** Came in while nobody was reading; bounded by the window. */
  readonly #inbox: ReadQueue<InboxItem>;
  /** What the peer may still send before it needs credit. */
  #inCreditBytes = CHANNEL_WINDOW_BYTES;
  #consumedBytes = 0;
  /** Frames that wait for credit or for room. */
  readonly #outbox: Uint8Array[] = [];
  #outboxBytes = 0;
  #outCreditBytes = CHANNEL_WINDOW_BYTES;

  /** `scratch` holds CHANNEL_FRAME_BYTES_MAX and may be shared by all connections of a thread. */
  constructor(runtime: Runtime, channel: OpenChannel, scratch: Uint8Array, facts: ConnectionFacts) {
    super(facts, { highBytes: SEND_BUFFER_HIGH_BYTES, lowBytes: SEND_BUFFER_LOW_BYTES });
    this.#runtime = runtime;
    this.#channel = channel;
    this.#scratch = scratch;
    this.#inbox = new ReadQueue(
      (read) => runtime.clock.setTimer(0, read),
      (item, handler) => this.#take(item, handler),
    );
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
    this.#inbox.onMessage(handler);
  }

  pause(isPaused: boolean): void {
    this.#inbox.pause(isPaused);
  }

  /** What was sent before goes out first, then the word; the channel ends when the peer has read it, or after CLOSE_TIMEOUT_MS. */
  close(reason: string): void {
    if (!this.end({ reason: 'local', detail: reason }) || this.#isLost) return;
    this.#closeTimer = this.#runtime.clock.setTimer(CLOSE_TIMEOUT_MS, () => this.#channel.close());
    this.#enqueue(encodeChannelClose(reason));
    this.#pump();
  }

  // Sending.

  #sendFrame(length: number, parts: readonly Uint8Array[]): Promise<void> {
    const refusal = this.refusal(length, !this.#isLost);
    if (refusal !== undefined) return Promise.reject(refusal);
    const frame = this.#scratch.subarray(0, putMessage(this.#scratch, parts));
    if (this.#outbox.length > 0 || !this.#passes(frame)) this.#enqueue(frame.slice());
    return this.belowMark();
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
    this.drained();
  }

  // Receiving.

  #receive(bytes: Uint8Array | string): void {
    const frame = typeof bytes === 'string' ? undefined : decodeChannelFrame(bytes);
    if (frame === undefined) this.#violated('a malformed frame');
    else if (frame.kind === 'credit') this.#receiveCredit(frame.bytes);
    else {
      this.#inCreditBytes -= costOf(bytes.length);
      if (this.#inCreditBytes < 0) this.#violated('more than it had credit for');
      else if (this.isEnded) this.#drop(frame);
      else this.#inbox.push(frame);
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

  #take(item: InboxItem, handler: (message: Uint8Array) => void): void {
    if (item.kind === 'message') {
      this.#consumed(item.message.length + 1);
      this.#handOver(item.message, handler);
    } else if (item.kind === 'close') {
      this.end(item.word === undefined ? { reason: 'remote' } : { reason: 'remote', detail: item.word });
      this.#channel.close();
    } else this.end(LOST);
  }

  #handOver(message: Uint8Array, handler: (message: Uint8Array) => void): void {
    try {
      handler(message);
    } catch (error) {
      this.#runtime.log.error('bat.webrtc.handler-failed', { error });
      this.close('internal');
    }
  }

  // Ending.

  #violated(detail: string): void {
    this.#runtime.log.info('bat.webrtc.protocol-error', { peer: this.peer.nodeId, detail });
    this.end({ reason: 'protocol-error', detail });
    this.#channel.close();
  }

  /** The channel is gone. What came in before is still read, as from a socket. */
  #lost(): void {
    this.#isLost = true;
    this.#closeTimer?.cancel();
    this.#outbox.length = 0;
    this.#outboxBytes = 0;
    this.#channel.close();
    this.rejectWaiters();
    if (this.isEnded) return;
    if (this.#inbox.isEmpty) this.end(LOST);
    else this.#inbox.push({ kind: 'lost' });
  }

  protected override end(reason: CloseReason): boolean {
    this.#inbox.clear();
    return super.end(reason);
  }
}

/** A buffer for WebrtcConnection. */
export const makeScratch = (): Uint8Array => new Uint8Array(CHANNEL_FRAME_BYTES_MAX);
