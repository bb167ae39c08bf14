import { describe, expect, it } from 'vitest';
import { FaultTable, type LabFaults, NO_FAULTS } from './fault-table.ts';

const MEMBERS = ['node1', 'node2', 'node3', 'node4'].map((name, i) => ({
  name,
  nodeId: String(i).repeat(64),
  kadPort: 5000 + i,
  batPort: 6000 + i,
}));
const table = (self: string, faults: Partial<LabFaults>): FaultTable => new FaultTable(self, MEMBERS, { ...NO_FAULTS, ...faults });

describe('the fault table', () => {
  it('knows a node by its kad port, its bat port and its id', () => {
    const apart = table('node1', { groups: [['node1'], ['node3']] });
    expect([apart.toKadPort(5002), apart.toBatPort(6002), apart.toNode('2'.repeat(64))].map(({ isCut }) => isCut)).toEqual([
      true,
      true,
      true,
    ]);
    expect([apart.toKadPort(5001), apart.toBatPort(6001), apart.toNode('1'.repeat(64))].map(({ isCut }) => isCut)).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('BD-07 keeps groups apart from one another, and nobody from who is in no group', () => {
    const groups = [['node1', 'node2'], ['node3']];
    const cuts = (self: string): boolean[] => MEMBERS.map(({ kadPort }) => table(self, { groups }).toKadPort(kadPort).isCut);
    expect(cuts('node1')).toEqual([false, false, true, false]);
    expect(cuts('node3')).toEqual([true, true, false, false]);
    expect(cuts('node4')).toEqual([false, false, false, false]);
  });

  it('lets nothing pass to a port that is nobody’s while there is a partition, and everything otherwise', () => {
    expect(table('node1', { groups: [['node1'], ['node2']] }).toKadPort(9).isCut).toBe(true);
    expect(table('node1', { lossPercent: 50, delayMs: [10, 20] }).toKadPort(9)).toEqual({ isCut: false, lossRate: 0, delayMs: 0 });
  });

  it('gives each pair one delay out of the range, the same both ways', () => {
    const faults = { delayMs: [20, 80] as const, lossPercent: 2 };
    const there = table('node1', faults).toKadPort(5001);
    expect(there).toEqual(table('node2', faults).toKadPort(5000));
    expect(there.lossRate).toBe(0.02);
    const delays = [1, 2, 3].map((i) => table('node1', faults).toKadPort(5000 + i).delayMs);
    expect(new Set(delays).size).toBe(3);
    for (const delayMs of delays) expect(delayMs >= 20 && delayMs <= 80).toBe(true);
    expect(table('node1', faults).toKadPort(5000)).toEqual({ isCut: false, lossRate: 0, delayMs: 0 });
  });
});
