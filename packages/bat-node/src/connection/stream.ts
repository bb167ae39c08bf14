// driven: one stream of a session: items in order, credit both ways, end and reset.
import { assert, type Clock, type Timer } from '@batchain/shared';
import { CONTROL_BYTES_MAX, DATA_BYTES_MAX, FRAME_COST_BYTES, LEAF_BYTES, TINY_DATA_FRAMES_MAX } from '../limits.ts';
import type { BatStream, StreamItem } from './bat-session.ts';
import { frameCost, type ReceiveWindow, SendCredit, type WindowFacts } from './credit.ts';
import { paceDeadlineMs } from './deadlines.ts';
import { encodeCredit, encodeReset, frameHead } from './session-frames.ts';
import { StreamClosedError } from './stream-closed-error.ts';

/** What a stream needs of its session. */
export interface StreamHost {
  readonly clock: Clock;
  /** The next stream id; asked in the moment in which the first frame goes out, so that ids arrive in order. */
  nextStreamId(stream: Stream): number;
  /** Hands a small frame to the connection at once. */
  sendNow(frame: Uint8Array): void;
  /**
   * Sends in turn with the other streams; waits for the connection. `makeHead` is called when the turn has come; it
   * answers undefined when the frame is no longer wanted.
   */
  sendInTurn(makeHead: () => Uint8Array | undefined, body: Uint8Array): Promise<void>;
  /** How long the peer may leave a control frame without credit of which so many bytes are to go. */
  creditDeadlineMs(bytes: number): number;
  windowFacts(window: ReceiveWindow, consumed: number): WindowFacts;
  /** The stream needs no more frames in either direction. */
  finished(stream: Stream): void;
}

interface QueuedItem {
  readonly item: StreamItem;
  readonly cost: number;
}

interface Reader {
  readonly resolve: (item: StreamItem | undefined) => void;
  readonly reject: (error: StreamClosedError) => void;
  readonly timer: Timer | undefined;
}

/** A control frame of which pieces are still missing. */
interface PartialControl {
  readonly bytes: Uint8Array;
  at: number;
  cost: number;
}

/** A data frame below this is tiny. */
const TINY_BYTES = 1024;
/** What a control frame is widened for beside its bytes: its pieces cost something each. */
const CONTROL_SLACK_BYTES = 64 * FRAME_COST_BYTES;

/** Bytes that do not keep a much larger buffer alive. */
function compact(bytes: Uint8Array): Uint8Array {
  return bytes.length * 4 < bytes.buffer.byteLength ? bytes.slice() : bytes;
}

export class Stream implements BatStream {
  readonly #host: StreamHost;
  readonly #window: ReceiveWindow;
  readonly #credit = new SendCredit();
  #id: number | undefined;
  readonly #items: QueuedItem[] = [];
  #reader: Reader | undefined;
  #partial: PartialControl | undefined;
  #tinyFrames = 0;
  #mayBeTiny = false;
  #movedBytes = 0;
  #hasEnded = false;
  #hasPeerEnded = false;
  #isFinished = false;
  #sendError: StreamClosedError | undefined;
  #readError: StreamClosedError | undefined;
  #creditWaiter: (() => void) | undefined;
  /** The piece that waits for its turn need not wait any more. */
  #turnWaiter: (() => void) | undefined;
  /** Sends of one stream go one after the other. */
  #lastSend: Promise<void> = Promise.resolve();

  /** `id`: of a stream that the peer opened. */
  constructor(host: StreamHost, window: ReceiveWindow, id?: number) {
    this.#host = host;
    this.#window = window;
    this.#id = id;
  }

  /** Undefined before the first frame of a stream of ours. */
  get id(): number | undefined {
    return this.#id;
  }

  get movedBytes(): number {
    return this.#movedBytes;
  }

  get windowBytes(): number {
    return this.#window.windowBytes;
  }

  /** What the peer may still send on this stream. */
  get openCreditBytes(): number {
    return this.#hasPeerEnded ? 0 : this.#window.openBytes;
  }

  sendControl(bytes: Uint8Array): Promise<void> {
    assert(bytes.length > 0 && bytes.length <= CONTROL_BYTES_MAX, `a control frame of ${bytes.length} bytes`);
    return this.#inOrder(() =>
      this.#within(paceDeadlineMs(bytes.length), async () => {
        for (let at = 0; at < bytes.length; ) {
          const wanted = bytes.length - at;
          const size = this.#useCredit(wanted) || (await this.#within(this.#host.creditDeadlineMs(wanted), () => this.#takeCredit(wanted)));
          const makeHead = at === 0 ? () => this.#controlHead(bytes.length) : () => frameHead('control-more', this.#id as number);
          await this.#sendPiece(makeHead, bytes.subarray(at, at + size));
          at += size;
        }
      }),
    );
  }

  sendData(bytes: Uint8Array): Promise<void> {
    return this.#inOrder(async () => {
      assert(this.#id !== undefined, 'a stream begins with a control frame');
      for (let at = 0; at < bytes.length; ) {
        const size = await this.#takeCredit(bytes.length - at);
        await this.#sendPiece(() => frameHead('data', this.#id as number), bytes.subarray(at, at + size));
        at += size;
        this.#movedBytes += size;
      }
    });
  }

  end(): Promise<void> {
    if (this.#hasEnded) return Promise.resolve();
    return this.#inOrder(async () => {
      this.#hasEnded = true;
      if (this.#id !== undefined) this.#host.sendNow(frameHead('end', this.#id));
      this.#finishIfDone();
    });
  }

  reset(reason: string): void {
    if (this.#isFinished) {
      this.#dropItems();
      return;
    }
    if (this.#id !== undefined) this.#host.sendNow(encodeReset(this.#id, reason));
    this.fail(reason);
  }

  next(options: { readonly timeoutMs?: number } = {}): Promise<StreamItem | undefined> {
    assert(this.#reader === undefined, 'a stream has one reader');
    const queued = this.#items.shift();
    if (queued !== undefined) {
      this.#consume(queued.item, queued.cost);
      return Promise.resolve(queued.item);
    }
    if (this.#readError !== undefined) return Promise.reject(this.#readError);
    if (this.#hasPeerEnded) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const { timeoutMs } = options;
      const onTimeout = (): void => {
        this.#reader = undefined;
        reject(new StreamClosedError('timeout'));
      };
      const timer = timeoutMs === undefined ? undefined : this.#host.clock.setTimer(timeoutMs, onTimeout);
      this.#reader = { resolve, reject, timer };
    });
  }

  allowTinyFrames(): void {
    this.#mayBeTiny = true;
  }

  /** Ends both directions without a word to the peer: it, or the whole session, has ended already. */
  fail(reason: string): void {
    const error = new StreamClosedError(reason);
    this.#sendError ??= error;
    this.#readError ??= error;
    this.#wakeSender();
    const reader = this.#takeReader();
    reader?.reject(this.#readError);
    this.#dropItems();
    this.#finish();
  }

  // What the session hands in. Each answers with the violation that closes the session, if there is one.

  receiveControl(length: number, payload: Uint8Array): string | undefined {
    if (this.#hasPeerEnded) return 'control after end';
    if (this.#partial !== undefined) return 'a control frame inside another';
    if (length > CONTROL_BYTES_MAX || payload.length > length) return `a control frame of ${length} bytes`;
    if (!this.#window.receive(frameCost(payload.length))) return 'control without credit';
    this.#partial = { bytes: new Uint8Array(length), at: 0, cost: 0 };
    if (payload.length < length) {
      const grant = this.#window.widen(length + CONTROL_SLACK_BYTES);
      if (grant > 0) this.#host.sendNow(encodeCredit(this.#id as number, grant));
    }
    return this.#addPiece(this.#partial, payload);
  }

  receiveControlMore(payload: Uint8Array): string | undefined {
    if (this.#partial === undefined) return 'a continued control frame that never began';
    if (!this.#window.receive(frameCost(payload.length))) return 'control without credit';
    return this.#addPiece(this.#partial, payload);
  }

  receiveData(payload: Uint8Array): string | undefined {
    if (this.#hasPeerEnded) return 'data after end';
    if (this.#partial !== undefined) return 'data inside a control frame';
    if (payload.length > DATA_BYTES_MAX) return `a data frame of ${payload.length} bytes`;
    const cost = frameCost(payload.length);
    if (!this.#window.receive(cost)) return 'data without credit';
    this.#tinyFrames = payload.length < TINY_BYTES ? this.#tinyFrames + 1 : Math.max(0, this.#tinyFrames - payload.length / LEAF_BYTES);
    if (this.#tinyFrames > TINY_DATA_FRAMES_MAX && !this.#mayBeTiny) return 'too many tiny data frames';
    this.#deliver({ kind: 'data', bytes: payload }, cost);
    return undefined;
  }

  receiveEnd(): string | undefined {
    if (this.#hasPeerEnded) return 'a second end';
    if (this.#partial !== undefined) return 'end inside a control frame';
    this.#hasPeerEnded = true;
    this.#takeReader()?.resolve(undefined);
    this.#finishIfDone();
    return undefined;
  }

  /** After the peer's end a reset says only that it reads no more: what it sent stays readable. */
  receiveReset(reason: string): void {
    if (!this.#hasPeerEnded) {
      this.fail(reason);
      return;
    }
    this.#sendError ??= new StreamClosedError(reason);
    this.#wakeSender();
    this.#finish();
  }

  receiveCredit(bytes: number): string | undefined {
    if (!this.#credit.add(bytes)) return `a credit of ${bytes} bytes`;
    this.#creditWaiter?.();
    return undefined;
  }

  #addPiece(partial: PartialControl, payload: Uint8Array): string | undefined {
    if (partial.at + payload.length > partial.bytes.length) return 'a control frame longer than announced';
    partial.bytes.set(payload, partial.at);
    partial.at += payload.length;
    partial.cost += frameCost(payload.length);
    if (partial.at < partial.bytes.length) return undefined;
    this.#partial = undefined;
    this.#deliver({ kind: 'control', bytes: partial.bytes }, partial.cost);
    return undefined;
  }

  #deliver(item: StreamItem, cost: number): void {
    const reader = this.#takeReader();
    if (reader !== undefined) {
      this.#consume(item, cost);
      reader.resolve(item);
    } else if (this.#readError === undefined) {
      this.#items.push({ item: { kind: item.kind, bytes: compact(item.bytes) }, cost });
    }
  }

  #takeReader(): Reader | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.timer?.cancel();
    return reader;
  }

  #consume(item: StreamItem, cost: number): void {
    if (item.kind === 'data') this.#movedBytes += item.bytes.length;
    const grant = this.#window.consume(cost, this.#host.windowFacts(this.#window, cost), item.kind === 'data');
    if (grant > 0 && !this.#hasPeerEnded && !this.#isFinished) this.#host.sendNow(encodeCredit(this.#id as number, grant));
    this.#releaseIfDone();
  }

  #dropItems(): void {
    this.#items.length = 0;
    this.#partial = undefined;
    this.#releaseIfDone();
  }

  #finishIfDone(): void {
    if (this.#hasEnded && this.#hasPeerEnded) this.#finish();
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#host.finished(this);
    this.#releaseIfDone();
  }

  #releaseIfDone(): void {
    if (this.#isFinished && this.#items.length === 0) this.#window.release();
  }

  #controlHead(length: number): Uint8Array {
    this.#id ??= this.#host.nextStreamId(this);
    return frameHead('control', this.#id, length);
  }

  /** Resolves when the connection has taken the piece; rejects at the end of the stream unless it has the piece already. */
  async #sendPiece(makeHead: () => Uint8Array, piece: Uint8Array): Promise<void> {
    let isHandedOver = false;
    const head = (): Uint8Array | undefined => {
      if (this.#sendError !== undefined) return undefined;
      isHandedOver = true;
      return makeHead();
    };
    const sent = this.#host.sendInTurn(head, piece);
    // Who gave up waiting for the turn hears no more of it.
    sent.catch(() => undefined);
    const ended = new Promise<void>((resolve) => {
      this.#turnWaiter = resolve;
    });
    await Promise.race([sent, ended]);
    if (isHandedOver) return sent;
    if (this.#sendError !== undefined) throw this.#sendError;
  }

  async #inOrder(send: () => Promise<void>): Promise<void> {
    const before = this.#lastSend;
    let done: () => void = () => undefined;
    this.#lastSend = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await before;
      this.#throwIfClosed();
      await send();
    } catch (error) {
      // The connection's own error says less than why the stream ended.
      throw this.#sendError ?? error;
    } finally {
      done();
    }
  }

  #throwIfClosed(): void {
    if (this.#sendError !== undefined) throw this.#sendError;
    if (this.#hasEnded) throw new StreamClosedError('ended');
  }

  /** Waits until the peer has granted a useful amount; `sendData` is watched by who calls it (T14). */
  async #takeCredit(wanted: number): Promise<number> {
    for (;;) {
      if (this.#sendError !== undefined) throw this.#sendError;
      const size = this.#useCredit(wanted);
      if (size > 0) return size;
      await new Promise<void>((resolve) => {
        this.#creditWaiter = resolve;
      });
    }
  }

  /** What may go now of `wanted` bytes; 0 = wait. */
  #useCredit(wanted: number): number {
    const size = this.#credit.payloadBytes(wanted, DATA_BYTES_MAX);
    if (size > 0) this.#credit.use(size);
    return size;
  }

  #wakeSender(): void {
    this.#creditWaiter?.();
    this.#turnWaiter?.();
  }

  /** A frame that can not be finished in time takes its stream with it: half a frame is of no use. */
  async #within<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
    const timer = this.#host.clock.setTimer(timeoutMs, () => this.reset('timeout'));
    try {
      return await work();
    } finally {
      timer.cancel();
    }
  }
}
