import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, createCrypto, keyPairFromSeed } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { createSimRuntime, NAT_KINDS } from '@batchain/shared/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askLine, serveLines } from './line-server.ts';
import { NAT_MIXES, natOf, parseNatMix } from './nat-mix.ts';
import { shareCrypto } from './shared-crypto.ts';
import { simRequestSchema } from './sim-control.ts';
import { SimPump } from './sim-pump.ts';

const clockTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the NATs of a simulated laboratory', () => {
  it('leave public nodes for those behind them to meet through, whatever the mixture', () => {
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

describe('the cryptography of hundreds of nodes', () => {
  it('checks the same signature once, and tells apart what differs anywhere', () => {
    const real = createCrypto();
    let checks = 0;
    const verify: typeof real.verifier.verify = (...args) => {
      checks++;
      return real.verifier.verify(...args);
    };
    const { verifier } = shareCrypto({ ...real, verifier: { verify } });
    const { publicKey, sign } = keyPairFromSeed(new Uint8Array(32).fill(7));
    const bytes = new Uint8Array([1, 2, 3]);
    const signature = sign(bytes);
    expect([1, 2, 3].map(() => verifier.verify(publicKey, bytes, signature))).toEqual([true, true, true]);
    expect(checks).toBe(1);
    const bent = signature.slice();
    bent[5] = (bent[5] as number) ^ 1;
    expect(verifier.verify(publicKey, bytes, bent)).toBe(false);
    expect(verifier.verify(publicKey, new Uint8Array([1, 2, 4]), signature)).toBe(false);
    expect(verifier.verify(publicKey.subarray(0, 31), bytes, signature), 'where one part ends matters').toBe(false);
    expect(verifier.verify(publicKey, bytes, signature)).toBe(true);
    expect(checks).toBe(4);
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
    let beforeStall: { readonly elapsedMs: number; readonly reached: number | null } = { elapsedMs: 0, reached: null };
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
