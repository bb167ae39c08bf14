import { describe, expect, it } from 'vitest';
import { KAD_DEFAULTS, type KadConfig, makeKadConfig } from './kad-config.ts';

describe('kad config', () => {
  it('DF-12 every count and time is a parameter with a default', () => {
    expect(makeKadConfig()).toEqual(KAD_DEFAULTS);
    expect(makeKadConfig({ bucketSize: 7 }).bucketSize).toBe(7);
    expect(KAD_DEFAULTS.bucketSize).toBe(20);
  });

  it('has a profile for demos in which failures are noticed within seconds', () => {
    const demo = makeKadConfig({}, 'demo');
    expect(demo.silentAfterMs + demo.livenessIntervalMs + demo.offlineAfterMs).toBeLessThanOrEqual(10_000);
    expect(demo.bucketSize).toBe(20);
    expect(makeKadConfig({ offlineAfterMs: 77 }, 'demo').offlineAfterMs).toBe(77);
  });

  it('refuses values out of range, by name', () => {
    for (const changes of [
      { bucketSize: 0 },
      { tries: 1.5 },
      { jitterRatio: 1 },
      { providerLifetimeMs: 49 * 3_600_000 },
      { concurrency: Number.NaN },
    ]) {
      const name = Object.keys(changes)[0] as keyof KadConfig;
      expect(() => makeKadConfig(changes)).toThrow(
        expect.objectContaining({ code: 'BAT_E_USAGE', message: expect.stringContaining(name) }),
      );
    }
  });
});
