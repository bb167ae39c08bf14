import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { GATEWAY_LINGER_BYTES_MAX } from '../limits.ts';
import { announcedBytes, discardBody, readBody } from './request-bytes.ts';

/** A body whose sender the test is; headers are all that it lacks. */
const makeBody = (): PassThrough & IncomingMessage =>
  Object.assign(new PassThrough(), { headers: {} }) as unknown as PassThrough & IncomingMessage;

async function readAll(body: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const part of body) bytes += part.length;
  return bytes;
}

const { signal } = new AbortController();
const statusOf = (error: unknown): number | undefined => (error as { status?: number }).status;

describe('announcedBytes', () => {
  const announced = (headers: IncomingMessage['headers']): number | undefined =>
    announcedBytes(Object.assign(makeBody(), { headers }), 100);

  it('refuses a part of a body, which would be stored for the whole, and one that is packed', () => {
    expect(announced({ 'content-length': '7', 'content-encoding': 'identity' })).toBe(7);
    for (const [headers, status] of [
      [{ 'content-range': 'bytes 5-9/10' }, 400],
      [{ 'content-encoding': 'gzip' }, 415],
    ] as const) {
      const error = (() => {
        try {
          return announced({ 'content-length': '5', ...headers });
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(statusOf(error)).toBe(status);
    }
  });
});

describe('readBody (T14)', () => {
  it('gives what comes, up to the end', async () => {
    const { clock } = createSimRuntime('body');
    const request = makeBody();
    request.write('abc');
    request.end('def');
    expect(await readAll(readBody(request, clock, 6, signal))).toBe(6);
  });

  it('takes a body as long as it keeps the pace, however long it is', async () => {
    const { clock } = createSimRuntime('steady');
    const request = makeBody();
    const read = readAll(readBody(request, clock, 10_000_000, signal));
    const send = async (): Promise<void> => {
      for (let i = 0; i < 600; i++) {
        request.write(new Uint8Array(5000));
        await clock.sleep(1000);
      }
      request.end();
    };
    const [bytes] = await clock.runUntilSettled(Promise.all([read, send()]), { deadlineMs: 700_000 });
    expect(bytes).toBe(3_000_000);
  });

  it('gives up one that drips, after half a minute', async () => {
    const { clock } = createSimRuntime('drips');
    const request = makeBody();
    const read = readAll(readBody(request, clock, 1_000_000, signal)).catch(statusOf);
    let isOver = false;
    const send = async (): Promise<void> => {
      for (; !isOver; await clock.sleep(1000)) request.write('x');
    };
    void send();
    expect(await clock.runUntilSettled(read, { deadlineMs: 60_000 })).toBe(408);
    isOver = true;
    expect(clock.elapsedMs).toBeGreaterThanOrEqual(30_000);
    expect(clock.elapsedMs).toBeLessThan(32_000);
  });

  it('gives up one that never comes', async () => {
    const { clock } = createSimRuntime('silent');
    const read = readAll(readBody(makeBody(), clock, 1_000_000, signal)).catch(statusOf);
    expect(await clock.runUntilSettled(read, { deadlineMs: 60_000 })).toBe(408);
    expect(clock.elapsedMs).toBe(30_000);
  });

  it('counts only the time that is waited for the sender', async () => {
    const { clock } = createSimRuntime('slow-taker');
    const request = makeBody();
    for (let i = 0; i < 10; i++) request.write('x');
    request.end();
    const read = async (): Promise<void> => {
      for await (const _ of readBody(request, clock, 100, signal)) await clock.sleep(60_000);
    };
    await clock.runUntilSettled(read(), { deadlineMs: 3_600_000 });
    expect(clock.elapsedMs).toBeGreaterThanOrEqual(60_000);
  });

  it('ends at the limit, and with the sender', async () => {
    const { clock } = createSimRuntime('ends');
    const long = makeBody();
    long.write(new Uint8Array(101));
    await expect(readAll(readBody(long, clock, 100, signal))).rejects.toMatchObject({ status: 413 });
    expect(long.destroyed).toBe(false);
    const gone = makeBody();
    const read = readAll(readBody(gone, clock, 100, signal));
    gone.destroy();
    await expect(read).rejects.toMatchObject({ code: 'BAT_E_INTERRUPTED' });
    await expect(readAll(readBody(gone, clock, 100, signal))).rejects.toMatchObject({ code: 'BAT_E_INTERRUPTED' });
  });
});

describe('discardBody', () => {
  it('takes a refused body for a moment, or a MiB, or to its end', async () => {
    const { clock } = createSimRuntime('linger');
    await clock.runUntilSettled(discardBody(makeBody(), clock), { deadlineMs: 5000 });
    expect(clock.elapsedMs).toBe(1000);
    const flood = makeBody();
    const done = discardBody(flood, clock);
    for (let i = 0; i < 20; i++) flood.write(new Uint8Array(GATEWAY_LINGER_BYTES_MAX / 10));
    await clock.runUntilSettled(done, { deadlineMs: 5000 });
    const short = makeBody();
    short.end('x');
    await clock.runUntilSettled(discardBody(short, clock), { deadlineMs: 5000 });
    expect(clock.elapsedMs).toBe(1000);
  });
});
