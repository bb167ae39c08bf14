import { type NodeId, toBase64Url } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { LAN_FOUND_BURST, LAN_FOUND_PER_S, LAN_PEERS_MAX, LAN_REPEAT_MS } from '../limits.ts';
import type { LanWords } from './lan-advert.ts';
import { LanSightings } from './lan-sightings.ts';

const id = (value: number): NodeId => {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes as NodeId;
};
const words = (value: number, source: string, port = 4870, net = 'net'): LanWords => ({
  source,
  port,
  text: { v: '1', id: toBase64Url(id(value)), net },
});
const start = (): LanSightings => new LanSightings(id(1), 'net', 0);

describe('participants that are heard on the LAN', () => {
  it('are handed on once, and again a minute later', () => {
    const sightings = start();
    expect(sightings.judge(words(2, '10.0.0.2'), 0)).toMatchObject({ ok: true, value: { nodeId: id(2) } });
    expect(sightings.judge(words(2, '10.0.0.2'), LAN_REPEAT_MS - 1)).toMatchObject({ reason: 'known' });
    expect(sightings.judge(words(2, '10.0.0.2'), LAN_REPEAT_MS)).toMatchObject({ ok: true });
    expect(sightings.count).toBe(1);
  });

  it('are handed on again at once under another address', () => {
    const sightings = start();
    sightings.judge(words(2, '10.0.0.2'), 0);
    expect(sightings.judge(words(2, '10.0.0.9'), 1)).toMatchObject({ ok: true, value: { kadAddress: { host: '10.0.0.9', port: 4870 } } });
  });

  it('are not ourselves, and are of our network', () => {
    expect(start().judge(words(1, '10.0.0.2'), 0)).toMatchObject({ reason: 'self' });
    expect(start().judge(words(2, '10.0.0.2', 4870, 'other'), 0)).toMatchObject({ reason: 'other-network' });
  });

  it('at one IP are at most three in any second, whatever ids and ports it claims (T8)', () => {
    const sightings = start();
    const handedMs: number[] = [];
    for (let i = 0; i < 10_000; i++) if (sightings.judge(words(100 + i, '10.0.0.66', 1 + i), i).ok) handedMs.push(i);
    for (const from of handedMs) expect(handedMs.filter((ms) => ms >= from && ms < from + 1000).length).toBeLessThanOrEqual(3);
    expect(handedMs.length).toBeGreaterThan(5);
  });

  it('are bounded in all, and a flood does not grow the memory', () => {
    const sightings = start();
    let handed = 0;
    for (let i = 0; i < 20_000; i++) if (sightings.judge(words(100 + i, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), i / 2).ok) handed++;
    expect(handed).toBeLessThanOrEqual(LAN_FOUND_BURST + 10 * LAN_FOUND_PER_S);
    expect(sightings.count).toBeLessThanOrEqual(LAN_PEERS_MAX);
  });
});
