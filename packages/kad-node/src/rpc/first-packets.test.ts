import { type Address, formatAddress, minute, second } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { FIRST_PACKETS_PER_IP_BURST } from '../limits.ts';
import { FirstPackets } from './first-packets.ts';

const at = (host: string, port = 4870): Address => ({ host, port });
const take = (packets: FirstPackets, to: Address, nowMs: number): boolean => packets.take(to, formatAddress(to), nowMs);
const countOf = (packets: FirstPackets, targets: readonly Address[], nowMs = 0): number =>
  targets.filter((to) => take(packets, to, nowMs)).length;

describe('FirstPackets', () => {
  it.each(['198.51.100.7', '127.0.0.1', '10.0.0.1', 'fd00::1'])(
    'T6 T8 sends %s no more than 3 in any second before it has answered',
    (host) => {
      const packets = new FirstPackets();
      const sentMs: number[] = [];
      for (let nowMs = 0; nowMs < minute; nowMs += 50) if (take(packets, at(host), nowMs)) sentMs.push(nowMs);
      const most = Math.max(...sentMs.map((fromMs) => sentMs.filter((ms) => ms >= fromMs && ms < fromMs + second).length));
      expect(most).toBe(3);
      expect(sentMs.length).toBeLessThanOrEqual(33);
      packets.answered(at(host), formatAddress(at(host)), 1);
      expect(
        countOf(
          packets,
          Array.from({ length: 9 }, () => at(host)),
          minute,
        ),
        'it speaks Kad',
      ).toBe(3);
    },
  );

  it('T6 bounds what all ports of a public IP, or a whole IPv6 /64, get together', () => {
    const ports = Array.from({ length: 200 }, (_, port) => at('198.51.100.7', 1 + port));
    expect(countOf(new FirstPackets(), ports)).toBe(FIRST_PACKETS_PER_IP_BURST);
    const hosts = Array.from({ length: 200 }, (_, n) => at(`2001:db8:0:1::${(n + 1).toString(16)}`));
    expect(countOf(new FirstPackets(), hosts)).toBe(FIRST_PACKETS_PER_IP_BURST);
    expect(
      countOf(
        new FirstPackets(),
        Array.from({ length: 200 }, (_, port) => at('127.0.0.1', 1 + port)),
      ),
      'private',
    ).toBe(200);
  });

  it('gives an IP back what was answered', () => {
    const packets = new FirstPackets();
    for (let port = 1; port <= 200; port++) {
      const to = at('198.51.100.7', port);
      expect(take(packets, to, 0)).toBe(true);
      packets.answered(to, formatAddress(to), 1);
    }
  });
});
