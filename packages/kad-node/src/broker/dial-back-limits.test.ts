import type { Address, NodeId } from '@batchain/shared';
import { beforeEach, describe, expect, it } from 'vitest';
import { DIAL_BACK_PARTIES_MAX, DIAL_BACKS_PER_ASKER_BURST } from '../limits.ts';
import type { ProvedPeer } from '../rpc/kad-rpc.ts';
import { DialBackLimits } from './dial-back-limits.ts';

const at = (host: string, port = 4870): Address => ({ host, port });
const peer = (n: number, address: Address): ProvedPeer => ({ nodeId: new Uint8Array(32).fill(n) as NodeId, address });
const taken = (count: number, take: () => boolean): number => Array.from({ length: count }, take).filter(Boolean).length;

let limits: DialBackLimits;
beforeEach(() => {
  limits = new DialBackLimits();
});

describe('T6 T8 DialBackLimits', () => {
  it('take all ids of a public IP for one asker, and each id of a private one for itself', () => {
    expect(taken(20, () => limits.takeDialBack(peer(1, at('198.51.100.1')), 0))).toBe(DIAL_BACKS_PER_ASKER_BURST);
    expect(limits.takeDialBack(peer(2, at('198.51.100.1', 9)), 0)).toBe(false);
    expect(limits.takeDialBack(peer(2, at('198.51.100.2')), 0)).toBe(true);
    expect(taken(20, () => limits.takeDialBack(peer(1, at('127.0.0.1')), 0))).toBe(DIAL_BACKS_PER_ASKER_BURST);
    expect(limits.takeDialBack(peer(2, at('127.0.0.1')), 0)).toBe(true);
    expect(limits.takeDialBack(peer(1, at('198.51.100.1')), 9_999)).toBe(false);
    expect(limits.takeDialBack(peer(1, at('198.51.100.1')), 20_000)).toBe(true);
  });

  it('let no second pass with more than three probes or one dial to an IP, whatever the ports', () => {
    const probes: number[] = [];
    const dials: number[] = [];
    for (let ms = 0; ms < 10_000; ms += 10) {
      if (limits.takeProbe(at('198.51.100.1', 1 + ms), ms)) probes.push(ms);
      if (limits.takeDial(at('198.51.100.1', 1 + ms), ms)) dials.push(ms);
    }
    const most = (times: readonly number[]): number =>
      Math.max(...times.map((from) => times.filter((ms) => ms >= from && ms < from + 1000).length));
    expect([most(probes), probes.length, most(dials), dials.length]).toEqual([3, 12, 1, 10]);
  });

  it('count an IPv6 /64 as one target', () => {
    expect(limits.takeDial(at('2001:db8:1:2::1'), 0)).toBe(true);
    expect(limits.takeDial(at('2001:db8:1:2:ffff::9'), 0)).toBe(false);
    expect(limits.takeDial(at('2001:db8:1:3::1'), 0)).toBe(true);
  });

  it('let probes for others to an IP pass once in 10 s, and once a second for each requester', () => {
    const victim = at('198.51.100.9');
    expect(limits.takeProbeFor(peer(1, at('11.0.1.1')), victim, 0)).toBe(true);
    expect(limits.takeProbeFor(peer(1, at('11.0.1.1')), at('198.51.100.8'), 0)).toBe(false);
    expect(limits.takeProbeFor(peer(2, at('11.0.2.1')), victim, 0)).toBe(false);
    expect(limits.takeProbeFor(peer(2, at('11.0.2.1')), victim, 9_990)).toBe(false);
    expect(limits.takeProbeFor(peer(3, at('11.0.3.1')), victim, 10_001)).toBe(true);
  });

  it('forget who was quiet for longest, not everybody', () => {
    const host = (n: number): string => `11.${n >> 8}.${n & 255}.1`;
    const victim = at('198.51.100.9');
    expect(limits.takeDial(victim, 0)).toBe(true);
    for (let n = 0; n < DIAL_BACK_PARTIES_MAX - 1; n++) limits.takeDial(at(host(n)), 0);
    expect(limits.takeDial(victim, 1)).toBe(false);
    limits.takeDial(at(host(5000)), 1);
    expect(limits.takeDial(victim, 2), 'touched a moment ago').toBe(false);
  });
});
