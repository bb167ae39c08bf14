import { type Address, formatAddress, minute, second } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { FIRST_PACKETS_PER_IP_BURST, FIRST_PACKETS_PER_STRANGE_IP_BURST, IP_PROVED_MS } from '../limits.ts';
import { FirstPackets } from './first-packets.ts';

const at = (host: string, port = 4870): Address => ({ host, port });
const take = (packets: FirstPackets, to: Address, nowMs: number): boolean => packets.take(to, formatAddress(to), nowMs) === 'send';
const countOf = (packets: FirstPackets, targets: readonly Address[], nowMs = 0): number =>
  targets.filter((to) => take(packets, to, nowMs)).length;
const mostPerSecond = (sentMs: readonly number[]): number =>
  Math.max(...sentMs.map((fromMs) => sentMs.filter((ms) => ms >= fromMs && ms < fromMs + second).length));

describe('FirstPackets', () => {
  it.each(['198.51.100.7', '127.0.0.1', '10.0.0.1', 'fd00::1'])(
    'T6 T8 sends %s no more than 3 in any second before it has answered',
    (host) => {
      const packets = new FirstPackets();
      const sentMs: number[] = [];
      for (let nowMs = 0; nowMs < minute; nowMs += 50) if (take(packets, at(host), nowMs)) sentMs.push(nowMs);
      expect(mostPerSecond(sentMs)).toBe(3);
      expect(sentMs.length).toBeLessThanOrEqual(33);
      packets.answered(at(host), formatAddress(at(host)), 1, minute);
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

  it.each(['198.51.100', '2001:db8:0:1:'])(
    'T6 T8 sends all addresses of one public IP, here %s, no more than 3 in any second while nobody has answered there',
    (net) => {
      const packets = new FirstPackets();
      const targets = Array.from({ length: 200 }, (_, n) =>
        net.includes(':') ? at(`${net}:${(n + 1).toString(16)}`) : at(`${net}.7`, 1 + n),
      );
      expect(countOf(packets, targets)).toBe(FIRST_PACKETS_PER_STRANGE_IP_BURST);
      const sentMs: number[] = [];
      for (let nowMs = minute; nowMs < 2 * minute; nowMs += 50) {
        for (const to of targets.slice(0, 20)) if (take(packets, to, nowMs)) sentMs.push(nowMs);
      }
      expect(mostPerSecond(sentMs)).toBe(3);
      expect(sentMs.length).toBeLessThanOrEqual(63);
    },
  );

  it('meets many nodes of one IP at once when one has answered there, and none is met sooner for being asked in vain', () => {
    const packets = new FirstPackets();
    const targets = Array.from({ length: 200 }, (_, port) => at('198.51.100.7', 1 + port));
    const [first, ...others] = targets as [Address, ...Address[]];
    expect(countOf(packets, targets)).toBe(FIRST_PACKETS_PER_STRANGE_IP_BURST);
    expect(packets.answered(first, formatAddress(first), 1, 100), 'that is news').toBe(true);
    expect(countOf(packets, others, 100)).toBe(FIRST_PACKETS_PER_IP_BURST);
    expect(packets.answered(first, formatAddress(first), 1, 200), 'and is not any more').toBe(false);
    expect(countOf(packets, others.slice(0, 20), 200 + IP_PROVED_MS), 'it may be the IP of somebody else').toBe(3);
  });

  it('bounds nothing by the IP in private ranges, and where the address is our own choice', () => {
    const ports = (host: string): Address[] => Array.from({ length: 200 }, (_, port) => at(host, 1 + port));
    expect(countOf(new FirstPackets(), ports('127.0.0.1'))).toBe(200);
    const packets = new FirstPackets();
    expect(ports('198.51.100.7').filter((to) => packets.take(to, formatAddress(to), 0, true) === 'send').length).toBe(200);
    expect(countOf(packets, ports('198.51.100.7')), 'others have their own').toBe(FIRST_PACKETS_PER_STRANGE_IP_BURST);
  });

  it('T8 asks the budget that all share for public hosts at which nobody has answered, and gives back what was answered', () => {
    const asked: string[] = [];
    const given: (readonly [string, number])[] = [];
    let isSpent = false;
    const packets = new FirstPackets({
      takeDatagram: (host) => asked.push(host) > 0 && !isSpent,
      giveBack: (host, count) => void given.push([host, count]),
    });
    const [here, there] = [at('198.51.100.7'), at('198.51.100.7', 4871)];
    for (const to of [here, at('10.0.0.1'), there]) expect(take(packets, to, 0)).toBe(true);
    expect(packets.takeProbe(here, 0)).toBe(true);
    expect(packets.takeProbe(at('10.0.0.1'), 0)).toBe(true);
    expect(asked).toEqual([here.host, here.host, here.host]);
    isSpent = true;
    expect([take(packets, here, 0), packets.takeProbe(here, 0)]).toEqual([false, false]);
    packets.answered(here, formatAddress(here), 1, 0);
    expect(given).toEqual([[here.host, 1]]);
    expect([take(packets, there, 0), packets.takeProbe(there, 0)], 'a node is there').toEqual([true, true]);
    expect(asked.length).toBe(5);
  });

  it('tells an address that is silent from one that waits for others at its IP', () => {
    const packets = new FirstPackets();
    const verdicts = [4870, 4870, 4870, 4870, 4871].map((port) => packets.take(at('198.51.100.7', port), `${port}`, 0));
    expect(verdicts).toEqual(['send', 'send', 'send', 'silent', 'held-back']);
  });

  it('gives an IP back what was answered', () => {
    const packets = new FirstPackets();
    for (let port = 1; port <= 200; port++) {
      const to = at('198.51.100.7', port);
      expect(take(packets, to, 0)).toBe(true);
      packets.answered(to, formatAddress(to), 1, 0);
    }
  });
});
