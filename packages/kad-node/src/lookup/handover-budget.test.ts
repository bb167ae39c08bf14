import { type Address, hour, type NodeId, second } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { HANDOVER_BYTES_BURST, HANDOVER_BYTES_PER_S, HANDOVER_PARTY_BYTES_BURST } from '../limits.ts';
import { partyOf } from '../rpc/party.ts';
import { HandoverBudget } from './handover-budget.ts';

const at = (host: string): Address => ({ host, port: 4870 });
const id = (n: number): NodeId => new Uint8Array(32).fill(n) as NodeId;

describe('HandoverBudget', () => {
  it('T7 a flood of newcomers gets no more of our uplink than is set aside for all', () => {
    const budget = new HandoverBudget(0);
    let given = 0;
    for (let tenths = 0; tenths < 600; tenths++) {
      for (let n = 0; n < 50; n++) if (budget.take(`newcomer ${tenths} ${n}`, 1024, tenths * 100) === 'now') given += 1024;
    }
    expect(given).toBeGreaterThan(60 * HANDOVER_BYTES_PER_S);
    expect(given).toBeLessThanOrEqual(HANDOVER_BYTES_BURST + 60 * HANDOVER_BYTES_PER_S);
  });

  it('one that keeps coming back gets its share once, and the others still theirs', () => {
    const budget = new HandoverBudget(0);
    let given = 0;
    for (let nowMs = 0; nowMs < hour / 2; nowMs += second) if (budget.take('again', 16 * 1024, nowMs) === 'now') given += 16 * 1024;
    expect(given).toBeLessThanOrEqual(1.5 * HANDOVER_PARTY_BYTES_BURST);
    expect(budget.take('again', HANDOVER_PARTY_BYTES_BURST / 2, hour / 2)).toBe('never');
    expect(budget.take('another', 16 * 1024, hour / 2)).toBe('now');
  });

  it('counts an IP as one party off private ranges, whatever ids come from there', () => {
    const parties = (host: string): number => new Set([1, 2, 3].map((n) => partyOf({ nodeId: id(n), address: at(host) }))).size;
    expect([parties('11.0.0.1'), parties('10.0.0.1')]).toEqual([1, 3]);
  });
});
