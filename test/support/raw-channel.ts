// driven: a data channel peer that speaks through the library itself, to misbehave as our own code never does.
import { createRequire } from 'node:module';
import type { IceDescription } from '@batchain/bat-node';
import { fromHex, makeAddress, toHex } from '@batchain/shared';

/** Through the one package that depends on it. */
const library = createRequire(new URL('../../packages/bat-node/package.json', import.meta.url))('node-datachannel');

export interface RawChannel {
  readonly local: IceDescription;
  readonly opened: Promise<void>;
  readonly closed: Promise<void>;
  /** Whatever it is: no framing, no credit, no limit. */
  sendBytes(bytes: Uint8Array): void;
  sendText(text: string): void;
  openSecondChannel(): void;
  close(): void;
}

function sdpOf({ ufrag, password, fingerprint }: IceDescription): string {
  const digest = toHex(fingerprint).match(/../g)?.join(':').toUpperCase();
  const lines = [
    ...['v=0', 'o=rtc 1 0 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0', `a=fingerprint:sha-256 ${digest}`],
    ...['m=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sctp-port:5000'],
    ...['a=max-message-size:10000000', 'a=setup:passive', `a=ice-ufrag:${ufrag}`, `a=ice-pwd:${password}`, ''],
  ];
  return lines.join('\r\n');
}

/** The called end of the channel that `offer` describes, between neighbours: it begins DTLS once the caller has sent. */
export async function answerRaw(offer: IceDescription): Promise<RawChannel> {
  const messageBytesMax = 10_000_000;
  const config = { iceServers: [], bindAddress: '127.0.0.1', maxMessageSize: messageBytesMax, disableAutoNegotiation: true };
  const peer = new library.PeerConnection('raw', config);
  const on = (register: (body: (word: string) => void) => void, word?: string): Promise<void> =>
    new Promise((resolve) => register((said) => (word === undefined || word === said) && resolve()));
  const closed = on((body) => peer.onStateChange(body), 'closed');
  const gathered = on((body) => peer.onGatheringStateChange(body), 'complete');
  const channel = peer.createDataChannel('batchain', { negotiated: true, id: 0 });
  const opened = on((body) => channel.onOpen(body));
  channel.onClosed(() => undefined);
  // We are the DTLS client, so the caller's side of the SDP is passive.
  peer.setRemoteDescription(sdpOf(offer), 'offer');
  peer.setLocalDescription('answer');
  await gathered;
  const sdp: string = peer.localDescription().sdp;
  const attribute = (name: string): string => new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(sdp)?.[1] ?? '';
  const [, ip = '', port = ''] = / UDP \d+ (\S+) (\d+) typ host/.exec(sdp) ?? [];
  const address = makeAddress(ip, Number(port));
  return {
    local: {
      ufrag: attribute('ice-ufrag'),
      password: attribute('ice-pwd'),
      fingerprint: fromHex(attribute('fingerprint').replace('sha-256 ', '').replaceAll(':', '').toLowerCase()) ?? new Uint8Array(0),
      candidates: address === undefined ? [] : [{ kind: 'host', address }],
    },
    opened,
    closed,
    sendBytes: (bytes) => channel.sendMessageBinary(bytes),
    sendText: (text) => channel.sendMessage(text),
    openSecondChannel: () => {
      const second = peer.createDataChannel('second');
      second.onClosed(() => undefined);
    },
    close: () => peer.close(),
  };
}
