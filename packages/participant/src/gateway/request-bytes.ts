// driven: a request's body as it comes: bounded in bytes, and given up when it comes too slowly (T14). The connection stays for the answer.
import type { IncomingMessage } from 'node:http';
import { BatChainError, type Clock } from '@batchain/shared';
import { GATEWAY_LINGER_BYTES_MAX, GATEWAY_LINGER_MS, GATEWAY_PACE_BYTES_PER_S, GATEWAY_PACE_WINDOW_MS } from '../limits.ts';
import { GatewayError } from './gateway-error.ts';

const tooLong = (bytesMax: number): GatewayError =>
  new GatewayError(413, { what: 'the body is too long', why: `at most ${bytesMax} bytes` });
const tooSlow = (): GatewayError =>
  new GatewayError(408, {
    what: 'the body comes too slowly',
    why: `less than ${GATEWAY_PACE_BYTES_PER_S} bytes a second over ${GATEWAY_PACE_WINDOW_MS / 1000} s`,
    fix: 'send it again over a better connection',
  });

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** What is sent is kept as it is: a part would be taken for the whole, and how it was packed would be forgotten. Throws 400 and 415. */
function refuseCoded({ headers }: IncomingMessage): void {
  if (headers['content-range'] !== undefined)
    throw new GatewayError(400, { what: 'a part of a body can not be stored', why: 'it bears Content-Range', fix: 'send the whole' });
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (coding !== 'identity')
    throw new GatewayError(415, {
      what: 'a packed body can not be stored as what is in it',
      why: 'it bears Content-Encoding, which is not kept',
      fix: 'leave that header away: the bytes are kept as they are',
    });
}

/** What the head says; undefined when it says nothing (chunked). Throws 400, 413 and 415. */
export function announcedBytes(request: IncomingMessage, bytesMax: number): number | undefined {
  refuseCoded(request);
  const { headers } = request;
  if (headers['transfer-encoding'] !== undefined) return undefined;
  const bytes = Number(headers['content-length'] ?? 0);
  if (bytes > bytesMax) throw tooLong(bytesMax);
  return bytes;
}

/** Resolves when something came, the body ended, or after the time. Rejects when the client is gone, and when the signal aborts. */
function untilMore(request: IncomingMessage, clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      timer.cancel();
      signal.removeEventListener('abort', aborted);
      request.off('readable', more).off('end', more).off('error', gone).off('close', gone);
      settle();
    };
    const more = (): void => end(resolve);
    const gone = (): void => end(() => reject(new BatChainError('BAT_E_INTERRUPTED', { what: 'the client went away' })));
    const aborted = (): void => end(() => reject(signal.reason as Error));
    const timer = clock.setTimer(timeoutMs, more);
    signal.addEventListener('abort', aborted, { once: true });
    request.on('readable', more).on('end', more).on('error', gone).on('close', gone);
    if (signal.aborted) aborted();
    else if (request.destroyed) (request.readableEnded ? more : gone)();
  });
}

/** Throws 413 and 408. Only the time counts that is waited for the client. */
export async function* readBody(
  request: IncomingMessage,
  clock: Clock,
  bytesMax: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  let totalBytes = 0;
  let windowBytes = 0;
  let windowMs = 0;
  while (!request.readableEnded) {
    const part = request.read() as Buffer | null;
    if (part !== null) {
      totalBytes += part.length;
      windowBytes += part.length;
      if (totalBytes > bytesMax) throw tooLong(bytesMax);
      yield part;
      continue;
    }
    const sinceMs = clock.monotonicMs();
    await untilMore(request, clock, GATEWAY_PACE_WINDOW_MS - windowMs, signal);
    windowMs += clock.monotonicMs() - sinceMs;
    if (windowMs < GATEWAY_PACE_WINDOW_MS) continue;
    if (windowBytes < (GATEWAY_PACE_BYTES_PER_S * windowMs) / 1000) throw tooSlow();
    windowBytes = 0;
    windowMs = 0;
  }
}

/**
 * Throws away what still comes of a body that nobody wants, for a moment: a connection that is closed with unread bytes is reset, and
 * the client may lose the answer that tells why.
 */
export function discardBody(request: IncomingMessage, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    let leftBytes = GATEWAY_LINGER_BYTES_MAX;
    const end = (): void => {
      timer.cancel();
      request.off('data', take).off('end', end).off('error', end).off('close', end);
      resolve();
    };
    const take = (part: Buffer): void => {
      leftBytes -= part.length;
      if (leftBytes <= 0) end();
    };
    const timer = clock.setTimer(GATEWAY_LINGER_MS, end);
    request.on('data', take).on('end', end).on('error', end).on('close', end);
    request.resume();
    if (request.destroyed || request.readableEnded) end();
  });
}
