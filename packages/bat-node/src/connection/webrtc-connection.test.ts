import { CONNECTION_MESSAGE_BYTES_MAX, keyPairFromSeed, utf8Bytes, utf8Text } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { describe, expect, it } from 'vitest';
import { CHANNEL_WINDOW_BYTES, FRAME_COST_BYTES } from '../limits.ts';
import { encodeChannelClose, encodeChannelCredit } from './channel-frames.ts';
import { makeScratch, type OpenChannel, WebrtcConnection } from './webrtc-connection.ts';

const runtime = createSystemRuntime();
type Events = Parameters<OpenChannel['attach']>[0];

/** A channel whose other end is the test. */
class HandChannel implements OpenChannel {
  bufferedBytes = 0;
  isClosed = false;
  readonly sent: Uint8Array[] = [];
  events: Events | undefined;

  attach(events: Events): void {
    this.events = events;
  }

  send(frame: Uint8Array): boolean {
    this.sent.push(frame.slice());
    return !this.isClosed;
  }

  /** As the library does: word of the end comes while closing. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.events?.onEnd();
  }
}

function makeConnection() {
  const channel = new HandChannel();
  const peer = keyPairFromSeed(runtime.entropy.bytes(32));
  const facts = { peer, binding: new Uint8Array(32), path: 'punched', remoteAddress: undefined, isInitiator: true } as const;
  const connection = new WebrtcConnection(runtime, channel, makeScratch(), facts);
  const got: string[] = [];
  connection.onMessage((message) => got.push(utf8Text(message) ?? ''));
  const receive = (frame: Uint8Array | string): void => channel.events?.onMessage(frame);
  return { channel, connection, got, receive };
}

const messageFrame = (text: string): Uint8Array => utf8Bytes(`\0${text}`);

describe('WebrtcConnection', () => {
  it.each([
    ['text', 'text'],
    ['an empty frame', new Uint8Array(0)],
    ['an unknown kind', Uint8Array.of(9, 1, 2)],
    ['a message that is too long', new Uint8Array(CONNECTION_MESSAGE_BYTES_MAX + 2)],
    ['credit that was not spent', encodeChannelCredit(CHANNEL_WINDOW_BYTES)],
    ['a drip of credit', encodeChannelCredit(1)],
    ['a close word without end', new Uint8Array(1000).fill(2)],
  ])('ends with a peer that sends %s', async (_name, frame) => {
    const { channel, connection, got, receive } = makeConnection();
    receive(frame);
    expect((await connection.closed).reason).toBe('protocol-error');
    expect([channel.isClosed, got]).toEqual([true, []]);
  });

  it('holds no more of a peer than the window, in bytes and in tiny messages', async () => {
    for (const size of [1, 200_000]) {
      const { connection, receive } = makeConnection();
      connection.pause(true);
      const frame = new Uint8Array(size + 1);
      const fitting = Math.floor(CHANNEL_WINDOW_BYTES / (frame.length + FRAME_COST_BYTES));
      for (let i = 0; i < fitting; i++) receive(frame);
      expect(await Promise.race([connection.closed, 'open'])).toBe('open');
      receive(frame);
      expect(await connection.closed).toEqual({ reason: 'protocol-error', detail: 'more than it had credit for' });
    }
  });

  it('sends no more than the peer gives credit for, keeps the order, and goes on', async () => {
    const { channel, connection, receive } = makeConnection();
    const sends = Array.from({ length: 60 }, (_, i) => connection.send(new Uint8Array(100_000).fill(i)));
    const spentOf = (): number => channel.sent.reduce((sum, frame) => sum + frame.length + FRAME_COST_BYTES, 0);
    expect(spentOf()).toBeLessThanOrEqual(CHANNEL_WINDOW_BYTES);
    expect(connection.bufferedBytes).toBeGreaterThan(0);
    receive(encodeChannelCredit(spentOf()));
    await Promise.all(sends);
    expect(channel.sent.map((frame) => frame[1])).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  it('copies what waits: shared memory may be used again', async () => {
    const { channel, connection, receive } = makeConnection();
    channel.bufferedBytes = CHANNEL_WINDOW_BYTES;
    const body = new Uint8Array(new SharedArrayBuffer(4)).fill(7);
    const sent = connection.sendParts(Uint8Array.of(1), body);
    body.fill(0);
    channel.bufferedBytes = 0;
    channel.events?.onLow();
    await sent;
    expect(channel.sent).toEqual([Uint8Array.of(0, 1, 7, 7, 7, 7)]);
    receive(messageFrame('still open'));
    expect(await Promise.race([connection.closed, 'open'])).toBe('open');
  });

  it('survives a handler that throws: the connection ends, not the process', async () => {
    const { channel, connection, receive } = makeConnection();
    connection.onMessage(() => {
      throw new Error('a defect of ours');
    });
    receive(messageFrame('boom'));
    expect(await connection.closed).toEqual({ reason: 'local', detail: 'internal' });
    expect(channel.sent.at(-1)).toEqual(encodeChannelClose('internal'));
  });

  it('reads what came in before the channel was lost', async () => {
    const { channel, connection, got, receive } = makeConnection();
    connection.pause(true);
    receive(messageFrame('one'));
    receive(messageFrame('two'));
    channel.close();
    await expect(connection.send(utf8Bytes('x'))).rejects.toMatchObject({ code: 'BAT_E_CONNECTION_CLOSED' });
    connection.pause(false);
    expect((await connection.closed).reason).toBe('error');
    expect(got).toEqual(['one', 'two']);
  });

  it('shows no close word that it would not print', async () => {
    const { connection, receive } = makeConnection();
    receive(Uint8Array.of(2, 0x1b, 0x5b));
    expect(await connection.closed).toEqual({ reason: 'remote' });
  });
});
