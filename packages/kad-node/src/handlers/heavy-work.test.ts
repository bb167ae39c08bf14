import { keyPairFromSeed, type NodeId, second, sha256, uintBytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { HEAVY_WORK_PER_PEER_PER_S, HEAVY_WORK_PER_S, LIGHT_WORK_MAX } from '../limits.ts';
import { HeavyWork } from './heavy-work.ts';

const WORK = 500;
const peer = (n: number, host: string) => ({
  nodeId: keyPairFromSeed(sha256(uintBytes(n, 4))).nodeId as NodeId,
  address: { host, port: n },
});
type Peer = ReturnType<typeof peer>;
const countOf = (heavy: HeavyWork, asker: (n: number) => Peer, nowMs = 0): number =>
  Array.from({ length: 200 }, (_, n) => heavy.take(WORK, asker(n), nowMs)).filter(Boolean).length;

describe('HeavyWork', () => {
  it('T7 does so much for one peer, and anything that is light', () => {
    const heavy = new HeavyWork(0);
    const ann = peer(1, '10.0.0.1');
    expect(countOf(heavy, () => ann)).toBe(HEAVY_WORK_PER_PEER_PER_S / WORK);
    expect(heavy.take(LIGHT_WORK_MAX, ann, 0)).toBe(true);
    expect(heavy.take(LIGHT_WORK_MAX + 1, ann, 0)).toBe(false);
    expect(heavy.take(WORK, peer(2, '10.0.0.1'), 0), 'another one').toBe(true);
    expect(countOf(heavy, () => ann, second)).toBe(HEAVY_WORK_PER_PEER_PER_S / WORK);
  });

  it('T7 takes all ids of a public IP for one', () => {
    expect(countOf(new HeavyWork(0), (n) => peer(n, '198.51.100.7'))).toBe(HEAVY_WORK_PER_PEER_PER_S / WORK);
  });

  it('T7 does so much in all, however many ask', () => {
    expect(countOf(new HeavyWork(0), (n) => peer(n, '10.0.0.1'))).toBe(HEAVY_WORK_PER_S / WORK);
  });
});
