import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { createSimRuntime, NAT_KINDS } from '@batchain/shared/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askLine, serveLines } from './line-server.ts';
import { NAT_MIXES, natOf, parseNatMix } from './nat-mix.ts';
import { simRequestSchema } from './sim-control.ts';
import { SimLab } from './sim-lab.ts';
import { SimPump } from './sim-pump.ts';

const clockTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a simulated laboratory', () => {
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

  it('has public nodes for those behind NATs to meet through, whatever the mixture', () => {
    expect(NAT_MIXES).toEqual(['none', 'mixed', ...Object.keys(NAT_KINDS)]);
    for (const mix of NAT_MIXES) expect([1, 2, 3, 4].map((number) => natOf(mix, number))).toEqual(['open', 'open', 'open', 'open']);
    expect([5, 6, 7].map((number) => natOf('symmetric', number))).toEqual(['symmetric', 'symmetric', 'symmetric']);
    expect(natOf('none', 99)).toBe('open');
    const mixed = new Set(Array.from({ length: 40 }, (_, i) => natOf('mixed', i + 5)));
    expect(mixed.size).toBeGreaterThan(4);
    expect(parseNatMix('MIXED')).toBe('mixed');
    expect(() => parseNatMix('carrier')).toThrow(expect.objectContaining({ code: 'BAT_E_USAGE' }));
  });
});

describe('simulated time beside the wall clock', () => {
  it('runs as fast as was asked for, and lets go of what the computer does not keep up with', async () => {
    const { clock } = createSimRuntime('simulated');
    let nowMs = 0;
    const stepsMs = [...Array.from({ length: 300 }, () => 10), 60_000];
    const wall: Clock = {
      ...createSystemRuntime().clock,
      monotonicMs: () => nowMs,
      sleep: async () => {
        await clockTurn();
        nowMs += stepsMs.shift() ?? 0;
        if (stepsMs.length === 1) beforeStall = { elapsedMs: clock.elapsedMs, reached: pump.speedReached };
        if (stepsMs.length === 0) pump.stop();
      },
    };
    let beforeStall = { elapsedMs: 0, reached: 0 };
    const pump = new SimPump(wall, clock, 3);
    await pump.run();
    expect(beforeStall).toEqual({ elapsedMs: 299 * 30, reached: 3 });
    expect(clock.elapsedMs, 'of the minute that was missed, a fifth of a second').toBe(300 * 30 + 200 * 3);
  });
});

describe('the control socket of a simulation', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'batchain-lab-lines-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const never = new AbortController().signal;

  it('answers one question with one answer, and bad ones with an error', async () => {
    const path = join(folder, 'control.sock');
    const server = await serveLines(path, async (question) => ({ heard: simRequestSchema.parse(question) }));
    expect(await askLine(path, { op: 'heal' }, never)).toEqual({ heard: { op: 'heal' } });
    await expect(askLine(path, { op: 'explode' }, never)).rejects.toThrow();
    await expect(askLine(path, { op: 'kill', words: ['x'.repeat(100_000)] }, never)).rejects.toMatchObject({ code: 'BAT_E_BAD_REQUEST' });
    server.close();
  });

  it('that nobody listens at is no laboratory', async () => {
    const { clock } = createSystemRuntime();
    await expect(askLine(join(folder, 'none.sock'), { op: 'heal' }, clock.timeoutSignal(2000))).rejects.toMatchObject({
      code: 'BAT_E_NO_LAB',
    });
  });
});
