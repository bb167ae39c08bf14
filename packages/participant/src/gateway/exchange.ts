// driven: one request to the gateway and its answer: JSON, a problem, or bytes at the pace of their reader.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BatChainError, KiB, type Runtime, toBatChainError } from '@batchain/shared';
import { GATEWAY_READER_STALL_MS } from '../limits.ts';
import { GatewayError, gatewayProblemOf, statusOfError } from './gateway-error.ts';
import { announcedBytes, discardBody, hasBody, readBody } from './request-bytes.ts';

type Headers = Readonly<Record<string, string | number>>;

/** Nothing that was stored here runs in a browser, is guessed at, or is embedded by a page from elsewhere. */
const COMMON_HEADERS: Headers = {
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
  'cross-origin-resource-policy': 'same-origin',
};

/** A reader that takes so much at least before its time is over is slow, not gone. */
const WRITE_BYTES: number = 64 * KiB;

export class Exchange {
  readonly request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #runtime: Runtime;
  readonly #abort = new AbortController();

  constructor(runtime: Runtime, request: IncomingMessage, response: ServerResponse) {
    this.#runtime = runtime;
    this.request = request;
    this.#response = response;
    response.once('close', () => this.abort(new BatChainError('BAT_E_INTERRUPTED', { what: 'the client went away' })));
  }

  /** Aborts when the client goes away or the gateway closes. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get method(): string {
    return this.request.method ?? '';
  }

  get status(): number {
    return this.#response.statusCode;
  }

  abort(reason: BatChainError): void {
    if (!this.#response.writableFinished) this.#abort.abort(reason);
  }

  /** The length that the head tells, checked before the client is asked to go on. Throws 400, 413 and 415. */
  announcedBytes(bytesMax: number): number | undefined {
    return announcedBytes(this.request, bytesMax);
  }

  /** Throws 400, 408, 413 and 415. */
  async *body(bytesMax: number): AsyncGenerator<Uint8Array, void> {
    this.announcedBytes(bytesMax);
    if (this.request.headers.expect !== undefined) this.#response.writeContinue();
    yield* readBody(this.request, this.#runtime.clock, bytesMax, this.signal);
  }

  async json(status: number, body: unknown, headers: Headers = {}): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
    await this.#end(status, { 'content-type': 'application/json', ...headers, 'content-length': bytes.length }, bytes);
  }

  /** An answer of headers alone. */
  async head(status: number, headers: Headers): Promise<void> {
    await this.#end(status, headers, undefined);
  }

  async problem(error: unknown): Promise<void> {
    const known = toBatChainError(error);
    if (known.code === 'BAT_E_INTERNAL')
      this.#runtime.log.error('http.request.failed', { what: known.what, stack: error instanceof Error ? error.stack : undefined });
    if (this.#response.headersSent) this.#response.destroy();
    else await this.json(statusOfError(known), gatewayProblemOf(known), error instanceof GatewayError ? error.headers : {});
  }

  get #isUnread(): boolean {
    return hasBody(this.request) && !this.request.readableEnded;
  }

  /** What a client still sends of a body that is not read is thrown away, and its connection closed. */
  async #end(status: number, headers: Headers, bytes: Buffer | undefined): Promise<void> {
    const response = this.#response;
    if (response.destroyed) return;
    const isUnread = this.#isUnread;
    const isLast = isUnread || status === 401 || this.signal.aborted;
    response.writeHead(status, { ...COMMON_HEADERS, ...headers, ...(isLast ? { connection: 'close' } : {}) });
    if (isUnread) {
      if (bytes === undefined || this.method === 'HEAD') response.flushHeaders();
      else response.write(bytes);
      await discardBody(this.request, this.#runtime.clock);
      response.end();
    } else response.end(bytes);
  }

  /**
   * Sends bytes, no faster than they are read. A failure before the first is a problem as any other; later the connection breaks off.
   * Each piece waits for the next one: the last goes out when the source has said that the whole was right, so nobody takes wrong bytes
   * for a file, and the announced length is not reached.
   */
  async bytes(
    status: number,
    headers: Headers & { readonly 'content-length': number },
    content: AsyncGenerator<Uint8Array, unknown>,
  ): Promise<void> {
    const response = this.#response;
    try {
      let next = await content.next();
      this.signal.throwIfAborted();
      let leftBytes = Number(headers['content-length']);
      response.writeHead(status, { ...COMMON_HEADERS, ...headers, ...(this.#isUnread ? { connection: 'close' } : {}) });
      while (next.done !== true) {
        const piece = next.value;
        next = await content.next();
        leftBytes -= piece.length;
        if (leftBytes < 0) break;
        for (let at = 0; at < piece.length; at += WRITE_BYTES) await this.#write(piece.subarray(at, at + WRITE_BYTES));
      }
      // Its owner changed it meanwhile: what is missing or too much would be taken for the next answer.
      if (leftBytes !== 0) throw new BatChainError('BAT_E_CONTENT_MISMATCH', { what: 'there were not as many bytes as were announced' });
      response.end();
    } finally {
      await content.return(undefined);
    }
  }

  #write(bytes: Uint8Array): Promise<void> {
    this.signal.throwIfAborted();
    const response = this.#response;
    if (response.write(bytes)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        timer.cancel();
        this.signal.removeEventListener('abort', gone);
        response.off('drain', drained);
        settle();
      };
      const drained = (): void => end(resolve);
      const gone = (): void => end(() => reject(this.signal.reason as Error));
      const timer = this.#runtime.clock.setTimer(GATEWAY_READER_STALL_MS, () => response.destroy());
      response.once('drain', drained);
      this.signal.addEventListener('abort', gone, { once: true });
      if (this.signal.aborted) gone();
    });
  }
}
