import { PassThrough, Writable } from 'node:stream';
import type { ProgressLine } from '@batchain/participant/client';
import { BatChainError } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import type { CliIo } from './io.ts';
import { Output } from './output.ts';
import { printable, wrapText } from './printable.ts';
import { barLine, plainLine } from './progress-text.ts';
import { ProgressView } from './progress-view.ts';
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

  it('counts files where the work goes file by file', () => {
    const audit = {
      ...facts,
      verb: 'asking',
      bytesPerSecond: 0,
      etaMs: undefined,
      progress: { ...progress(0, 0), files: { done: 3, total: 10 } },
    };
    expect(plainLine(audit)).toBe('asking 30 %, 3 of 10 files');
    expect(barLine(audit, 80)).toBe('  asking     [######--------------]  30%   3 of 10 files');
    expect(plainLine({ ...audit, progress: { ...progress(0, 0), files: { done: 0, total: 1 } } })).toBe('asking 0 %, 0 of 1 file');
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

describe('DF-20 progress where there is no terminal', () => {
  /** What stands on stderr after so many seconds of a transfer that takes 100 s. */
  async function linesAfter(seconds: number, mode: 'auto' | 'plain'): Promise<string[]> {
    const { runtime, clock } = createSimRuntime('progress');
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const io = { stdout, stderr, stdin: stdout, env: {}, cwd: '/' } as unknown as CliIo;
    const options = { isJson: false, isQuiet: false, isDebug: false, command: 'get', color: 'auto', isAscii: false, env: {} } as const;
    const view = new ProgressView(new Output(io, runtime.clock, options), runtime.clock, mode, 'fetching');
    for (let at = 0; at <= seconds * 4; at++) {
      view.update(progress(at * MiB, 400 * MiB));
      await clock.runFor(250);
    }
    return String(stderr.read() ?? '')
      .split('\n')
      .slice(0, -1);
  }

  it('says little in a log: a line when 30 s and a tenth have passed', async () => {
    expect(await linesAfter(12, 'auto')).toEqual([]);
    expect(await linesAfter(31, 'auto')).toEqual([expect.stringMatching(/^fetching 30 %/)]);
  });

  it('says where it stands at once and every 2 s when plain lines were asked for', async () => {
    const lines = await linesAfter(12, 'plain');
    expect(lines).toHaveLength(7);
    expect(lines[0]).toMatch(/^fetching 0 %, 0 B \/ 400\.0 MiB$/);
    expect(lines.at(-1)).toMatch(/^fetching 12 %, .*, ETA \d+/);
  });
});

describe('a warning', () => {
  it('names cause and cure when there is one, also in JSON', () => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const io = { stdout, stderr, stdin: stdout, env: {}, cwd: '/' } as unknown as CliIo;
    const options = { isQuiet: false, isDebug: false, command: 'start', color: 'auto', isAscii: true, env: {} } as const;
    const { clock } = createSimRuntime('warn').runtime;
    new Output(io, clock, { ...options, isJson: false }).warn('nobody answered', { why: 'away', fix: 'batchain peers' });
    expect(String(stderr.read())).toBe('warning: nobody answered\nwhy:   away\nfix:   batchain peers\n');
    new Output(io, clock, { ...options, isJson: true }).warn('nobody answered', { why: 'away', fix: 'batchain peers' });
    expect(JSON.parse(String(stdout.read()))).toMatchObject({
      type: 'warning',
      text: 'nobody answered',
      why: 'away',
      fix: 'batchain peers',
    });
    expect(stderr.read()).toBeNull();
  });
});

describe('a result that does not arrive', () => {
  const options = { isJson: true, isQuiet: false, isDebug: false, command: 'ls', color: 'never', isAscii: true, env: {} } as const;

  async function outputOnto(code: string): Promise<{ output: Output; errors: () => string }> {
    const stdout = new Writable({ write: (_part, _encoding, done) => done(Object.assign(new Error(`${code}: write`), { code })) });
    stdout.on('error', () => undefined);
    const stderr = new PassThrough();
    const output = new Output(
      { stdout, stderr, stdin: stderr, env: {}, cwd: '/' } as unknown as CliIo,
      createSimRuntime(1).runtime.clock,
      options,
    );
    output.result({ files: [] }, []);
    return { output, errors: () => String(stderr.read() ?? '') };
  }

  it('because the disk is full is an error, told where it can be read', async () => {
    const { output, errors } = await outputOnto('ENOSPC');
    await expect(output.delivered()).rejects.toMatchObject({ code: 'BAT_E_TARGET_UNWRITABLE' });
    await expect(output.bytes(new Uint8Array(1), new AbortController().signal)).rejects.toMatchObject({ code: 'BAT_E_TARGET_UNWRITABLE' });
    output.error(new BatChainError('BAT_E_TARGET_UNWRITABLE', { what: 'nothing was written' }), 8);
    expect(errors()).toContain('error: nothing was written');
  });

  it('because its reader has seen enough is none', async () => {
    const { output } = await outputOnto('EPIPE');
    await output.delivered();
    expect(output.isBroken).toBe(true);
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
  it('T12 stands in JSON lines with its controls and marks of direction escaped, and reads back the same', () => {
    let written = '';
    const stream = { isTTY: false, columns: 80, write: (text: string) => (written += text) };
    const io = { stdout: stream, stderr: stream, env: {} } as unknown as CliIo;
    const options = { isJson: true, isQuiet: false, isDebug: false, command: 'put', color: 'never', isAscii: false, env: {} } as const;
    const what = 'no such file: Zürich \u202egpj.exe\u2066\u007f\u009b\ufeff';
    new Output(io, createSimRuntime(1).runtime.clock, options).error(new BatChainError('BAT_E_FILE_NOT_FOUND', { what }), 4);
    expect(written).toContain('Zürich \\u202egpj.exe\\u2066\\u007f\\u009b\\ufeff');
    expect(JSON.parse(written)).toMatchObject({ what });
  });

  it('T12 can not reach the terminal as a control sequence or reorder what is shown', () => {
    expect(printable('a\u001b[31mb\u0007\u202egpj.exe\n')).toBe('a\\u{1b}[31mb\\u{7}\\u{202e}gpj.exe\\u{a}');
    expect(printable('Zürich 東京')).toBe('Zürich 東京');
    expect(printable('Zürich 😀', true)).toBe('Z\\u{fc}rich \\u{1f600}');
  });
});

describe('long lines', () => {
  it('are broken at spaces with their indent, and a long word stays whole', () => {
    expect(wrapText('  one two three', 9)).toEqual(['  one two', '  three']);
    expect(wrapText('  a-very-long-word and more', 8)).toEqual(['  a-very-long-word', '  and', '  more']);
    expect(wrapText('short', 80)).toEqual(['short']);
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
