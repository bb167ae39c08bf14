import { DATAGRAM_BYTES_MAX, makeAddress, present } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  TUNNEL_BYTES_PER_S,
  TUNNEL_FIRST_PACKETS_PER_S,
  TUNNEL_HEARD_BURST,
  TUNNEL_PACKETS_PER_HEARD,
  TUNNEL_PACKETS_PER_S,
} from '../limits.ts';
import { FirstContacts } from './first-contacts.ts';
import { decodeTunnelled, encodeTunnelled, KAD_DATAGRAM_MAGIC } from './tunnel-frame.ts';
import { TunnelGate } from './tunnel-gate.ts';

const kad = (length = 50): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes[0] = KAD_DATAGRAM_MAGIC;
  return bytes;
};
const at = (host: string, port = 4870) => present(makeAddress(host, port), host);
const USER = '203.0.113.77';
const ownHosts = (): string[] => ['127.0.0.1', '192.168.1.2', '198.51.100.1'];

function makeGate(userHost: string | undefined = USER, firsts = new FirstContacts()) {
  const gate = new TunnelGate(firsts, userHost, 0);
  return { gate, out: (to: string, nowMs: number, port = 4870, length = 50) => gate.judgeOut(kad(length), at(to, port), ownHosts, nowMs) };
}

/** The most that any span of so many ms holds. */
const mostIn = (times: readonly number[], spanMs: number): number =>
  Math.max(0, ...times.map((start) => times.filter((time) => time >= start && time < start + spanMs).length));

describe('what goes out of a tunnel', () => {
  it('T6 is Kad and nothing else: no STUN, nothing empty, nothing too long', () => {
    const { gate } = makeGate();
    const stun = Uint8Array.of(0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...new Uint8Array(12));
    for (const bytes of [stun, new Uint8Array(0), Uint8Array.of(0x16, 3, 1), kad(DATAGRAM_BYTES_MAX + 1)]) {
      expect(gate.judgeOut(bytes, at('198.51.100.9'), ownHosts, 0)).toBe('not-kad');
      expect(gate.judgeIn(bytes, at('198.51.100.9'), 0)).toBe('not-kad');
    }
    expect(gate.judgeOut(kad(DATAGRAM_BYTES_MAX), at('198.51.100.9'), ownHosts, 0)).toBe('pass');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        fc.pre(bytes[0] !== KAD_DATAGRAM_MAGIC);
        return gate.judgeOut(bytes, at('198.51.100.9'), ownHosts, 0) === 'not-kad';
      }),
    );
  });

  it('goes to no private, loopback, link-local, multicast or unspecified address', () => {
    const { out } = makeGate();
    const hosts = [
      '127.0.0.1',
      '10.1.1.1',
      '172.16.0.1',
      '192.168.1.3',
      '169.254.1.1',
      '100.64.0.1',
      '0.0.0.0',
      '224.0.0.1',
      '255.255.255.255',
    ];
    for (const host of [...hosts, '::', '::1', 'fe80::1', 'fd00::1', 'ff02::1'])
      expect([host, out(host, 0)]).toEqual([host, 'not-dialable']);
    expect(out('198.51.100.9', 0, 0)).toBe('not-dialable');
    expect(makeGate('192.168.1.9').out('10.0.0.1', 0), 'a range that only the user could be in').toBe('not-dialable');
    expect(makeGate('10.0.0.9').out('10.0.0.1', 0), 'a range that this machine is not in').toBe('not-dialable');
    expect(makeGate('192.168.1.9').out('192.168.7.7', 0), 'both are in it').toBe('pass');
  });

  it('T8 three datagrams in any second reach an IP that does not answer, whatever its port and however many tunnels there are', () => {
    const firsts = new FirstContacts();
    const gates = Array.from({ length: 8 }, () => makeGate(USER, firsts));
    const passed: number[] = [];
    for (let nowMs = 0; nowMs < 20_000; nowMs += 7) {
      gates.forEach(({ out }, n) => {
        if (out('198.51.100.9', nowMs, 1000 + n) === 'pass') passed.push(nowMs);
      });
    }
    expect(mostIn(passed, 1000)).toBe(3);
    expect(passed.length).toBeGreaterThan(50);
    const { out } = makeGate(USER, firsts);
    expect([0, 1, 2, 3].map((n) => out(`2001:db8:1:1::${n + 1}`, 30_000))).toEqual(['pass', 'pass', 'pass', 'unheard']);
    expect(out('2001:db8:1:2::1', 30_000)).toBe('pass');
  });

  it('T8 a public IP gets nothing unheard that the machine as a whole may not send there', () => {
    const asked: string[] = [];
    const { gate, out } = makeGate(USER, new FirstContacts((host) => asked.push(host) > 1));
    expect([out('198.51.100.9', 0), out('198.51.100.9', 1)]).toEqual(['unheard', 'pass']);
    gate.judgeIn(kad(), at('198.51.100.9'), 2);
    expect(out('198.51.100.9', 3)).toBe('pass');
    expect(asked, 'whoever was heard is no stranger').toEqual(['198.51.100.9', '198.51.100.9']);
  });

  it('T8 twenty datagrams a second reach all those together that do not answer', () => {
    const { out } = makeGate();
    const passed: number[] = [];
    for (let n = 0; n < 2000; n++) if (out(`198.51.${n >> 8}.${n & 255}`, n * 5) === 'pass') passed.push(n * 5);
    expect(passed.length).toBeLessThanOrEqual(TUNNEL_FIRST_PACKETS_PER_S * 11);
    expect(passed.length).toBeGreaterThan(TUNNEL_FIRST_PACKETS_PER_S * 9);
  });

  it('T8 four datagrams for each that was heard, and no more than 32 once the other has fallen silent', () => {
    const { gate, out } = makeGate();
    const passing = (nowMs: number): number =>
      Array.from({ length: 100 }, () => out('198.51.100.9', nowMs)).filter((word) => word === 'pass').length;
    expect(passing(0)).toBe(3);
    expect(gate.judgeIn(kad(), at('198.51.100.9'), 10)).toBe('pass');
    expect(passing(10)).toBe(TUNNEL_PACKETS_PER_HEARD);
    for (let n = 0; n < 50; n++) gate.judgeIn(kad(), at('198.51.100.9'), 5000);
    expect(passing(10_000)).toBe(TUNNEL_HEARD_BURST + 3);
    expect(passing(10_500)).toBe(0);
    gate.judgeIn(kad(), at('198.51.100.9', 9999), 10_500);
    expect(passing(10_500), 'another port of the same IP was heard').toBe(0);
  });

  it('T14 so many packets and bytes per second pass, each way', () => {
    const { gate } = makeGate();
    const both = [
      (nowMs: number, bytes: Uint8Array, n: number) => gate.judgeIn(bytes, at('198.51.100.9', 1 + (n % 60_000)), nowMs),
      (nowMs: number, bytes: Uint8Array, n: number) => gate.judgeOut(bytes, at('198.51.100.9', 1 + (n % 60_000)), ownHosts, nowMs),
    ];
    for (const judge of both) {
      let [packets, bytes] = [0, 0];
      for (let n = 0; n < 5000; n++) if (judge(n / 2.5, kad(), n) === 'pass') packets += 1;
      for (let n = 0; n < 5000; n++) if (judge(100_000 + n / 2.5, kad(DATAGRAM_BYTES_MAX), n) === 'pass') bytes += DATAGRAM_BYTES_MAX;
      expect(packets).toBeLessThanOrEqual(TUNNEL_PACKETS_PER_S * 3);
      expect(bytes).toBeLessThanOrEqual(TUNNEL_BYTES_PER_S * 3);
      expect(Math.min(packets, bytes / DATAGRAM_BYTES_MAX)).toBeGreaterThan(TUNNEL_PACKETS_PER_S * 2);
    }
  });
});

describe('a tunnelled datagram', () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6()).chain((host) => fc.nat(65_535).map((port) => at(host, port)));

  it('is read as it was written', () => {
    fc.assert(
      fc.property(address, fc.uint8Array({ maxLength: 1200 }), (to, bytes) => {
        expect(decodeTunnelled(encodeTunnelled({ address: to, bytes }))).toEqual({ address: to, bytes });
      }),
    );
  });

  it('T13 of any bytes is one datagram or none, and nothing is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (frame) => {
        const read = decodeTunnelled(frame);
        expect(read === undefined || [6, 18].includes(frame[0] as number)).toBe(true);
        if (read !== undefined) expect(encodeTunnelled(read)).toEqual(frame);
      }),
      { numRuns: 2000 },
    );
    expect(decodeTunnelled(Uint8Array.of(6, 1, 2, 3, 4, 5))).toBeUndefined();
    expect(decodeTunnelled(Uint8Array.of(6, 1, 2, 3, 4, 0, 5))).toEqual({ address: at('1.2.3.4', 5), bytes: new Uint8Array(0) });
  });
});
