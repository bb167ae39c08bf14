// What comes in: lines of any length, from pipes and terminals; history; completion.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createSimRuntime } from '@batchain/shared/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { completeLine } from './complete-line.ts';
import { CUT_MARK, GuardedInput } from './guarded-input.ts';
import { addToHistory, readHistory } from './history-file.ts';
import { type ReadLine, readLines } from './line-reader.ts';
import { RecentKeys } from './recent-keys.ts';
import { HISTORY_LINES_MAX, LINE_BYTES_MAX } from './shell-limits.ts';

const { random } = createSimRuntime('shell input').runtime;

describe('lines from a pipe', () => {
  async function linesOf(...chunks: readonly (string | Uint8Array)[]): Promise<ReadLine[]> {
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    };
    const lines: ReadLine[] = [];
    for await (const line of readLines(source())) lines.push(line);
    return lines;
  }

  it('are the same however they are cut into chunks, with either line end, and without a last one', async () => {
    const texts = (await linesOf('MM\nS', 'Z', '\r\n\nX')).map(({ text }) => text);
    expect(texts).toEqual(['MM', 'SZ', '', 'X']);
    expect((await linesOf('é€\n'.repeat(3))).map(({ text }) => text)).toEqual(['é€', 'é€', 'é€']);
    expect((await linesOf(Uint8Array.of(0xff, 0xfe, 0x0a)))[0]?.text).toBe('\ufffd\ufffd');
  });

  it('of 10 MB are cut: what is kept is bounded, and the next line is whole', async () => {
    const chunks = Array.from({ length: 160 }, () => 'x'.repeat(65_536));
    const lines = await linesOf('WN ', ...chunks, '\nSZ\n');
    expect(lines.map(({ isCut }) => isCut)).toEqual([true, false]);
    expect(lines[0]?.text).toHaveLength(LINE_BYTES_MAX);
    expect(lines[1]?.text).toBe('SZ');
  });
});

describe('lines from a terminal', () => {
  it('pass as they are, whatever number of keys the session has', async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const input = new GuardedInput(stdin);
    const keys = ['MM\r', 'a'.repeat(100), '\u0003', `${'b'.repeat(LINE_BYTES_MAX)}\r`, '\u001b[A\r', 'c'.repeat(LINE_BYTES_MAX)];
    let passed = '';
    input.setEncoding('utf8').on('data', (text: string) => (passed += text));
    const ended = new Promise((resolve) => input.once('end', resolve));
    for (const key of keys) stdin.write(key);
    stdin.end();
    await ended;
    expect(passed).toBe(keys.join(''));
  });

  it('of 10 MB reach the line editor cut and marked, and the next line whole', async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const input = new GuardedInput(stdin);
    let length = 0;
    let tail = '';
    input.setEncoding('utf8').on('data', (text: string) => {
      length += text.length;
      tail = (tail + text).slice(-60);
    });
    const ended = new Promise((resolve) => input.once('end', resolve));
    for (let i = 0; i < 160; i++) stdin.write('x'.repeat(65_536));
    stdin.end('\rSZ\r');
    await ended;
    expect(length).toBeLessThan(LINE_BYTES_MAX + 100);
    expect(tail.endsWith(`${CUT_MARK}\rSZ\r`)).toBe(true);
  });
});

describe('history', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'batchain-history-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is kept for its owner alone, bounded, each line once, of two shells at a time', () => {
    const path = join(folder, 'state', 'shell-history');
    addToHistory(path, ['MM', 'SZ', 'MM', '  ', 'x'.repeat(10_000), 'bad\u001b[2J'], random);
    expect(readHistory(path)).toEqual(['SZ', 'MM']);
    addToHistory(path, ['LL'], random);
    addToHistory(path, ['SZ'], random);
    expect(readHistory(path)).toEqual(['MM', 'LL', 'SZ']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    addToHistory(
      path,
      Array.from({ length: 2000 }, (_, i) => `LH ${i}`),
      random,
    );
    expect(readHistory(path)).toHaveLength(HISTORY_LINES_MAX);
    expect(readFileSync(path, 'utf8').split('\n').at(-2)).toBe('LH 1999');
  });

  it('that others could have written is not read; one that can not be kept is no failure', () => {
    const path = join(folder, 'open');
    writeFileSync(path, 'D test_key\n');
    expect(readHistory(path)).toEqual([]);
    writeFileSync(join(folder, 'file'), '');
    expect(() => addToHistory(join(folder, 'file', 'shell-history'), ['SZ'], random)).not.toThrow();
    expect(readHistory(join(folder, 'none'))).toEqual([]);
  });
});

describe('completion', () => {
  const sources = {
    names: (folder: string) => (folder === '' ? ['notes.txt ', 'my file ', 'lessons/', '.hidden ', 'esc\u001b[2J '] : ['one.txt ']),
    keys: ['test_key', 'ab12'],
  };

  it('names verbs in the case that was begun', () => {
    expect(completeLine('s', sources)).toEqual([['sz ', 'size ', 'store '], 's']);
    expect(completeLine('RO', sources)).toEqual([['ROUTES '], 'RO']);
    expect(completeLine('h si', sources)).toEqual([['size'], 'si']);
    expect(completeLine('', sources)[0].length).toBeGreaterThan(20);
  });

  it('names files for W, keys for R and D, and only what can be typed as it is shown', () => {
    expect(completeLine('WN n', sources)).toEqual([['notes.txt '], 'n']);
    expect(completeLine('W L lessons/o', sources)).toEqual([['lessons/one.txt '], 'lessons/o']);
    expect(completeLine('store ', sources)[0]).toEqual(['notes.txt ', 'lessons/']);
    expect(completeLine('RN te', sources)).toEqual([['test_key'], 'te']);
    expect(completeLine('D ', sources)[0]).toEqual(['test_key', 'ab12']);
    expect(completeLine('RI c', sources)).toEqual([['csv'], 'c']);
    expect(completeLine('SZ x', sources)).toEqual([[], 'x']);
    expect(completeLine('nothing x', sources)).toEqual([[], 'x']);
  });
});

describe('keys that the shell has met', () => {
  it('may be given by their first digits when only one begins so', () => {
    const keys = new RecentKeys('test_key');
    const one = `9c11${'0'.repeat(60)}`;
    keys.add(one);
    expect(keys.complete('9c11')).toBe(one);
    expect(keys.complete('9C11')).toBe(one);
    expect(keys.complete('9c1')).toBe('9c1');
    keys.add(`9c11${'1'.repeat(60)}`);
    expect(keys.complete('9c11')).toBe('9c11');
    expect(keys.complete('test')).toBe('test');
    for (let i = 0; i < 1000; i++) keys.add(`k${i}`);
    expect(keys.all.length).toBeLessThanOrEqual(256);
  });
});
