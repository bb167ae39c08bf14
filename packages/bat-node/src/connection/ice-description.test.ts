import { describe, expect, it } from 'vitest';
import { ICE_CANDIDATES_MAX } from '../limits.ts';
import {
  channelBinding,
  formatCandidate,
  formatSdp,
  type IceCandidate,
  type IceDescription,
  judgeIceDescription,
  planHandshake,
  readLocalDescription,
  usableCandidates,
} from './ice-description.ts';

const host = (ip: string, port = 5000): IceCandidate => ({ kind: 'host', address: { host: ip, port } });
const reflexive = (ip: string, port = 5000): IceCandidate => ({ kind: 'reflexive', address: { host: ip, port } });
const bytes = (fill: number, length = 32): Uint8Array => new Uint8Array(length).fill(fill);
const right: IceDescription = { ufrag: 'qFY7', password: '72vrfPqO3LZw2obqJUBbdz', fingerprint: bytes(0xab), candidates: [] };

const LIBRARY_SDP = [
  'v=0',
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`,
  'm=application 39627 UDP/DTLS/SCTP webrtc-datachannel',
  'a=ice-ufrag:qFY7',
  'a=ice-pwd:72vrfPqO3LZw2obqJUBbdz',
  'a=candidate:2 1 UDP 2116026111 fd00::2 39627 typ host',
  'a=candidate:5 1 UDP 2114977790 fe80::1 39627 typ host',
  'a=candidate:1 1 UDP 2114977791 192.0.2.2 39627 typ host',
  'a=candidate:3 1 UDP 1678769151 198.51.100.7 40000 typ srflx raddr 0.0.0.0 rport 0',
  'a=candidate:4 1 UDP 1 198.51.100.9 40000 typ relay raddr 0.0.0.0 rport 0',
  'a=candidate:6 1 TCP 1 192.0.2.2 9 typ host tcptype active',
  'a=end-of-candidates',
  '',
];

describe('an ICE description', () => {
  it('is read from what the library says, reflexive candidates first, without relayed, TCP and link-local ones', () => {
    const candidates = [reflexive('198.51.100.7', 40_000), host('192.0.2.2', 39_627), host('fd00::2', 39_627)];
    expect(readLocalDescription(LIBRARY_SDP.join('\r\n'))).toEqual({ ...right, candidates });
    expect(readLocalDescription('v=0\r\n')).toBeUndefined();
  });

  it('names no more candidates than a signal carries, and keeps the reflexive one', () => {
    const many = Array.from({ length: 20 }, (_, i) => `a=candidate:9 1 UDP 1 10.0.0.${i} 5000 typ host`);
    const read = readLocalDescription([...many, ...LIBRARY_SDP].join('\r\n'));
    expect(read?.candidates).toHaveLength(ICE_CANDIDATES_MAX);
    expect(read?.candidates[0]).toEqual(reflexive('198.51.100.7', 40_000));
  });

  it('calls an own address that STUN sees as well no NAT', () => {
    const seen = 'a=candidate:7 1 UDP 1 192.0.2.2 39627 typ srflx raddr 0.0.0.0 rport 0';
    const read = readLocalDescription([seen, ...LIBRARY_SDP.filter((line) => !line.includes('198.51.100.7')), seen].join('\r\n'));
    expect(read?.candidates).toEqual([host('192.0.2.2', 39_627), host('fd00::2', 39_627)]);
  });

  it('becomes the SDP of the peer, and reads back as the same', () => {
    const sdp = formatSdp(right, { setup: 'active', messageBytesMax: 1000 });
    expect(readLocalDescription(sdp)).toEqual(right);
    expect(sdp).toContain('a=setup:active\r\n');
  });

  it('is refused when it would smuggle lines into the SDP, or is out of bounds', () => {
    expect(judgeIceDescription(right)).toBeUndefined();
    const wrong: Partial<IceDescription>[] = [
      { ufrag: 'qFY7\r\na=candidate:1 1 UDP 1 8.8.8.8 53 typ host' },
      { ufrag: 'abc' },
      { ufrag: 'a'.repeat(33) },
      { password: 'short' },
      { password: `${right.password}\r\na=fingerprint:sha-256 00` },
      { password: 'a'.repeat(65) },
      { fingerprint: bytes(1, 31) },
      { candidates: Array.from({ length: ICE_CANDIDATES_MAX + 1 }, () => host('192.0.2.2')) },
    ];
    for (const part of wrong) expect(judgeIceDescription({ ...right, ...part })).toBeDefined();
  });
});

describe('the candidates that are sent to', () => {
  it('are dialable ones, one to an IP whatever its ports and its writing (T8)', () => {
    const given = [
      host('203.0.113.5', 1),
      reflexive('203.0.113.5', 2),
      host('::ffff:203.0.113.5', 3),
      host('239.1.1.1'),
      host('0.0.0.0'),
      host('255.255.255.255'),
      host('10.1.1.1'),
      host('192.168.1.9'),
    ];
    expect(usableCandidates(given, ['192.168.1.2'])).toEqual([given[0], given[7]]);
    expect(usableCandidates([host('203.0.113.6', 0), host('example.com')], [])).toEqual([]);
  });

  it('are never more than a description may have', () => {
    const many = Array.from({ length: 100 }, (_, i) => host(`203.0.113.${i}`));
    expect(usableCandidates(many, [])).toHaveLength(ICE_CANDIDATES_MAX);
  });

  it('are written by RFC 8839', () => {
    expect(formatCandidate(host('192.0.2.2'), 0)).toBe('a=candidate:1 1 UDP 2130706431 192.0.2.2 5000 typ host');
    expect(formatCandidate(reflexive('2001:db8::1'), 1)).toBe(
      'a=candidate:2 1 UDP 1694498559 2001:db8::1 5000 typ srflx raddr 0.0.0.0 rport 0',
    );
  });
});

describe('the plan of the handshake', () => {
  it('lets the end begin that is connected last', () => {
    expect(planHandshake([reflexive('203.0.113.5'), host('192.168.1.2')], false)).toEqual({ client: 'called', calledWaitMs: 0 });
    expect(planHandshake([host('203.0.113.5'), host('192.168.1.2')], false)).toEqual({ client: 'caller', calledWaitMs: 0 });
    expect(planHandshake([host('192.168.1.2')], false)).toEqual({ client: 'called', calledWaitMs: 100 });
    expect(planHandshake([reflexive('203.0.113.5')], true)).toEqual({ client: 'called', calledWaitMs: 800 });
  });
});

describe('the binding of a channel', () => {
  it('is another one for each fingerprint and nonce, and for the roles', () => {
    const [caller, called] = [
      { fingerprint: bytes(1), nonce: bytes(3) },
      { fingerprint: bytes(2), nonce: bytes(4) },
    ];
    const bindings = [
      channelBinding(caller, called),
      channelBinding(called, caller),
      channelBinding({ ...caller, nonce: bytes(5) }, called),
      channelBinding(caller, { ...called, nonce: bytes(5) }),
      channelBinding({ ...caller, fingerprint: bytes(5) }, called),
    ];
    expect(new Set(bindings.map(String)).size).toBe(bindings.length);
    expect(channelBinding(caller, called)).toEqual(bindings[0]);
    expect(bindings[0]).toHaveLength(32);
  });
});
