import { KiB, MiB } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CREDIT_TOTAL_BYTES, DATA_BYTES_MAX, SESSIONS_MAX, STREAM_CREDIT_INITIAL_BYTES } from '../limits.ts';
import { CreditBudget, connectionWindow, frameCost, RateMeter, ReceiveWindow, SendCredit, streamWindowCap } from './credit.ts';

const openWindow = (budget = new CreditBudget()) => {
  const account = budget.openAccount();
  const window = ReceiveWindow.open(account);
  if (window === undefined) throw new Error('no window');
  return { account, window };
};

describe('credit of a stream', () => {
  it('BN-26 never lets a sender send what the reader has no room for, and never leaves both waiting', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ reads: fc.integer({ min: 0, max: 4 }), afterMs: fc.integer({ min: 0, max: 400 }) }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 * MiB }),
        fc.integer({ min: 0, max: 8 * MiB }),
        (script, totalBytes, capBytes) => {
          const { account, window } = openWindow();
          const credit = new SendCredit();
          const queue: number[] = [];
          let left = totalBytes;
          let nowMs = 0;
          const send = (): void => {
            for (
              let size = credit.payloadBytes(left, DATA_BYTES_MAX);
              left > 0 && size > 0;
              size = credit.payloadBytes(left, DATA_BYTES_MAX)
            ) {
              credit.use(size);
              left -= size;
              queue.push(frameCost(size));
              expect(window.receive(frameCost(size))).toBe(true);
            }
            expect(queue.reduce((sum, cost) => sum + cost, 0)).toBeLessThanOrEqual(account.takenBytes);
          };
          const read = (): void => {
            const cost = queue.shift();
            if (cost === undefined) return;
            const cap = Math.max(STREAM_CREDIT_INITIAL_BYTES, capBytes);
            const grant = window.consume(cost, { nowMs, rttMs: 20, capBytes: cap, usualBytes: 0 });
            if (grant > 0) expect(credit.add(grant)).toBe(true);
          };
          for (const step of script) {
            nowMs += step.afterMs;
            send();
            for (let i = 0; i < step.reads; i++) read();
          }
          for (let turns = 0; left > 0 || queue.length > 0; turns++) {
            expect(turns).toBeLessThan(totalBytes + 10);
            send();
            read();
          }
          window.release();
          expect(account.takenBytes).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('refuses what comes without credit, and grants beyond any window', () => {
    const { window } = openWindow();
    expect(window.receive(STREAM_CREDIT_INITIAL_BYTES)).toBe(true);
    expect(window.receive(1)).toBe(false);
    expect(new SendCredit().add(64 * MiB)).toBe(false);
    expect(new SendCredit().add(0)).toBe(false);
  });

  it('charges a frame for being one, so that empty frames end as well', () => {
    const { window } = openWindow();
    let frames = 0;
    while (window.receive(frameCost(0))) frames += 1;
    expect(frames).toBeLessThanOrEqual(256);
  });

  it('opens wide for a fast reader and stays small for a slow one', () => {
    const drive = (stepMs: number): number => {
      const { window } = openWindow();
      let nowMs = 0;
      for (let i = 0; i < 200; i++) {
        const cost = window.windowBytes / 2;
        window.receive(cost);
        window.consume(cost, { nowMs, rttMs: 20, capBytes: 4 * MiB, usualBytes: 0 });
        nowMs += stepMs;
      }
      return window.windowBytes;
    };
    expect(drive(1)).toBe(4 * MiB);
    expect(drive(500)).toBe(2 * STREAM_CREDIT_INITIAL_BYTES);
  });

  it('begins where others of the session have got to, once it carries data', () => {
    const { account, window } = openWindow();
    const facts = { nowMs: 0, rttMs: 20, capBytes: 1 * MiB, usualBytes: 512 * KiB };
    window.receive(200);
    expect(window.consume(200, facts, false)).toBe(0);
    window.receive(200);
    expect(window.consume(200, facts)).toBe(512 * KiB - STREAM_CREDIT_INITIAL_BYTES + 400);
    expect(account.takenBytes).toBe(512 * KiB);
    window.receive(200);
    expect(window.consume(200, facts)).toBe(0);
  });

  it('widens for one long control frame and gives that back later', () => {
    const { account, window } = openWindow();
    expect(window.widen(200 * KiB)).toBe(200 * KiB - STREAM_CREDIT_INITIAL_BYTES);
    expect(window.receive(200 * KiB)).toBe(true);
    window.consume(200 * KiB, { nowMs: 0, rttMs: 20, capBytes: STREAM_CREDIT_INITIAL_BYTES, usualBytes: 0 });
    expect(account.takenBytes).toBe(STREAM_CREDIT_INITIAL_BYTES);
  });
});

describe('the budget over all sessions', () => {
  it('never promises more than 64 MiB, and keeps a floor for each session', () => {
    const budget = new CreditBudget();
    const accounts = Array.from({ length: SESSIONS_MAX }, () => budget.openAccount());
    let promised = 0;
    for (const account of accounts.slice(0, 200)) while (account.take(STREAM_CREDIT_INITIAL_BYTES)) promised += STREAM_CREDIT_INITIAL_BYTES;
    expect(promised).toBeGreaterThan(40 * MiB);
    for (const account of accounts.slice(200)) {
      for (let i = 0; i < 4; i++) expect(account.take(STREAM_CREDIT_INITIAL_BYTES)).toBe(true);
      expect(account.take(STREAM_CREDIT_INITIAL_BYTES)).toBe(false);
    }
    expect(accounts.reduce((sum, account) => sum + account.takenBytes, 0)).toBeLessThanOrEqual(CREDIT_TOTAL_BYTES);
    for (const account of accounts) account.give(account.takenBytes);
    expect(budget.sharedTaken).toBe(0);
    expect(budget.fairShareBytes).toBe(44 * MiB);
  });

  it('sizes a connection window by rate and round trip, from 1 to 8 MiB, within the fair share', () => {
    expect(connectionWindow(0, 50, 48 * MiB)).toBe(1 * MiB);
    expect(connectionWindow(10 * MiB, 90, 48 * MiB)).toBe(4 * MiB);
    expect(connectionWindow(900 * MiB, 50, 48 * MiB)).toBe(8 * MiB);
    expect(connectionWindow(900 * MiB, 50, 300 * KiB)).toBe(300 * KiB);
    expect(streamWindowCap(8 * MiB, 0)).toBe(4 * MiB);
    expect(streamWindowCap(1 * MiB, 1 * MiB)).toBe(STREAM_CREDIT_INITIAL_BYTES);
  });

  it('measures the rate of what was read', () => {
    const meter = new RateMeter();
    for (let ms = 0; ms <= 1000; ms += 10) meter.add(10 * KiB, ms);
    expect(meter.bytesPerSecond / MiB).toBeCloseTo(1, 0);
  });
});
