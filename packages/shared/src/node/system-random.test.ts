import { describe, expect, it } from 'vitest';
import { SystemRandom } from './system-random.ts';

describe('SystemRandom', () => {
  const random = new SystemRandom();

  it('draws every value below n about equally often', () => {
    // 10,000 expected, standard deviation 91: seven deviations either way.
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 60_000; i++) {
      const value = random.below(6);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(650);
  });

  it('gives the bytes asked for, across refills of its pool and beyond its size', () => {
    const seen = new Set<string>();
    for (const length of [1, 8, 32, 255, 256, 257, 1024, 5000]) {
      for (let i = 0; i < 8; i++) {
        const bytes = random.bytes(length);
        expect(bytes).toHaveLength(length);
        if (length >= 8) seen.add(Buffer.from(bytes).toString('hex'));
      }
    }
    expect(seen.size).toBe(56);
  });

  it('hands out copies: wiping the pool later does not change them', () => {
    const first = random.bytes(16);
    const copy = first.slice();
    for (let i = 0; i < 1000; i++) random.u32();
    expect(first).toEqual(copy);
  });

  it('refuses ranges it cannot draw from', () => {
    for (const n of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) expect(() => random.below(n)).toThrow('from 1 to 2^32');
    expect(random.below(1)).toBe(0);
  });

  it('shuffles a copy and keeps every element', () => {
    const list = Array.from({ length: 100 }, (_, i) => i);
    const shuffled = random.shuffle(list);
    expect(shuffled).not.toEqual(list);
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(list);
  });
});
