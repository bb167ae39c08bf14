// The simulated laboratory: whole participants that are killed, cut apart and healed, and find one another all the same.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { natOf, SimLab, settleReal } from '@batchain/lab/simulation';
import { present } from '@batchain/shared';
import { describe, expect, it } from 'vitest';

describe('BD-07 BD-32 a simulated laboratory', () => {
  it('grows, loses nodes, finds the others all the same, and takes the lost ones back', async () => {
    const lab = new SimLab({ seed: 'small', folder: join(tmpdir(), 'batchain-lab-none'), nat: 'none' });
    const run = <T>(work: Promise<T>): Promise<T> => lab.simulation.clock.runUntilSettled(work, { deadlineMs: 60_000 });
    lab.setLink({ delayMs: [20, 80], lossPercent: 2 });
    await lab.grow(12);
    expect(lab.nodes.every(({ joined, state }) => joined && state === 'up')).toBe(true);
    expect(lab.size().true).toBe(12);
    const ids = lab.nodes.map(({ nodeId }) => nodeId);

    expect(lab.kill(['node1', 'node5'])).toEqual(['node1', 'node5']);
    expect(lab.kill(['node1']), 'killed before').toEqual([]);
    expect(lab.nodes.filter(({ state }) => state === 'killed').map(({ name }) => name)).toEqual(['node1', 'node5']);
    expect(await run(lab.lookUp(10))).toEqual({ total: 10, found: 10 });

    await lab.grow(12);
    expect(lab.up).toHaveLength(12);
    expect(
      lab.nodes.map(({ nodeId }) => nodeId),
      'the same keys',
    ).toEqual(ids);

    lab.partition([lab.names.slice(0, 6), lab.names.slice(6)]);
    const within = await run(lab.lookUp(12));
    expect(within.found, 'across the partition nobody is found').toBeLessThan(12);
    expect(lab.nodes.every(({ state }) => state === 'partitioned')).toBe(true);
    lab.partition([]);
    await lab.simulation.clock.runFor(60_000);
    expect(await run(lab.lookUp(12))).toEqual({ total: 12, found: 12 });
    await lab.stop();
    expect(lab.up).toEqual([]);
  });

  it('behind NATs of all kinds has everybody join, and whoever is behind one meets the others', async () => {
    const lab = new SimLab({ seed: 'mixed', folder: join(tmpdir(), 'batchain-lab-none'), nat: 'mixed' });
    await lab.grow(14);
    expect(lab.nodes.filter(({ joined }) => !joined)).toEqual([]);
    await lab.simulation.clock.runFor(60_000);
    const nodeOf = (name: string) => present(lab.participant(name), name);
    expect([12, 13, 9, 1].map((number) => natOf('mixed', number))).toEqual(['linux', 'symmetric', 'udp-blocked', 'open']);
    for (const [from, to] of [
      ['node13', 'node12'],
      ['node12', 'node13'],
      ['node9', 'node12'],
      ['node1', 'node9'],
    ] as const) {
      const met = await settleReal(lab.simulation.clock, nodeOf(from).meet(nodeOf(to).nodeId), 60_000);
      expect(met.ok, `${from} to ${to}`).toBe(true);
    }
    await lab.stop();
  });
});
