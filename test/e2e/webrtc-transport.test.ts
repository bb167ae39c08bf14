import { DataChannelTransport } from '@batchain/bat-node';
import { type Connection, keyPairFromSeed, utf8Bytes, utf8Text } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { describe, expect, it } from 'vitest';
import { type ChannelEnd, openChannel, value } from '../support/channel-pair.ts';

const LOOPBACK = '127.0.0.1';
const runtime = createSystemRuntime();

function makeEnd(): ChannelEnd {
  const transport = new DataChannelTransport(runtime, { ownHosts: () => [LOOPBACK], bindHost: LOOPBACK });
  return { identity: keyPairFromSeed(runtime.entropy.bytes(32)), transport };
}

const nextText = (connection: Connection): Promise<string | undefined> =>
  new Promise((resolve) => connection.onMessage((message) => resolve(utf8Text(message))));

describe('DataChannelTransport', () => {
  it('opens a connection that both ends know by the same binding', async () => {
    const [ana, bo] = [makeEnd(), makeEnd()];
    const pair = await openChannel(runtime, ana, bo);
    const [near, far] = [value(pair.caller), value(await pair.called)];
    expect([near.peer, far.peer]).toEqual([bo.identity, ana.identity]);
    expect(near.binding).toEqual(far.binding);
    expect([near.path, near.isInitiator, far.isInitiator]).toEqual(['lan', true, false]);
    const text = nextText(far);
    await near.send(utf8Bytes('hello'));
    expect(await text).toBe('hello');
    near.close('done');
    expect(await far.closed).toEqual({ reason: 'remote', detail: 'done' });
  });
});
