// One shell whatever its verbs do: failures, deadlines, Ctrl-C, lines without end.
import { Writable } from 'node:stream';
import { BatChainError } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CliIo } from '../output/io.ts';
import { Output } from '../output/output.ts';
import { RecentKeys } from './recent-keys.ts';
import { LINE_BYTES_MAX } from './shell-limits.ts';
import { ShellSession } from './shell-session.ts';
import type { VerbTools } from './verb-tools.ts';

const { runtime, clock } = createSimRuntime('session');
const none = async (): Promise<never> => {
  throw new BatChainError('BAT_E_VALUE_NOT_FOUND', { what: 'none' });
};
const never = (): Promise<never> => new Promise(() => undefined);
let errors: string[];
let shown: string[];
let json: Record<string, unknown>[];
let ending: AbortController;

beforeEach(() => {
  [errors, shown, json] = [[], [], []];
  ending = new AbortController();
});

/** A shell whose `SZ` answers so; everything else of its API is of no matter here. */
function open(size: () => Promise<never>, isJson = false): ShellSession {
  const stdout = new Writable({
    write: (chunk, _, done) => {
      json.push(JSON.parse(String(chunk)) as Record<string, unknown>);
      done();
    },
  });
  const io = { stdout, stderr: stdout, env: {}, cwd: '.' } as unknown as CliIo;
  const output = new Output(io, clock, {
    isJson,
    isQuiet: false,
    isDebug: false,
    command: 'shell',
    color: 'never',
    isAscii: false,
    env: {},
  });
  const api = { isRunning: async () => false, dht: { size }, values: { get: none } } as unknown as VerbTools['api'];
  return new ShellSession({
    output,
    clock,
    bounds: { nodesMax: 24, pieceBytesMin: 64, pieceBytesMax: 896 },
    timeoutMs: undefined,
    signal: ending.signal,
    write: (line) => shown.push(line),
    writeError: (line) => errors.push(line),
    tools: {
      api,
      clock,
      entropy: runtime.entropy,
      style: output.out,
      cwd: '.',
      controlPath: 'HOME/control.sock',
      defaults: { netSize: 2, testFile: 'test_file.txt', testKey: 'test_key', pieceBytes: 256, saysYes: false },
      multi: { nodes: [], start: never, end: async () => undefined },
      keys: new RecentKeys('test_key'),
      entry: { address: undefined },
      accepts: async () => false,
    },
  });
}

describe('a session', () => {
  it('BD-10 lists every verb with its options and defaults, or one', async () => {
    const say = async (text: string): Promise<string[]> => {
      [shown, errors] = [[], []];
      await open(never).run({ text, isCut: false });
      return [...shown, ...errors];
    };
    const lines = await say('H');
    const verbs = 'H LL MM FN LH JN LN SZ RI W R D X LD PD LIST TEST CLEAR'.split(' ');
    expect(lines.map((line) => line.split(' ')[0])).toEqual([...verbs, 'Verbs']);
    expect(lines.find((line) => line.startsWith('W '))).toContain('N test_file.txt 256 test_key');
    expect(await say('h rn')).toEqual([
      'R [L|N] [key] [new file]  read by key or hash: RL local store, RN network (N test_key)',
      'also: rn, rl, read, retrieve',
    ]);
    expect(await say('h nonsense')).toEqual(['error: "nonsense" is no verb: H lists all verbs  (BAT_E_USAGE)']);
    await open(never, true).run({ text: 'h', isCut: false });
    expect(json[0]?.commands).toHaveLength(verbs.length);
  });

  it('BD-24 ends with X, also as a word', async () => {
    for (const text of ['X', 'exit', 'quit']) expect(await open(never, true).run({ text, isCut: false })).toBe('end');
    expect(json.map(({ verb, ok }) => [verb, ok])).toEqual([
      ['X', true],
      ['EXIT', true],
      ['QUIT', true],
    ]);
  });

  it('names the verb as it was typed, and goes on whatever a line asks for', async () => {
    const piped = open(never, true);
    for (const text of ['rN nothing', 'frobnicate now', 'll']) await piped.run({ text, isCut: false });
    expect(json[0]).toMatchObject({ type: 'verb', verb: 'RN', ok: false, code: 'BAT_E_VALUE_NOT_FOUND' });
    expect(json[1]).toMatchObject({ verb: 'FROBNICATE', ok: false, code: 'BAT_E_USAGE' });
    expect(json[2]).toMatchObject({ verb: 'LL', ok: true, listening: false });
    expect(piped.counts).toEqual({ verbs: 3, failed: 2 });
    const session = open(never);
    expect(await session.run({ text: 'x'.repeat(LINE_BYTES_MAX), isCut: true })).toBe('go-on');
    expect(errors.at(-1)).toMatch(/^error: the line is too long: a line has at most 16384 bytes/);
    for (const line of ['', '# comment']) await session.run({ text: line, isCut: false });
    expect(session.counts).toEqual({ verbs: 1, failed: 1 });
  });

  it('shows what a daemon says about a failure without control characters, in one line', async () => {
    const size = async (): Promise<never> => {
      throw new BatChainError('BAT_E_DAEMON_LOST', { what: 'gone\nnow \u001b[31m', why: 'no \u202e reason' });
    };
    await open(size).run({ text: 'SZ', isCut: false });
    expect(errors[0]).toMatch(/^error: gone now \\u\{1b\}\[31m: no \\u\{202e\} reason; .*\(BAT_E_DAEMON_LOST\)$/);
  });

  it('ends a verb at its deadline and on Ctrl-C, even one that does not heed it, and is there for the next', async () => {
    const session = open(never);
    const late = session.run({ text: 'SZ', isCut: false });
    await clock.runUntilSettled(late, { deadlineMs: 120_000 });
    expect(errors.at(-1)).toMatch(/^error: not done within 1 min: .*\(BAT_E_TIMEOUT\)$/);
    const cancelled = session.run({ text: 'SZ', isCut: false });
    expect(session.isRunning).toBe(true);
    session.cancel();
    expect(await cancelled).toBe('go-on');
    expect(errors.at(-1)).toMatch(/\(BAT_E_INTERRUPTED\)$/);
    await session.run({ text: 'LL', isCut: false });
    expect(shown).toHaveLength(2);
  });

  it('ends with the reason when the whole shell is to end', async () => {
    const session = open(never);
    const running = session.run({ text: 'SZ', isCut: false });
    ending.abort(new BatChainError('BAT_E_INTERRUPTED', { what: 'interrupted' }));
    await expect(running).rejects.toMatchObject({ code: 'BAT_E_INTERRUPTED' });
  });
});
