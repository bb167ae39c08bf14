import { type Address, makeAddress, present, second } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { HELLOS_PER_S, NO_SESSIONS_PER_S, SOURCES_MAX } from '../limits.ts';
import { RATE_LIMITS, RateLimiter } from './rate-limiter.ts';

const address = (host: string, port = 4870): Address => present(makeAddress(host, port), host);
const taken = (limiter: RateLimiter, from: Address, count: number, nowMs: number): number =>
  Array.from({ length: count }, () => limiter.takeHello(from, nowMs)).filter(Boolean).length;

describe('RateLimiter', () => {
  it('lets a source send 50 at once and 20 a second after that', () => {
    const limiter = new RateLimiter(0);
    const source = address('192.0.2.1');
    expect(taken(limiter, source, 100, 0)).toBe(50);
    expect(taken(limiter, source, 100, second)).toBe(20);
    expect(taken(limiter, source, 100, 60 * second)).toBe(50);
  });

  it('counts an IP address whatever the port, and an IPv6 /64 as one source', () => {
    const limiter = new RateLimiter(0);
    expect(taken(limiter, address('192.0.2.1', 1), 40, 0) + taken(limiter, address('192.0.2.1', 2), 40, 0)).toBe(50);
    expect(taken(limiter, address('2001:db8:0:1::1'), 40, 0) + taken(limiter, address('2001:db8:0:1:ffff::2'), 40, 0)).toBe(50);
    expect(taken(limiter, address('2001:db8:0:2::1'), 40, 0)).toBe(40);
  });

  it.each(['127.0.0.1', '10.1.2.3', '192.168.0.9', '100.64.0.1', '169.254.1.1', '::1', 'fd00::1', 'fe80::1'])('exempts %s', (host) => {
    expect(taken(new RateLimiter(0), address(host), 1000, 0)).toBe(1000);
  });

  it.each(['0.0.0.0', '255.255.255.255', '224.0.0.251', '::', 'ff02::1'])('answers nothing that claims to come from %s', (host) => {
    expect(taken(new RateLimiter(0), address(host), 10, 0)).toBe(0);
    expect(taken(new RateLimiter(0), address('192.0.2.1', 0), 10, 0)).toBe(0);
  });

  it('keeps a quarter of the signatures for askers whose address is proved', () => {
    const limiter = new RateLimiter(0);
    const count = (isProved: boolean): number =>
      Array.from({ length: 5000 }, () => limiter.takeSignatures(1, isProved, 0)).filter(Boolean).length;
    expect(count(false)).toBe(RATE_LIMITS.signaturesPerS - RATE_LIMITS.signaturesReserved);
    expect(count(true)).toBe(RATE_LIMITS.signaturesReserved);
    expect(count(true)).toBe(0);
  });

  it('sends one NO_SESSION a second to an address, and a thousand in all', () => {
    const limiter = new RateLimiter(0);
    const there = address('192.0.2.1');
    expect([limiter.takeNoSession(there, 0), limiter.takeNoSession(there, 999), limiter.takeNoSession(there, 1000)]).toEqual([
      true,
      false,
      true,
    ]);
    const fresh = new RateLimiter(0);
    const answers = Array.from({ length: 5000 }, (_, i) => fresh.takeNoSession(address(`20.0.${i >> 8}.${i & 255}`), 0));
    expect(answers.filter(Boolean)).toHaveLength(NO_SESSIONS_PER_S);
    expect(fresh.takeNoSession(address('255.255.255.255'), 5000)).toBe(false);
  });

  it('reads no more HELLOs than half a core can, from however many sources', () => {
    const limiter = new RateLimiter(0);
    const read = Array.from({ length: 2 * HELLOS_PER_S }, (_, i) =>
      limiter.takeHello(address(`20.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), 0),
    );
    expect(read.filter(Boolean)).toHaveLength(HELLOS_PER_S);
  });

  it('forgets the source that was silent longest when it knows too many', () => {
    const limiter = new RateLimiter(0);
    const loud = address('198.51.100.1');
    expect(taken(limiter, loud, 60, 0)).toBe(50);
    for (let i = 0; i < SOURCES_MAX - 1; i++) limiter.takeHello(address(`20.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), 0);
    expect(limiter.takeHello(loud, 0)).toBe(false);
    expect(taken(limiter, loud, 60, second)).toBe(20);
    for (let i = 0; i < SOURCES_MAX; i++) limiter.takeHello(address(`21.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), second);
    expect(taken(limiter, loud, 60, second)).toBe(50);
  });
});
