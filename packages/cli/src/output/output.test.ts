import type { ProgressLine } from '@batchain/participant/client';
import { describe, expect, it } from 'vitest';
import { printable } from './printable.ts';
import { barLine, plainLine } from './progress-text.ts';
import { styleOf, wantsColor } from './style.ts';
import { formatTable } from './table.ts';
import { TransferMeter } from './transfer-meter.ts';

const MiB = 1024 * 1024;
const progress = (doneBytes: number, totalBytes: number): ProgressLine => ({
  phase: 'transferring',
  doneBytes,
  totalBytes,
  resumedBytes: 0,
  hosts: [],
});

describe('DF-20 progress and transfer totals', () => {
  const facts = { verb: 'placing', progress: progress(36.2 * MiB, 48.3 * MiB), bytesPerSecond: 4.1 * MiB, etaMs: 2951 };

  it('shows a bar with percent, sizes, rate and remaining time', () => {
    expect(barLine(facts, 80)).toBe('  placing    [##############------]  74%   36.2 / 48.3 MiB   4.1 MiB/s   ETA 3 s');
    expect(plainLine(facts)).toBe('placing 74 %, 36.2 / 48.3 MiB, 4.1 MiB/s, ETA 3 s');
  });

  it('fits whatever width there is, the remaining time last to go', () => {
    for (let width = 20; width < 120; width++) expect(barLine(facts, width).length).toBeLessThanOrEqual(width);
    expect(barLine(facts, 60)).toContain('ETA 3 s');
    expect(barLine(facts, 40)).toBe('  placing    [#######---]  74%   ETA 3 s');
  });

  it('is full for an empty file, and names the phase before and after', () => {
    expect(plainLine({ ...facts, progress: progress(0, 0), bytesPerSecond: 0 })).toBe('placing 100 %, 0 / 0 B');
    expect(plainLine({ ...facts, progress: { ...progress(0, 10), phase: 'preparing' } })).toBe('preparing 0 %, 0 / 10 B');
  });

  it('smooths the rate over 15 s and the remaining time to once a second', () => {
    const meter = new TransferMeter();
    const total = 1000 * MiB;
    for (let i = 0; i <= 100; i++) meter.add(i * MiB, total, i * 100);
    expect(meter.bytesPerSecond / MiB).toBeCloseTo(10, 5);
    expect(Math.round((meter.etaMs ?? 0) / 1000)).toBe(91);
    // One second of silence takes a fifteenth off the rate, not all of it.
    meter.add(100 * MiB, total, 11_000);
    expect(meter.bytesPerSecond / MiB).toBeGreaterThan(8.5);
    const etaMs = meter.etaMs;
    meter.add(101 * MiB, total, 11_500);
    expect(meter.etaMs).toBe(etaMs);
  });
});

describe('BN-56 color', () => {
  const terminal = { isTTY: true, columns: 100 };
  const choice = { color: 'auto', isAscii: false, env: {} } as const;

  it('follows NO_COLOR, then --color, then FORCE_COLOR, then the terminal', () => {
    expect(wantsColor(terminal, choice)).toBe(true);
    expect(wantsColor({ ...terminal, isTTY: false }, choice)).toBe(false);
    expect(wantsColor({ ...terminal, isTTY: false }, { ...choice, color: 'always' })).toBe(true);
    expect(wantsColor({ ...terminal, isTTY: false }, { ...choice, env: { FORCE_COLOR: '1' } })).toBe(true);
    expect(wantsColor(terminal, { ...choice, env: { FORCE_COLOR: '0' } })).toBe(false);
    expect(wantsColor(terminal, { ...choice, env: { TERM: 'dumb' } })).toBe(false);
    expect(wantsColor(terminal, { ...choice, color: 'never' })).toBe(false);
    expect(wantsColor(terminal, { color: 'always', isAscii: false, env: { NO_COLOR: '1', FORCE_COLOR: '1' } })).toBe(false);
  });

  it('tints only then, and draws over lines only on a terminal that can', () => {
    expect(styleOf(terminal, choice).tint('red', 'error')).toBe('\u001b[31merror\u001b[39m');
    expect(styleOf(terminal, { ...choice, color: 'never' }).tint('red', 'error')).toBe('error');
    expect(styleOf(terminal, { ...choice, env: { TERM: 'dumb' } }).canRedraw).toBe(false);
    expect(styleOf(terminal, { ...choice, env: { LC_ALL: 'C' } }).isAscii).toBe(true);
  });
});

describe('text from outside', () => {
  it('T12 can not reach the terminal as a control sequence or reorder what is shown', () => {
    expect(printable('a\u001b[31mb\u0007\u202egpj.exe\n')).toBe('a\\u{1b}[31mb\\u{7}\\u{202e}gpj.exe\\u{a}');
    expect(printable('Zürich 東京')).toBe('Zürich 東京');
    expect(printable('Zürich 😀', true)).toBe('Z\\u{fc}rich \\u{1f600}');
  });
});

describe('tables', () => {
  const columns = [
    { title: 'ID' },
    { title: 'NAME', isFlexible: true },
    { title: 'SIZE' },
    { title: 'CHECKED', dropOrder: 1 },
    { title: 'ADDED', dropOrder: 2 },
  ];
  const rows = [['7f3a91c2', 'holiday in the mountains.mp4', '48.3 MiB', '2 min ago', 'today']];

  it('stands in columns', () => {
    expect(formatTable(columns, rows, 80)).toEqual([
      'ID        NAME                          SIZE      CHECKED    ADDED',
      '7f3a91c2  holiday in the mountains.mp4  48.3 MiB  2 min ago  today',
    ]);
  });

  it('cuts the name first, then drops the columns that matter least', () => {
    expect(formatTable(columns, rows, 60)[1]).toBe('7f3a91c2  holiday in the moun...  48.3 MiB  2 min ago  today');
    expect(formatTable(columns, rows, 40)).toEqual(['ID        NAME                  SIZE', '7f3a91c2  holiday in the mo...  48.3 MiB']);
    for (let width = 36; width < 90; width++) {
      for (const line of formatTable(columns, rows, width)) expect(line.length).toBeLessThanOrEqual(width);
    }
  });
});
