import { describe, expect, it } from 'vitest';
import { drawBetween, drawChance, makeSfc32, SimRandom } from './prng.ts';

/** sfc32 written down a second time, in arithmetic modulo 2^32. */
function referenceSfc32(seed: readonly bigint[], draws: number): number[] {
  const mod = (value: bigint): bigint => value & 0xffffffffn;
  let [a = 0n, b = 0n, c = 0n, counter = 0n] = seed;
  return Array.from({ length: draws }, () => {
    const result = mod(a + b + counter);
    counter = mod(counter + 1n);
    a = b ^ (b >> 9n);
    b = mod(c + mod(c << 3n));
    c = mod(mod((c << 21n) | (c >> 11n)) + result);
    return Number(result);
  });
}

describe('sfc32', () => {
  it('draws what its definition says', () => {
    const seed = [0xdeadbeefn, 0xffffffffn, 0x00000001n, 0xfffffffen];
    const [a, b, c, counter] = seed.map(Number) as [number, number, number, number];
    const next = makeSfc32(a, b, c, counter);
    expect(Array.from({ length: 2000 }, next)).toEqual(referenceSfc32(seed, 2000));
  });
});

describe('SimRandom', () => {
  const draws = (random: SimRandom, count = 8): number[] => Array.from({ length: count }, () => random.u32());

  it('gives the same stream for the same seed and name, another one for any other', () => {
    const first = draws(SimRandom.fromSeed(7, 'ana'));
    expect(draws(SimRandom.fromSeed(7, 'ana'))).toEqual(first);
    for (const other of [SimRandom.fromSeed(8, 'ana'), SimRandom.fromSeed(7, 'bo'), SimRandom.fromSeed('7', 'ana')]) {
      expect(draws(other)).not.toEqual(first);
    }
  });

  it('forks by name alone: what was drawn before shifts nothing', () => {
    const early = SimRandom.fromSeed(1).fork('node 5');
    const parent = SimRandom.fromSeed(1);
    draws(parent, 1000);
    parent.fork('node 4');
    expect(draws(parent.fork('node 5'))).toEqual(draws(early));
  });

  it('tells nested names apart from joined ones', () => {
    const root = SimRandom.fromSeed(1);
    expect(draws(root.fork('a').fork('b'))).not.toEqual(draws(root.fork('ab')));
    expect(draws(root.fork('a'))).not.toEqual(draws(root));
  });

  it('spreads its draws and its bytes evenly', () => {
    const random = SimRandom.fromSeed('even');
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const value = random.below(10);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    const bytes = random.bytes(100_003);
    expect(bytes).toHaveLength(100_003);
    expect(bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length).toBeCloseTo(127.5, 0);
  });

  it('draws real numbers within bounds and chances at their rate', () => {
    const random = SimRandom.fromSeed('rates');
    for (let i = 0; i < 1000; i++) {
      const value = drawBetween(random, 5, 9);
      expect(value).toBeGreaterThanOrEqual(5);
      expect(value).toBeLessThan(9);
    }
    expect(drawBetween(random, 3, 3)).toBe(3);
    const hits = (rate: number): number => Array.from({ length: 10_000 }, () => drawChance(random, rate)).filter(Boolean).length;
    expect(hits(0)).toBe(0);
    expect(hits(1)).toBe(10_000);
    expect(Math.abs(hits(0.3) - 3000)).toBeLessThan(250);
  });
});
