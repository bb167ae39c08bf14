import { CONNECTION_MESSAGE_BYTES_MAX, keyPairFromSeed } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { SEND_BUFFER_HIGH_BYTES } from '../limits.ts';
import { LocalConnection } from './local-connection.ts';

const self = keyPairFromSeed(new Uint8Array(32).fill(1));

function pair() {
  const { runtime, clock } = createSimRuntime('local');
  const [near, far] = LocalConnection.pair(runtime, self);
  const got: number[] = [];
  far.onMessage((message) => got.push(message[0] as number));
  return { near, far, got, clock };
}

describe('a connection to oneself', () => {
  it('names oneself at both ends, with one binding', () => {
    const { near, far } = pair();
    expect([near.peer.nodeId, far.peer.nodeId]).toEqual([self.nodeId, self.nodeId]);
    expect(near.binding).toEqual(far.binding);
    expect([near.isInitiator, far.isInitiator]).toEqual([true, false]);
  });

  it('brings messages in order, as they were when they were sent, never inside the call', async () => {
    const { near, got, clock } = pair();
    const message = Uint8Array.of(1);
    void near.send(message);
    message[0] = 9;
    void near.send(Uint8Array.of(2));
    expect(got).toEqual([]);
    await clock.runFor(1);
    expect(got).toEqual([1, 2]);
  });

  it('makes a sender wait while the other end pauses, and goes on with it', async () => {
    const { near, far, got, clock } = pair();
    far.pause(true);
    let sent = 0;
    const count = Math.ceil(SEND_BUFFER_HIGH_BYTES / CONNECTION_MESSAGE_BYTES_MAX) + 1;
    const sending = (async () => {
      for (; sent < count; sent++) await near.send(new Uint8Array(CONNECTION_MESSAGE_BYTES_MAX));
    })();
    await clock.runFor(1000);
    expect(sent).toBeLessThan(count);
    expect(got).toEqual([]);
    far.pause(false);
    await clock.runUntilSettled(sending, { deadlineMs: 1000 });
    await clock.runFor(1);
    expect(got).toHaveLength(count);
  });

  it('brings what was sent before its end, tells both ends, and takes nothing more', async () => {
    const { near, far, got, clock } = pair();
    void near.send(Uint8Array.of(7));
    near.close('done');
    await clock.runFor(1);
    expect(got).toEqual([7]);
    expect(await near.closed).toEqual({ reason: 'local', detail: 'done' });
    expect(await far.closed).toEqual({ reason: 'remote', detail: 'done' });
    await expect(near.send(Uint8Array.of(8))).rejects.toMatchObject({ code: 'BAT_E_CONNECTION_CLOSED' });
    await expect(far.send(Uint8Array.of(8))).rejects.toMatchObject({ code: 'BAT_E_CONNECTION_CLOSED' });
  });

  it('refuses a message that is too long', async () => {
    await expect(pair().near.send(new Uint8Array(CONNECTION_MESSAGE_BYTES_MAX + 1))).rejects.toMatchObject({ code: 'BAT_E_INTERNAL' });
  });
});
