import { describe, expect, it } from 'vitest';
import { CALM_LINK, drawLinkModel, type LinkModel, planDelivery } from './link-model.ts';
import { SimRandom } from './prng.ts';

const random = SimRandom.fromSeed('links');
const plan = (link: Partial<LinkModel>, sizeBytes = 100, nowMs = 1000, uplinkFreeMs = 0) =>
  planDelivery({ ...CALM_LINK, jitterMs: 0, ...link }, random, sizeBytes, 25, nowMs, uplinkFreeMs);
const many = (link: Partial<LinkModel>) => Array.from({ length: 10_000 }, () => plan(link));

describe('planDelivery', () => {
  it('delivers once after the base latency on a calm link', () => {
    expect(plan({})).toEqual({ delaysMs: [25], uplinkFreeMs: 1000, clogMs: 0 });
  });

  it('loses, doubles and clogs at the given rates', () => {
    const plans = many({ lossRate: 0.2, duplicateRate: 0.1, clogRate: 0.05, clogMs: 400 });
    const share = (count: number): number => count / plans.length;
    expect(share(plans.filter(({ delaysMs }) => delaysMs.length === 0).length)).toBeCloseTo(0.2, 1);
    expect(share(plans.filter(({ delaysMs }) => delaysMs.length === 2).length)).toBeCloseTo(0.08, 1);
    const clogs = plans.map(({ clogMs }) => clogMs).filter((clogMs) => clogMs > 0);
    expect(share(clogs.length)).toBeCloseTo(0.05, 1);
    expect(Math.max(...clogs)).toBeLessThanOrEqual(400);
  });

  it('holds a reordered datagram back, so that later ones overtake it', () => {
    const delays = many({ reorderRate: 0.5, reorderMs: 2000, jitterMs: 5 }).map(({ delaysMs }) => delaysMs[0] as number);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(25);
    expect(delays.filter((delayMs) => delayMs > 30).length / delays.length).toBeCloseTo(0.5, 1);
    expect(Math.max(...delays)).toBeGreaterThan(1500);
  });

  it('sends at the rate of the uplink and drops what its queue cannot hold', () => {
    const link = { bytesPerSecond: 1000, queueBytesMax: 2000 };
    expect(plan(link, 500)).toMatchObject({ delaysMs: [525], uplinkFreeMs: 1500 });
    expect(plan(link, 500, 1000, 2500)).toMatchObject({ delaysMs: [1500 + 500 + 25], uplinkFreeMs: 3000 });
    expect(plan(link, 500, 1000, 3001)).toMatchObject({ delaysMs: [], uplinkFreeMs: 3001 });
  });
});

describe('drawLinkModel', () => {
  it('draws each fault off in some runs and severe in others, within the limits of the threat model', () => {
    const models = Array.from({ length: 400 }, (_, i) => drawLinkModel(SimRandom.fromSeed(i)));
    for (const rate of ['lossRate', 'duplicateRate', 'reorderRate', 'clogRate'] as const) {
      const off = models.filter((model) => model[rate] === 0).length;
      expect(off).toBeGreaterThan(120);
      expect(off).toBeLessThan(280);
    }
    expect(Math.max(...models.map(({ lossRate }) => lossRate))).toBeLessThanOrEqual(0.3);
    expect(Math.max(...models.map(({ duplicateRate }) => duplicateRate))).toBeLessThanOrEqual(0.1);
    expect(models.every(({ latencyMs: [low, high] }) => low > 0 && high >= low)).toBe(true);
  });
});
