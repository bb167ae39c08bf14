// driven: a node stream over a stream of a session, so that TLS can run inside it, end to end through a relay.
import { Duplex } from 'node:stream';
import { DATA_BYTES_MAX } from '../limits.ts';
import type { BatStream } from './bat-session.ts';
import { StreamClosedError } from './stream-closed-error.ts';

/** What the duplex ends with when the stream under it was reset: `code` is the word of the reset. */
class CarrierEndedError extends Error {
  readonly code: string;

  constructor(reason: string) {
    super(`what carried the connection has ended (${reason})`);
    this.name = 'CarrierEndedError';
    this.code = reason;
  }
}

const asCarrierError = (error: unknown): Error =>
  error instanceof StreamClosedError ? new CarrierEndedError(error.reason) : (error as Error);

/** Waits for credit as the stream does, in both directions. The stream belongs to it from now on; `destroy` resets it. */
export class StreamDuplex extends Duplex {
  readonly #stream: BatStream;
  #isReading = false;

  constructor(stream: BatStream) {
    super({ readableHighWaterMark: DATA_BYTES_MAX, writableHighWaterMark: DATA_BYTES_MAX, allowHalfOpen: false });
    this.#stream = stream;
  }

  override _read(): void {
    if (!this.#isReading) void this.#read();
  }

  override _write(chunk: Uint8Array, _encoding: unknown, done: (error?: Error | null) => void): void {
    this.#send(chunk, done);
  }

  /** TLS hands over several records at once: one frame carries them all. */
  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stream.end().then(
      () => done(),
      (error: unknown) => done(asCarrierError(error)),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // After the end of both sides it says nothing any more.
    this.#stream.reset('gone');
    done(error);
  }

  /** Until the buffer is full. */
  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      for (let wantsMore = true; wantsMore && !this.destroyed; ) {
        const item = await this.#stream.next();
        if (item?.kind === 'control') throw new StreamClosedError('malformed');
        wantsMore = this.push(item?.bytes ?? null) && item !== undefined;
      }
    } catch (error) {
      this.destroy(asCarrierError(error));
    } finally {
      this.#isReading = false;
    }
  }

  #send(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    this.#stream.sendData(bytes).then(
      () => done(),
      (error: unknown) => done(asCarrierError(error)),
    );
  }
}
