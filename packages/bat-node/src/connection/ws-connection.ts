// driven: a Connection over one open WebSocket and its TLS socket: back-pressure, single-frame messages, close reasons.
import type { Writable } from 'node:stream';
import { BaseConnection, type CloseReason, type ConnectionFacts, concatBytes } from '@batchain/shared';
import { SEND_BUFFER_HIGH_BYTES, SEND_BUFFER_LOW_BYTES } from '../limits.ts';
import type { CopyBuffers } from './copy-buffers.ts';

/** What is used of a `ws` WebSocket; its binary messages are node Buffers. */
export interface MessageSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: Uint8Array, done: (error?: Error) => void): void;
  close(code: number, text: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close', listener: (code: number, text: Uint8Array) => void): unknown;
}

const OPEN = 1;
/** Close code of our own closes; the reason word travels as the close text. */
const CLOSE_CODE = 4000;
/** RFC 6455 section 5.5: what a close frame can carry beside its code. */
const CLOSE_TEXT_BYTES_MAX = 123;
/** What a peer may put into a close text; anything else is not shown. */
const CLOSE_TEXT_PATTERN = /^[a-z0-9 .,:()_-]*$/i;
/** Below this a copy is cheaper than a second write. */
const COPY_BYTES_MAX = 4096;
/** RFC 6455 section 5.2: a whole binary message in one frame. */
const FINAL_BINARY = 0x82;

const reasonText = (reason: string): string => reason.replace(/[^\x20-\x7e]/g, '?').slice(0, CLOSE_TEXT_BYTES_MAX);

/** Adapter of the Connection port; made by WsDialer and WsListener only. */
export class WsConnection extends BaseConnection {
  readonly #socket: MessageSocket;
  readonly #stream: Writable;
  readonly #copies: CopyBuffers;
  #isPaused = false;
  #handler: ((message: Uint8Array) => void) | undefined;
  #error: Error | undefined;

  /** `stream` is the TLS socket under `socket`; both belong to this connection from now on. */
  constructor(socket: MessageSocket, stream: Writable, copies: CopyBuffers, facts: ConnectionFacts) {
    super(facts, { highBytes: SEND_BUFFER_HIGH_BYTES, lowBytes: SEND_BUFFER_LOW_BYTES });
    this.#socket = socket;
    this.#stream = stream;
    this.#copies = copies;
    // Nothing is read before there is a handler, so no message can be missed.
    socket.pause();
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('error', (error) => {
      this.#error = error;
    });
    // `ws` keeps to itself what its socket failed for; a relay says so why it ended a circuit.
    stream.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('close', (code, text) => this.end(this.#remoteReason(code, text)));
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: Uint8Array): Promise<void> {
    const refusal = this.refusal(message.length, this.#socket.readyState === OPEN);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#socket.send(message, this.#onWritten);
    return this.belowMark();
  }

  /**
   * Sends head and body as one message: the frame header of RFC 6455 is written here and the two parts follow it in one
   * write. Sound because `ws` itself writes only whole frames, and does so at once. TLS takes what it is given at once as
   * well, so a body is copied only when it has to wait behind other messages, and is shared memory: that is used again, for
   * plain bytes even, while a peer that reads nothing keeps it waiting.
   */
  sendParts(head: Uint8Array, body: Uint8Array): Promise<void> {
    if (body.length <= COPY_BYTES_MAX) return this.send(concatBytes(head, body));
    const length = head.length + body.length;
    const refusal = this.refusal(length, this.#socket.readyState === OPEN);
    if (refusal !== undefined) return Promise.reject(refusal);
    const isWaiting = this.#stream.writableLength > 0;
    this.#stream.cork();
    this.#stream.write(frameHead(head, length, this.isInitiator));
    if (isWaiting && body.buffer instanceof SharedArrayBuffer) this.#writeCopy(body);
    else this.#stream.write(body, this.#onWritten);
    this.#stream.uncork();
    return this.belowMark();
  }

  #writeCopy(body: Uint8Array): void {
    const copy = this.#copies.copy(body);
    this.#stream.write(copy, (error) => {
      this.#copies.giveBack(copy);
      this.#onWritten(error);
    });
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    this.#handler = handler;
    if (!this.#isPaused) this.#socket.resume();
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else if (this.#handler !== undefined) this.#socket.resume();
  }

  close(reason: string): void {
    if (this.isEnded) return;
    this.#socket.close(CLOSE_CODE, reasonText(reason));
    // A paused socket would not see the peer's answer and would hold on until the close time-out.
    this.#socket.resume();
    this.end({ reason: 'local', detail: reason });
  }

  /** Ends without a close handshake. */
  terminate(reason: string): void {
    this.#socket.terminate();
    this.end({ reason: 'local', detail: reason });
  }

  #receive(data: unknown, isBinary: boolean): void {
    if (this.isEnded) return;
    if (isBinary && data instanceof Uint8Array) this.#handler?.(data);
    else {
      this.end({ reason: 'protocol-error', detail: 'not a binary message' });
      this.#socket.terminate();
    }
  }

  readonly #onWritten = (error?: Error | null): void => {
    // What was not written ends with the socket, often without an error here; its close event rejects those who wait.
    if ((error !== undefined && error !== null) || this.#stream.destroyed) return;
    this.drained();
  };

  #remoteReason(code: number, text: Uint8Array): CloseReason {
    const word = Buffer.from(text).toString('latin1');
    if (code === CLOSE_CODE) return CLOSE_TEXT_PATTERN.test(word) ? { reason: 'remote', detail: word } : { reason: 'remote' };
    const error = this.#error as (Error & { readonly code?: string }) | undefined;
    if (error?.code?.startsWith('WS_ERR') === true) return { reason: 'protocol-error', detail: error.message };
    if (error !== undefined) return { reason: 'error', detail: error.code ?? error.message };
    return code === 1006 ? { reason: 'error', detail: 'the connection was lost' } : { reason: 'remote', detail: `code ${code}` };
  }
}

/** RFC 6455 section 5.2: frame header for `length` bytes of payload, the mask of a client being zero, then the head. */
function frameHead(head: Uint8Array, length: number, isClient: boolean): Uint8Array {
  const lengthBytes = length < 126 ? 0 : length < 0x10000 ? 2 : 8;
  const start = 2 + lengthBytes + (isClient ? 4 : 0);
  const bytes = new Uint8Array(start + head.length);
  bytes[0] = FINAL_BINARY;
  bytes[1] = (isClient ? 0x80 : 0) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  for (let i = 0, rest = length; i < lengthBytes && i < 4; i++, rest >>>= 8) bytes[1 + lengthBytes - i] = rest & 0xff;
  bytes.set(head, start);
  return bytes;
}
