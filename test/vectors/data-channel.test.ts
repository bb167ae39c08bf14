// The golden vectors of data channels (docs/spec/bat-wire.md, section 2): 32 bytes are SHA-256(label), shorter ones its beginning.
import { concatBytes, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import {
  decodeChannelFrame,
  encodeChannelClose,
  encodeChannelCredit,
  putMessage,
} from '../../packages/bat-node/src/connection/channel-frames.ts';
import { channelBinding, formatCandidate, formatSdp } from '../../packages/bat-node/src/connection/ice-description.ts';

const FILE = '../../docs/spec/vectors/data-channel.json';

const draw = (label: string, length = 32): Uint8Array => sha256(utf8Bytes(label)).slice(0, length);

describe('data channels', () => {
  it('have the bytes of the golden vectors', async () => {
    const caller = { fingerprint: draw('caller fingerprint'), nonce: draw('caller nonce', 16) };
    const called = { fingerprint: draw('called fingerprint'), nonce: draw('called nonce', 16) };
    const scratch = new Uint8Array(64);
    const message = scratch.subarray(0, putMessage(scratch, [draw('message', 3), draw('message', 8).subarray(3)]));
    const description = { ufrag: 'qFY7', password: '72vrfPqO3LZw2obqJUBbdz', fingerprint: caller.fingerprint, candidates: [] };
    const vectors = {
      about: 'Bytes are hex. 32 bytes are SHA-256(label), shorter ones its beginning; test/vectors/data-channel.test.ts names the labels.',
      binding: toHex(channelBinding(caller, called)),
      frames: {
        message: toHex(message),
        credit: toHex(encodeChannelCredit(0x0010_0000)),
        close: toHex(encodeChannelClose('replaced')),
      },
      sdp: formatSdp(description, { setup: 'active', messageBytesMax: 263_170 }),
      candidates: [
        formatCandidate({ kind: 'reflexive', address: { host: '203.0.113.5', port: 40_000 } }, 0),
        formatCandidate({ kind: 'host', address: { host: '2001:db8::1', port: 5000 } }, 1),
      ],
    };
    await expect(`${JSON.stringify(vectors, null, 1)}\n`).toMatchFileSnapshot(FILE);
    expect(decodeChannelFrame(message)).toEqual({ kind: 'message', message: draw('message', 8) });
    expect(decodeChannelFrame(encodeChannelCredit(0x0010_0000))).toEqual({ kind: 'credit', bytes: 0x0010_0000 });
    expect(decodeChannelFrame(encodeChannelClose('replaced'))).toEqual({ kind: 'close', word: 'replaced' });
    expect(decodeChannelFrame(concatBytes(Uint8Array.of(3), draw('message', 8)))).toBeUndefined();
  });
});
